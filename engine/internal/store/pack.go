package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/vfs"
)

const (
	PackDir    = "segments"
	packSuffix = ".pack"
)

func PackName(number uint64) string { return fmt.Sprintf("%012d%s", number, packSuffix) }

// packWriter writes one pack. A pack is written under its final name: until a manifest names it, it is garbage that
// the next start removes, and its number is never used again.
type packWriter struct {
	files   *packFiles
	name    string
	number  uint64
	file    vfs.File
	size    int64
	entries []PackEntry
}

func NewPackWriter(files *packFiles, dir string, store [16]byte, number uint64) (*packWriter, error) {
	name := filepath.Join(dir, PackName(number))
	f, err := files.fs.Create(name)
	if err != nil {
		return nil, err
	}
	w := &packWriter{files: files, name: name, number: number, file: f}
	if err := w.write(appendPackHeader(nil, store, number)); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

func (w *packWriter) write(b []byte) error {
	if err := vfs.WriteFull(w.file, b, w.size); err != nil {
		return fmt.Errorf("write %s: %w", w.name, err)
	}
	w.size += int64(len(b))
	return nil
}

// Add writes a segment.
func (w *packWriter) Add(modelID string, month base.MonthNumber, segment []byte) error {
	w.entries = append(w.entries, PackEntry{
		Model: modelID, Month: month, Offset: w.size, Length: int64(len(segment)), CRC: crc32.Checksum(segment, Castagnoli),
	})
	if err := w.write(segment); err != nil {
		return err
	}
	if odd := w.size % packAlign; odd != 0 {
		return w.write(make([]byte, packAlign-odd))
	}
	return nil
}

// Finish makes the pack's content durable, reads it back and checks it. The caller syncs the directory.
func (w *packWriter) Finish() (*Pack, error) {
	tail := AppendPackDirectory(nil, w.entries, w.size)
	if err := w.write(tail); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	if err := w.file.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("sync %s: %w", w.name, err), w.Abort())
	}
	_, _, crc, err := parsePackFooter(tail[len(tail)-PackFooterBytes:], w.size)
	if err != nil {
		panic("BUG: a pack's own footer: " + err.Error())
	}
	if err := w.file.Close(); err != nil {
		return nil, errors.Join(fmt.Errorf("close %s: %w", w.name, err), w.files.fs.Remove(w.name))
	}
	p := &Pack{Ref: FileRef{w.number, w.size, crc}, Name: w.name, files: w.files, Entries: slices.Clone(w.entries)}
	if err := p.Verify(); err != nil {
		p.Close()
		return nil, errors.Join(err, w.files.fs.Remove(w.name))
	}
	return p, nil
}

// Abort closes and removes what was written.
func (w *packWriter) Abort() error {
	return errors.Join(w.file.Close(), w.files.fs.Remove(w.name))
}

// Pack is a pack that segments are read from, until the last of them lets go.
type Pack struct {
	// Immutable.
	Ref     FileRef
	Name    string
	files   *packFiles
	Entries []PackEntry

	// holders counts the sealed segments that read from the file.
	holders atomic.Int64
}

func (p *Pack) Acquire() { p.holders.Add(1) }

// Release lets go. The last one out closes the file, whose content is no longer of use.
func (p *Pack) Release() {
	if p.holders.Add(-1) == 0 {
		p.Close()
	}
}

func (p *Pack) Close() { p.files.drop(p.Name) }

// OpenPack opens a pack that the manifest names and checks its header and directory. Segments are checked when read.
func OpenPack(files *packFiles, dir string, store [16]byte, ref FileRef) (_ *Pack, err error) {
	p := &Pack{Ref: ref, Name: filepath.Join(dir, PackName(ref.Number)), files: files}
	defer func() {
		if err != nil {
			p.Close()
			err = fmt.Errorf("%s: %w", p.Name, base.Missing(err))
		}
	}()
	size := int64(0)
	err = files.read(p.Name, func(f vfs.File) (err error) {
		size, err = f.Size()
		return err
	})
	if err != nil {
		return nil, err
	}
	header := make([]byte, min(PackHeaderBytes, size))
	if err := p.readAt(header, 0); err != nil {
		return nil, err
	}
	if err := checkPackHeader(header, store, ref.Number); err != nil {
		return nil, err
	}
	if size != ref.Size || size < PackHeaderBytes+PackFooterBytes {
		return nil, fmt.Errorf("%w: %d bytes, the manifest says %d", base.ErrCorrupt, size, ref.Size)
	}
	p.Entries, err = p.directory()
	return p, err
}

func (p *Pack) directory() ([]PackEntry, error) {
	footer := make([]byte, PackFooterBytes)
	if err := p.readAt(footer, p.Ref.Size-PackFooterBytes); err != nil {
		return nil, err
	}
	offset, length, crc, err := parsePackFooter(footer, p.Ref.Size)
	if err != nil {
		return nil, err
	}
	if crc != p.Ref.CRC {
		return nil, fmt.Errorf("%w: the directory is not the one that the manifest names", base.ErrCorrupt)
	}
	b := make([]byte, length)
	if err := p.readAt(b, offset); err != nil {
		return nil, err
	}
	return ParsePackDirectory(b, crc, offset)
}

func (p *Pack) readAt(b []byte, offset int64) error {
	return p.files.read(p.Name, func(f vfs.File) error {
		n, err := f.ReadAt(b, offset)
		if n == len(b) {
			return nil
		}
		return fmt.Errorf("read %d bytes at %d of %s: %w", len(b), offset, p.Name, err)
	})
}

// Load reads a whole segment and checks it.
func (p *Pack) Load(entry int) ([]byte, error) {
	e := &p.Entries[entry]
	b := make([]byte, e.Length)
	if err := p.readAt(b, e.Offset); err != nil {
		return nil, err
	}
	if crc32.Checksum(b, Castagnoli) != e.CRC {
		return nil, fmt.Errorf("%w: %s: the segment at %d fails its check", base.ErrCorrupt, p.Name, e.Offset)
	}
	return b, nil
}

// Verify reads every segment.
func (p *Pack) Verify() error {
	for i := range p.Entries {
		if _, err := p.Load(i); err != nil {
			return err
		}
	}
	return nil
}
