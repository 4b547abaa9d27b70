package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/vfs"
)

// A pack is a file of segments that one checkpoint or merge wrote, whatever models and months they are of, so that ten
// thousand models cost one fsync. See docs/format-pack.md.
//
//	header | segment | pad | segment | pad | … | directory | footer
const (
	packDir         = "segments"
	packSuffix      = ".pack"
	packMagic       = "RSDPACK\x01"
	packVersion     = 1
	packHeaderBytes = 64
	packFooterBytes = 32
	packAlign       = 8
	// packEntryBytesMin is the least an entry of the directory takes.
	packEntryBytesMin = 1 + 1 + 1 + 1 + 4
)

// PackEntry is one segment's place in a pack.
type PackEntry struct {
	Model          string
	Month          base.MonthNumber
	Offset, Length int64
	CRC            uint32
}

// Pack is a pack that segments are read from. It is immutable; its file is opened when it is read.
type Pack struct {
	Ref     FileRef
	Path    string
	Entries []PackEntry
	files   *packFiles
}

func packName(number uint64) string { return fmt.Sprintf("%012d%s", number, packSuffix) }

// PackPath returns where a pack is.
func (f *Files) PackPath(number uint64) string {
	return filepath.Join(f.dir, packDir, packName(number))
}

// OpenPack opens a pack that the manifest names and checks its header and directory. Segments are checked when read.
func (f *Files) OpenPack(ref FileRef) (*Pack, error) {
	return openPack(f.open, f.PackPath(ref.Number), f.id, ref)
}

func openPack(files *packFiles, path string, store [16]byte, ref FileRef) (_ *Pack, err error) {
	p := &Pack{Ref: ref, Path: path, files: files}
	defer func() {
		if err != nil {
			files.drop(path)
			err = fmt.Errorf("%s: %w", path, base.Missing(err))
		}
	}()
	size := int64(0)
	err = files.read(path, func(f vfs.File) (err error) {
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
	if err := checkPackHeader(header, store, ref.Number); err != nil {
		return nil, err
	}
	if size != ref.Size || size < packHeaderBytes+packFooterBytes {
		return nil, fmt.Errorf("%w: %d bytes, the manifest says %d", base.ErrCorrupt, size, ref.Size)
	}
	p.Entries, err = p.directory()
	return p, err
}

func (p *Pack) directory() ([]PackEntry, error) {
	footer := make([]byte, packFooterBytes)
	if err := p.readAt(footer, p.Ref.Size-packFooterBytes); err != nil {
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
	return parsePackDirectory(b, crc, offset)
}

func (p *Pack) readAt(b []byte, offset int64) error {
	return p.files.read(p.Path, func(f vfs.File) error {
		n, err := f.ReadAt(b, offset)
		if n == len(b) {
			return nil
		}
		return fmt.Errorf("read %d bytes at %d of %s: %w", len(b), offset, p.Path, err)
	})
}

// Load reads a whole segment and checks it.
func (p *Pack) Load(entry int) ([]byte, error) {
	e := &p.Entries[entry]
	b := make([]byte, e.Length)
	if err := p.readAt(b, e.Offset); err != nil {
		return nil, err
	}
	if crc32.Checksum(b, castagnoli) != e.CRC {
		return nil, fmt.Errorf("%w: %s: the segment at %d fails its check", base.ErrCorrupt, p.Path, e.Offset)
	}
	return b, nil
}

func (p *Pack) verify() error {
	for i := range p.Entries {
		if _, err := p.Load(i); err != nil {
			return err
		}
	}
	return nil
}

// PackWriter writes one pack. A pack is written under its final name: until a manifest names it, it is garbage that the
// next start removes, and its number is never used again.
type PackWriter struct {
	files   *packFiles
	path    string
	number  uint64
	file    vfs.File
	size    int64
	entries []PackEntry
}

// CreatePack begins a pack, which [PackWriter.Finish] or [PackWriter.Abort] ends.
func (f *Files) CreatePack() (*PackWriter, error) {
	number := f.number()
	return createPack(f.open, f.PackPath(number), f.id, number)
}

func createPack(files *packFiles, path string, store [16]byte, number uint64) (*PackWriter, error) {
	f, err := files.fs.Create(path)
	if err != nil {
		return nil, err
	}
	w := &PackWriter{files: files, path: path, number: number, file: f}
	if err := w.write(appendPackHeader(nil, store, number)); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	return w, nil
}

func (w *PackWriter) write(b []byte) error {
	if err := vfs.WriteFull(w.file, b, w.size); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	w.size += int64(len(b))
	return nil
}

// Add writes a segment.
func (w *PackWriter) Add(model string, month base.MonthNumber, segment []byte) error {
	w.entries = append(w.entries, PackEntry{
		Model: model, Month: month, Offset: w.size, Length: int64(len(segment)), CRC: crc32.Checksum(segment, castagnoli),
	})
	if err := w.write(segment); err != nil {
		return err
	}
	if odd := w.size % packAlign; odd != 0 {
		return w.write(make([]byte, packAlign-odd))
	}
	return nil
}

// Finish makes the pack's content durable, reads it back and checks it. [Files.Commit] syncs the directory.
func (w *PackWriter) Finish() (*Pack, error) {
	tail := appendPackDirectory(nil, w.entries, w.size)
	if err := w.write(tail); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	if err := w.file.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("sync %s: %w", w.path, err), w.Abort())
	}
	_, _, crc, err := parsePackFooter(tail[len(tail)-packFooterBytes:], w.size)
	if err != nil {
		panic("BUG: a pack's own footer: " + err.Error())
	}
	if err := w.file.Close(); err != nil {
		return nil, errors.Join(fmt.Errorf("close %s: %w", w.path, err), w.files.fs.Remove(w.path))
	}
	p := &Pack{Ref: FileRef{w.number, w.size, crc}, Path: w.path, files: w.files, Entries: w.entries}
	if err := p.verify(); err != nil {
		w.files.drop(w.path)
		return nil, errors.Join(err, w.files.fs.Remove(w.path))
	}
	return p, nil
}

// Abort closes and removes what was written.
func (w *PackWriter) Abort() error {
	return errors.Join(w.file.Close(), w.files.fs.Remove(w.path))
}

// appendPackHeader appends magic, version, store id, pack number and their CRC, padded with zeros.
func appendPackHeader(dst []byte, store [16]byte, number uint64) []byte {
	at := len(dst)
	dst = append(dst, packMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, packVersion)
	dst = append(dst, store[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, number)
	dst = append(dst, make([]byte, packHeaderBytes-4-(len(dst)-at))...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[at:], castagnoli))
}

// checkPackHeader verifies that the header is that of pack number of the store.
func checkPackHeader(b []byte, store [16]byte, number uint64) error {
	want := appendPackHeader(nil, store, number)
	switch {
	case bytes.Equal(b, want):
		return nil
	case len(b) != packHeaderBytes || string(b[:len(packMagic)]) != packMagic:
		return fmt.Errorf("%w: not a pack", base.ErrCorrupt)
	case binary.LittleEndian.Uint32(b[packHeaderBytes-4:]) != crc32.Checksum(b[:packHeaderBytes-4], castagnoli):
		return fmt.Errorf("%w: the header fails its check", base.ErrCorrupt)
	case binary.LittleEndian.Uint32(b[len(packMagic):]) != packVersion:
		return fmt.Errorf("%w: pack version %d", base.ErrVersion, binary.LittleEndian.Uint32(b[len(packMagic):]))
	default:
		return fmt.Errorf("%w: %w", base.ErrCorrupt, base.ErrMisplaced)
	}
}

// appendPackDirectory appends the directory and the footer that finds it. offset is where the directory begins.
func appendPackDirectory(dst []byte, entries []PackEntry, offset int64) []byte {
	at := len(dst)
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	for _, e := range entries {
		dst = columns.AppendText(dst, e.Model)
		dst = binary.AppendVarint(dst, int64(e.Month))
		dst = binary.AppendUvarint(dst, uint64(e.Offset))
		dst = binary.AppendUvarint(dst, uint64(e.Length))
		dst = binary.LittleEndian.AppendUint32(dst, e.CRC)
	}
	size, crc := len(dst)-at, crc32.Checksum(dst[at:], castagnoli)
	footer := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(offset))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(size))
	dst = binary.LittleEndian.AppendUint32(dst, crc)
	dst = append(dst, packMagic...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[footer:], castagnoli))
}

