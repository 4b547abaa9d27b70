package engine

import (
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/residualdb/residual/internal/vfs"
)

const (
	packDirName = "segments"
	packSuffix  = ".pack"
)

func packName(number uint64) string { return fmt.Sprintf("%012d%s", number, packSuffix) }

// packWriter writes one pack. A pack is written under its final name: until a manifest names it, it is garbage that
// the next start removes, and its number is never used again.
type packWriter struct {
	files   *packFiles
	name    string
	number  uint64
	file    vfs.File
	size    int64
	entries []packEntry
}

func newPackWriter(files *packFiles, dir string, store [16]byte, number uint64) (*packWriter, error) {
	name := filepath.Join(dir, packName(number))
	f, err := files.fs.Create(name)
	if err != nil {
		return nil, err
	}
	w := &packWriter{files: files, name: name, number: number, file: f}
	if err := w.write(appendPackHeader(nil, store, number)); err != nil {
		return nil, errors.Join(err, w.abort())
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

// add writes a segment.
func (w *packWriter) add(modelID string, month monthNumber, segment []byte) error {
	w.entries = append(w.entries, packEntry{
		model: modelID, month: month, offset: w.size, length: int64(len(segment)), crc: crc32.Checksum(segment, castagnoli),
	})
	if err := w.write(segment); err != nil {
		return err
	}
	if odd := w.size % packAlign; odd != 0 {
		return w.write(make([]byte, packAlign-odd))
	}
	return nil
}

// finish makes the pack's content durable, reads it back and checks it. The caller syncs the directory.
func (w *packWriter) finish() (*pack, error) {
	tail := appendPackDirectory(nil, w.entries, w.size)
	if err := w.write(tail); err != nil {
		return nil, errors.Join(err, w.abort())
	}
	if err := w.file.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("sync %s: %w", w.name, err), w.abort())
	}
	_, _, crc, err := parsePackFooter(tail[len(tail)-packFooterBytes:], w.size)
	if err != nil {
		panic("BUG: a pack's own footer: " + err.Error())
	}
	if err := w.file.Close(); err != nil {
		return nil, errors.Join(fmt.Errorf("close %s: %w", w.name, err), w.files.fs.Remove(w.name))
	}
	p := &pack{ref: fileRef{w.number, w.size, crc}, name: w.name, files: w.files, entries: slices.Clone(w.entries)}
	if err := p.verify(); err != nil {
		p.close()
		return nil, errors.Join(err, w.files.fs.Remove(w.name))
	}
	return p, nil
}

// abort closes and removes what was written.
func (w *packWriter) abort() error {
	return errors.Join(w.file.Close(), w.files.fs.Remove(w.name))
}

// pack is a pack that segments are read from, until the last of them lets go.
type pack struct {
	// Immutable.
	ref     fileRef
	name    string
	files   *packFiles
	entries []packEntry

	// holders counts the sealed segments that read from the file.
	holders atomic.Int64
}

func (p *pack) acquire() { p.holders.Add(1) }

// release lets go. The last one out closes the file, whose content is no longer of use.
func (p *pack) release() {
	if p.holders.Add(-1) == 0 {
		p.close()
	}
}

func (p *pack) close() { p.files.drop(p.name) }

// openPack opens a pack that the manifest names and checks its header and directory. Segments are checked when read.
func openPack(files *packFiles, dir string, store [16]byte, ref fileRef) (_ *pack, err error) {
	p := &pack{ref: ref, name: filepath.Join(dir, packName(ref.number)), files: files}
	defer func() {
		if err != nil {
			p.close()
			err = fmt.Errorf("%s: %w", p.name, missing(err))
		}
	}()
	size := int64(0)
	err = files.read(p.name, func(f vfs.File) (err error) {
		size, err = f.Size()
		return err
	})
	if err != nil {
		return nil, err
	}
	header := make([]byte, min(packHeaderBytes, size))
	if err := p.readAt(header, 0); err != nil {
		return nil, err
	}
	if err := checkPackHeader(header, store, ref.number); err != nil {
		return nil, err
	}
	if size != ref.size || size < packHeaderBytes+packFooterBytes {
		return nil, fmt.Errorf("%w: %d bytes, the manifest says %d", ErrCorrupt, size, ref.size)
	}
	p.entries, err = p.directory()
	return p, err
}

func (p *pack) directory() ([]packEntry, error) {
	footer := make([]byte, packFooterBytes)
	if err := p.readAt(footer, p.ref.size-packFooterBytes); err != nil {
		return nil, err
	}
	offset, length, crc, err := parsePackFooter(footer, p.ref.size)
	if err != nil {
		return nil, err
	}
	if crc != p.ref.crc {
		return nil, fmt.Errorf("%w: the directory is not the one that the manifest names", ErrCorrupt)
	}
	b := make([]byte, length)
	if err := p.readAt(b, offset); err != nil {
		return nil, err
	}
	return parsePackDirectory(b, crc, offset)
}

func (p *pack) readAt(b []byte, offset int64) error {
	return p.files.read(p.name, func(f vfs.File) error {
		n, err := f.ReadAt(b, offset)
		if n == len(b) {
			return nil
		}
		return fmt.Errorf("read %d bytes at %d of %s: %w", len(b), offset, p.name, err)
	})
}

// load reads a whole segment and checks it.
func (p *pack) load(entry int) ([]byte, error) {
	e := &p.entries[entry]
	b := make([]byte, e.length)
	if err := p.readAt(b, e.offset); err != nil {
		return nil, err
	}
	if crc32.Checksum(b, castagnoli) != e.crc {
		return nil, fmt.Errorf("%w: %s: the segment at %d fails its check", ErrCorrupt, p.name, e.offset)
	}
	return b, nil
}

// verify reads every segment.
func (p *pack) verify() error {
	for i := range p.entries {
		if _, err := p.load(i); err != nil {
			return err
		}
	}
	return nil
}
