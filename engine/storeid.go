package engine

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/residualdb/residual/internal/vfs"
)

// Names in the store's directory.
const (
	lockName    = "LOCK"
	storeIDName = "store-id"
	logDirName  = "wal"
)

// storeIDHead begins the store-id file; the version is that of the directory's layout.
const storeIDHead = "residual store 1\n"

// storeID reads the id that ties the files of a store together, or makes one in a new directory. A directory with other
// things in it is not taken for a new one.
func (db *DB) storeID() (id [16]byte, err error) {
	data, err := vfs.ReadFile(db.claim, filepath.Join(db.dir, storeIDName))
	if err == nil {
		return parseStoreID(data)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	if err := checkDir(db.claim, db.dir); err != nil {
		return id, err
	}
	if err := syncAbove(db.opts.FS, db.dir); err != nil {
		return id, err
	}
	if _, err := io.ReadFull(db.opts.Random, id[:]); err != nil {
		return id, err
	}
	content := storeIDHead + hex.EncodeToString(id[:]) + "\n"
	return id, vfs.WriteFileAtomic(db.claim, db.dir, storeIDName, []byte(content))
}

// syncAbove makes the directory's own name durable, and those of the directories above it, which may be as new. Those
// further up may belong to others and not be open to us; then they are not new.
func syncAbove(fsys vfs.FS, dir string) error {
	parent := filepath.Dir(filepath.Clean(dir))
	for above := parent; ; above = filepath.Dir(above) {
		if err := fsys.SyncDir(above); err != nil && (above == parent || !errors.Is(err, fs.ErrPermission)) {
			return err
		}
		if above == filepath.Dir(above) {
			return nil
		}
	}
}

func parseStoreID(data []byte) (id [16]byte, err error) {
	head, rest, ok := bytes.Cut(data, []byte("\n"))
	if !ok || !bytes.HasPrefix(head, []byte("residual store ")) {
		return id, fmt.Errorf("%w: %s is not a store's", ErrCorrupt, storeIDName)
	}
	if string(head)+"\n" != storeIDHead {
		return id, fmt.Errorf("%w: %s says %q", ErrVersion, storeIDName, head)
	}
	if len(rest) != 2*len(id)+1 || rest[2*len(id)] != '\n' {
		return id, fmt.Errorf("%w: %s has %d bytes behind its head", ErrCorrupt, storeIDName, len(rest))
	}
	if _, err := hex.Decode(id[:], rest[:2*len(id)]); err != nil {
		return id, fmt.Errorf("%w: %s: %w", ErrCorrupt, storeIDName, err)
	}
	return id, nil
}