// parsePackFooter returns where the directory is and its CRC. size is that of the file.
func parsePackFooter(b []byte, size int64) (offset, length int64, crc uint32, err error) {
	if len(b) != packFooterBytes || binary.LittleEndian.Uint32(b[28:]) != crc32.Checksum(b[:28], castagnoli) || string(b[20:28]) != packMagic {
		return 0, 0, 0, fmt.Errorf("%w: the footer fails its check", base.ErrCorrupt)
	}
	offset, length = int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
	if offset < packHeaderBytes || length < 0 || offset > size || length != size-packFooterBytes-offset {
		return 0, 0, 0, fmt.Errorf("%w: the directory lies outside the file", base.ErrCorrupt)
	}
	return offset, length, binary.LittleEndian.Uint32(b[16:]), nil
}

// parsePackDirectory reads the entries, which must lie between the header and end, in order and apart.
func parsePackDirectory(b []byte, crc uint32, end int64) ([]PackEntry, error) {
	if crc32.Checksum(b, castagnoli) != crc {
		return nil, fmt.Errorf("%w: the directory fails its check", base.ErrCorrupt)
	}
	c := columns.NewCursor(b, base.ErrCorrupt)
	entries := make([]PackEntry, c.Count(packEntryBytesMin, "entries"))
	at := int64(packHeaderBytes)
	for i := range entries {
		e := &entries[i]
		e.Model = string(c.Text())
		e.Month = base.MonthNumber(c.Varint())
		e.Offset, e.Length = int64(c.Uvarint()), int64(c.Uvarint())
		e.CRC = c.Uint32()
		if c.Err == nil && (e.Offset < at || e.Length < 0 || e.Length > end-e.Offset) {
			return nil, fmt.Errorf("%w: entry %d of the directory lies outside its place", base.ErrCorrupt, i)
		}
		at = e.Offset + e.Length
	}
	return entries, c.End()
}
