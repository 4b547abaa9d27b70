package engine

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

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
func storeID(fsys vfs.FS, dir string, random io.Reader) (id [16]byte, err error) {
	name := filepath.Join(dir, storeIDName)
	data, err := vfs.ReadFile(fsys, name)
	if err == nil {
		return parseStoreID(data)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	names, err := fsys.List(dir)
	if err != nil {
		return id, err
	}
	if i := slices.IndexFunc(names, func(name string) bool { return !mayPrecedeStore(name) }); i >= 0 {
		return id, fmt.Errorf("%w: no %s beside %q; a new store needs an empty directory", ErrCorrupt, storeIDName, names[i])
	}
	if err := syncAbove(fsys, dir); err != nil {
		return id, err
	}
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return id, err
	}
	content := storeIDHead + hex.EncodeToString(id[:]) + "\n"
	return id, vfs.WriteFileAtomic(fsys, dir, storeIDName, []byte(content))
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

// mayPrecedeStore tells whether a file may be in the directory before the store is: the lock, tokens made ahead of the
// first start, and what an interrupted start left.
func mayPrecedeStore(name string) bool {
	return name == lockName || strings.HasPrefix(name, "tokens.json") || strings.HasSuffix(name, vfs.TempSuffix)
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

// lockError gives a lock held elsewhere its class.
func lockError(lock io.Closer, err error) (io.Closer, error) {
	if errors.Is(err, vfs.ErrLocked) {
		return nil, ErrLocked
	}
	return lock, err
}
