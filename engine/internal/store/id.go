package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/vfs"
)

// Names in the store's directory.
const (
	LockName = "LOCK"
	IDName   = "store-id"
	LogDir   = "wal"
	// TokensName is that of the file of tokens, of which nothing else is known here.
	TokensName = "tokens.json"
)

// idHead begins the store-id file; the version is that of the directory's layout.
const idHead = "residual store 1\n"

// ReadID reads the id that ties the files of a store together, or makes one in a new directory. A directory with other
// things in it is not taken for a new one.
func ReadID(claim *vfs.Claim, under vfs.FS, dir string, random io.Reader) (id [16]byte, err error) {
	data, err := vfs.ReadFile(claim, filepath.Join(dir, IDName))
	if err == nil {
		return ParseID(data)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return id, err
	}
	if err := CheckDir(claim, dir); err != nil {
		return id, err
	}
	if err := SyncAbove(under, dir); err != nil {
		return id, err
	}
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return id, err
	}
	return id, vfs.WriteFileAtomic(claim, dir, IDName, EncodeID(id))
}

// SyncAbove makes the directory's own name durable, and those of the directories above it, which may be as new. Those
// further up may belong to others and not be open to us; then they are not new.
func SyncAbove(fsys vfs.FS, dir string) error {
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

// EncodeID returns the content of the store-id file.
func EncodeID(id [16]byte) []byte { return []byte(idHead + hex.EncodeToString(id[:]) + "\n") }

// ParseID reads the content of the store-id file.
func ParseID(data []byte) (id [16]byte, err error) {
	head, rest, ok := bytes.Cut(data, []byte("\n"))
	if !ok || !bytes.HasPrefix(head, []byte("residual store ")) {
		return id, fmt.Errorf("%w: %s is not a store's", base.ErrCorrupt, IDName)
	}
	if string(head)+"\n" != idHead {
		return id, fmt.Errorf("%w: %s says %q", base.ErrVersion, IDName, head)
	}
	if len(rest) != 2*len(id)+1 || rest[2*len(id)] != '\n' {
		return id, fmt.Errorf("%w: %s has %d bytes behind its head", base.ErrCorrupt, IDName, len(rest))
	}
	if _, err := hex.Decode(id[:], rest[:2*len(id)]); err != nil {
		return id, fmt.Errorf("%w: %s: %w", base.ErrCorrupt, IDName, err)
	}
	return id, nil
}
