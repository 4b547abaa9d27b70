package backup

import (
	"context"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
)

// Moment is a store at one LSN, as what is copied of it.
type Moment struct {
	// Store is its id.
	Store [16]byte
	// LSN is the last record of the log that counts.
	LSN uint64
	// Taken is when it was that, to the millisecond.
	Taken time.Time
	// Manifest has the bytes of the manifest.
	Manifest []byte
	// Files are all that the manifest names, then the files of the log behind it, as far as they count, then the tokens if
	// there are any.
	Files []File
}

// File is a file of a moment.
type File struct {
	// Path is where it is in the directory of the store, with slashes.
	Path string
	Size int64
	// CRC is that of the manifest for a pack or a list, and the CRC-32 of all bytes for others.
	CRC uint32
}

// Source is where the files of a moment come from.
type Source interface {
	Moment() Moment
	// Open returns the bytes of a file from an offset on.
	Open(ctx context.Context, path string, off int64) (io.ReadCloser, error)
}

// Bytes returns the size of all files.
func (m *Moment) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// Check refuses a moment whose files are not those of its manifest, or have paths that no store has: it may come from a server.
func (m *Moment) Check() error {
	manifest, err := store.DecodeManifest(m.Manifest, m.Store)
	if err != nil {
		return err
	}
	rest := m.Files
	for name, ref := range manifest.AllFiles {
		want := File{filepath.ToSlash(name), ref.Size, ref.CRC}
		if len(rest) == 0 || rest[0] != want {
			return fmt.Errorf("%w: the manifest names %s, of %d bytes, which is not among the files", base.ErrCorrupt, want.Path, want.Size)
		}
		rest = rest[1:]
	}
	if n := len(rest); n > 0 && rest[n-1].Path == store.TokensName {
		rest = rest[:n-1]
	}
	for i, f := range rest {
		number, isLog := f.logNumber()
		if !isLog || number != uint64(manifest.Covered.File)+1+uint64(i) {
			return fmt.Errorf("%w: %q is not the file of the log that is next", base.ErrCorrupt, f.Path)
		}
	}
	if len(rest) == 0 {
		return fmt.Errorf("%w: no file of the log", base.ErrCorrupt)
	}
	for _, f := range m.Files {
		if f.Size < 0 {
			return fmt.Errorf("%w: %s has %d bytes", base.ErrCorrupt, f.Path, f.Size)
		}
	}
	return nil
}

// logNumber returns the number of a file of the log.
func (f *File) logNumber() (number uint64, ok bool) {
	dir, name := path.Split(f.Path)
	digits, ok := strings.CutSuffix(name, ".log")
	if !ok || dir != store.LogDir+"/" || len(digits) < 10 {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 32)
	return number, err == nil
}

// tokensDir is where a place keeps the tokens, which a store has at its root.
const tokensDir = "tokens"

// objectDirs are the directories of a place that have objects.
var objectDirs = [...]string{
	"segments", store.ListKeys.String(), store.ListRejects.String(), store.ListActuals.String(), store.ListPositions.String(), store.LogDir, tokensDir,
}

// object returns the name of the file in a place: that of the same file with other content is another.
func (f *File) object() string {
	dir, name := path.Split(f.Path)
	if dir == "" {
		dir = tokensDir
	}
	ext := path.Ext(name)
	return path.Join(dir, fmt.Sprintf("%s-%d-%08x%s", strings.TrimSuffix(name, ext), f.Size, f.CRC, ext))
}
