package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/residualdb/residual/engine/internal/base"
)

// A pack is a file of segments that one checkpoint or merge wrote, whatever models and months they are of, so that ten
// thousand models cost one fsync. See docs/format-pack.md.
//
//	header | segment | pad | segment | pad | … | directory | footer
const (
	packMagic       = "RSDPACK\x01"
	packVersion     = 1
	PackHeaderBytes = 64
	PackFooterBytes = 32
	packAlign       = 8
	// packEntryBytesMin is the least an entry of the directory takes.
	packEntryBytesMin = 1 + 1 + 1 + 1 + 4
)

var Castagnoli = crc32.MakeTable(crc32.Castagnoli)

// PackEntry is one segment's place in a pack.
type PackEntry struct {
	Model          string
	Month          base.MonthNumber
	Offset, Length int64
	CRC            uint32
}

// appendPackHeader appends magic, version, store id, pack number and their CRC, padded with zeros.
func appendPackHeader(dst []byte, store [16]byte, number uint64) []byte {
	at := len(dst)
	dst = append(dst, packMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, packVersion)
	dst = append(dst, store[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, number)
	dst = append(dst, make([]byte, PackHeaderBytes-4-(len(dst)-at))...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[at:], Castagnoli))
}

// checkPackHeader verifies that the header is that of pack number of the store.
func checkPackHeader(b []byte, store [16]byte, number uint64) error {
	want := appendPackHeader(nil, store, number)
	switch {
	case bytes.Equal(b, want):
		return nil
	case len(b) != PackHeaderBytes || string(b[:len(packMagic)]) != packMagic:
		return fmt.Errorf("%w: not a pack", base.ErrCorrupt)
	case binary.LittleEndian.Uint32(b[PackHeaderBytes-4:]) != crc32.Checksum(b[:PackHeaderBytes-4], Castagnoli):
		return fmt.Errorf("%w: the header fails its check", base.ErrCorrupt)
	case binary.LittleEndian.Uint32(b[len(packMagic):]) != packVersion:
		return fmt.Errorf("%w: pack version %d", base.ErrVersion, binary.LittleEndian.Uint32(b[len(packMagic):]))
	default:
		return fmt.Errorf("%w: %w", base.ErrCorrupt, base.ErrMisplaced)
	}
}

// AppendPackDirectory appends the directory and the footer that finds it. offset is where the directory begins.
func AppendPackDirectory(dst []byte, entries []PackEntry, offset int64) []byte {
	at := len(dst)
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	for _, e := range entries {
		dst = base.AppendText(dst, e.Model)
		dst = binary.AppendVarint(dst, int64(e.Month))
		dst = binary.AppendUvarint(dst, uint64(e.Offset))
		dst = binary.AppendUvarint(dst, uint64(e.Length))
		dst = binary.LittleEndian.AppendUint32(dst, e.CRC)
	}
	size, crc := len(dst)-at, crc32.Checksum(dst[at:], Castagnoli)
	footer := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(offset))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(size))
	dst = binary.LittleEndian.AppendUint32(dst, crc)
	dst = append(dst, packMagic...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[footer:], Castagnoli))
}

// parsePackFooter returns where the directory is and its CRC. size is that of the file.
func parsePackFooter(b []byte, size int64) (offset, length int64, crc uint32, err error) {
	if len(b) != PackFooterBytes || binary.LittleEndian.Uint32(b[28:]) != crc32.Checksum(b[:28], Castagnoli) || string(b[20:28]) != packMagic {
		return 0, 0, 0, fmt.Errorf("%w: the footer fails its check", base.ErrCorrupt)
	}
	offset, length = int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
	if offset < PackHeaderBytes || length < 0 || offset > size || length != size-PackFooterBytes-offset {
		return 0, 0, 0, fmt.Errorf("%w: the directory lies outside the file", base.ErrCorrupt)
	}
	return offset, length, binary.LittleEndian.Uint32(b[16:]), nil
}

// ParsePackDirectory reads the entries, which must lie between the header and end, in order and apart.
func ParsePackDirectory(b []byte, crc uint32, end int64) ([]PackEntry, error) {
	if crc32.Checksum(b, Castagnoli) != crc {
		return nil, fmt.Errorf("%w: the directory fails its check", base.ErrCorrupt)
	}
	c := base.Cursor{Rest: b}
	entries := make([]PackEntry, c.Count(packEntryBytesMin, "entries"))
	at := int64(PackHeaderBytes)
	for i := range entries {
		e := &entries[i]
		e.Model = string(c.Text("model"))
		e.Month = base.MonthNumber(c.Varint("month"))
		e.Offset, e.Length = int64(c.Uvarint("offset")), int64(c.Uvarint("length"))
		e.CRC = c.Uint32("checksum")
		if c.Err == nil && (e.Offset < at || e.Length < 0 || e.Length > end-e.Offset) {
			return nil, fmt.Errorf("%w: entry %d of the directory lies outside its place", base.ErrCorrupt, i)
		}
		at = e.Offset + e.Length
	}
	return entries, c.End("the directory")
}
