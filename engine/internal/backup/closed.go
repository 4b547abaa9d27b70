package backup

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// HoldClosed holds the store in a directory that no process has open. It changes nothing, and keeps others from opening the store
// where there are locks. The log is read through; a torn tail, which a start would cut off, does not count.
func HoldClosed(fsys vfs.FS, dir string, now time.Time) (*Held, error) {
	shared, err := vfs.OpenShared(fsys, dir, store.LockName)
	if err != nil {
		return nil, store.LockError(err)
	}
	from, err := closedHolding(shared, dir)
	if err != nil {
		_ = shared.Close() // it was only read
		return nil, err
	}
	from.Taken, from.Release = now, shared.Close
	return Hold(from)
}

func closedHolding(fsys vfs.FS, dir string) (from Holding, err error) {
	data, err := vfs.ReadFile(fsys, filepath.Join(dir, store.IDName))
	if err != nil {
		return from, base.Missing(err)
	}
	id, err := store.ParseID(data)
	if err != nil {
		return from, err
	}
	files := store.New(fsys, nil, dir, id)
	if err := files.Load(); err != nil {
		return from, err
	}
	if files.Manifest.Number == 0 {
		return from, fmt.Errorf("%w: %s has no manifest: its first start was interrupted, or it was lost", base.ErrCorrupt, dir)
	}
	if err := files.CheckLayout(); err != nil {
		return from, err
	}
	parts, log, err := wal.ReadParts(fsys, filepath.Join(dir, store.LogDir), id, files.Manifest.Covered)
	if err != nil {
		return from, base.LogError(err)
	}
	return Holding{FS: fsys, Dir: dir, Store: id, Manifest: files.Manifest, LSN: log.LastLSN, Parts: parts}, files.Close()
}
