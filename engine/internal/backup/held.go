package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// Held is a moment of a store on this machine whose files stay where they are until it is closed. It is safe for concurrent use.
type Held struct {
	// Immutable.
	moment Moment
	fs     vfs.FS
	dir    string
	files  map[string]File // of the moment, by their paths
	// open are the files of the log, which may be removed while they are open, and the tokens, which change, by their paths.
	open    map[string]Object
	release func() error

	// mu is held for reading while a file of open is read, for writing to close them.
	mu     sync.RWMutex
	closed bool
}

// Holding is what a moment is made of.
type Holding struct {
	FS    vfs.FS
	Dir   string
	Store [16]byte
	// Manifest is pinned until Release is called.
	Manifest store.Manifest
	// LSN is the last record of the log in Parts.
	LSN     uint64
	Taken   time.Time
	Parts   []wal.Part
	Release func() error
}

// tokensMax bounds the file of tokens, which is in memory.
const tokensMax = 16 << 20

// Hold takes hold of the files of the log and of the tokens. The caller sees to it that no file of the log is removed meanwhile.
// After an error it has released what it was given.
func Hold(from Holding) (*Held, error) {
	h := &Held{
		moment: Moment{
			Store: from.Store, LSN: from.LSN, Taken: from.Taken.UTC().Truncate(time.Millisecond), Manifest: from.Manifest.Encode(from.Store),
		},
		fs: from.FS, dir: from.Dir, open: make(map[string]Object), release: from.Release,
	}
	for name, ref := range from.Manifest.AllFiles {
		h.moment.Files = append(h.moment.Files, File{filepath.ToSlash(name), ref.Size, ref.CRC})
	}
	err := h.keepLog(from.Parts)
	if err == nil {
		err = h.keepTokens()
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	h.files = make(map[string]File, len(h.moment.Files))
	for _, f := range h.moment.Files {
		h.files[f.Path] = f
	}
	return h, nil
}

func (h *Held) keepLog(parts []wal.Part) error {
	c := newCopier(nil, nil)
	for _, part := range parts {
		name := store.LogDir + "/" + part.Name
		f, err := h.fs.OpenRead(filepath.Join(h.dir, store.LogDir, part.Name))
		if err != nil {
			return err
		}
		h.open[name] = f
		crc, err := c.sum(context.Background(), f, part.Bytes, io.Discard)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		h.moment.Files = append(h.moment.Files, File{name, part.Bytes, crc})
	}
	return nil
}

func (h *Held) keepTokens() error {
	f, err := h.fs.OpenRead(filepath.Join(h.dir, store.TokensName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil && size > tokensMax {
		err = fmt.Errorf("%s has %d bytes, and may have %d", store.TokensName, size, tokensMax)
	}
	var b []byte
	if err == nil {
		b = make([]byte, size)
		_, err = io.ReadFull(io.NewSectionReader(f, 0, size), b)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	h.open[store.TokensName] = &inMemory{bytes.NewReader(b)}
	h.moment.Files = append(h.moment.Files, File{store.TokensName, size, crc32.ChecksumIEEE(b)})
	return nil
}

type inMemory struct{ *bytes.Reader }

func (m *inMemory) Size() (int64, error) { return m.Reader.Size(), nil }
func (m *inMemory) Close() error         { return nil }

// Moment implements [Source].
func (h *Held) Moment() Moment { return h.moment }

// Size returns the bytes of a file; ok is false for what is not one of the moment.
func (h *Held) Size(path string) (size int64, ok bool) {
	f, ok := h.files[path]
	return f.Size, ok
}

// Open implements [Source]. It is fs.ErrNotExist for what is not a file of the moment, and [base.ErrClosed] once the moment is
// no longer held.
func (h *Held) Open(_ context.Context, path string, off int64) (io.ReadCloser, error) {
	f, ok := h.files[path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if off < 0 || off > f.Size {
		return nil, fmt.Errorf("%s: offset %d of %d bytes: %w", path, off, f.Size, fs.ErrInvalid)
	}
	r := &heldReader{held: h, off: off, end: f.Size}
	if r.src = h.open[path]; r.src != nil {
		return r, nil
	}
	file, err := h.fs.OpenRead(filepath.Join(h.dir, filepath.FromSlash(path)))
	if err != nil {
		return nil, h.gone(err)
	}
	r.src, r.close = file, file.Close
	return r, nil
}

// gone gives an error of what is no longer held its class.
func (h *Held) gone(err error) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.closed {
		return fmt.Errorf("%w: the moment is no longer held", base.ErrClosed)
	}
	return err
}

// Close lets go of the moment. It waits for reads under way, and may be repeated.
func (h *Held) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	var errs []error
	for _, f := range h.open {
		errs = append(errs, f.Close())
	}
	if h.release != nil {
		errs = append(errs, h.release())
	}
	return errors.Join(errs...)
}

// heldReader reads a file of a moment. It is for one goroutine.
type heldReader struct {
	held     *Held
	src      io.ReaderAt
	off, end int64
	close    func() error // nil where the moment has the file
}

func (r *heldReader) Read(p []byte) (int, error) {
	r.held.mu.RLock()
	defer r.held.mu.RUnlock()
	if r.held.closed {
		return 0, fmt.Errorf("%w: the moment is no longer held", base.ErrClosed)
	}
	if r.off == r.end {
		return 0, io.EOF
	}
	n, err := r.src.ReadAt(p[:min(int64(len(p)), r.end-r.off)], r.off)
	r.off += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (r *heldReader) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close()
}
