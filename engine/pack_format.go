package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A pack is a file of segments that one checkpoint or merge wrote, whatever models and months they are of, so that ten
// thousand models cost one fsync. See docs/format-pack.md.
//
//	header | segment | pad | segment | pad | … | directory | footer
const (
	packMagic       = "RSDPACK\x01"
	packVersion     = 1
	packHeaderBytes = 64
	packFooterBytes = 32
	packAlign       = 8
	// packEntryBytesMin is the least an entry of the directory takes.
	packEntryBytesMin = 1 + 1 + 1 + 1 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// packEntry is one segment's place in a pack.
type packEntry struct {
	model          string
	month          monthNumber
	offset, length int64
	crc            uint32
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
		return fmt.Errorf("%w: not a pack", ErrCorrupt)
	case binary.LittleEndian.Uint32(b[packHeaderBytes-4:]) != crc32.Checksum(b[:packHeaderBytes-4], castagnoli):
		return fmt.Errorf("%w: the header fails its check", ErrCorrupt)
	case binary.LittleEndian.Uint32(b[len(packMagic):]) != packVersion:
		return fmt.Errorf("%w: pack version %d", ErrVersion, binary.LittleEndian.Uint32(b[len(packMagic):]))
	default:
		return fmt.Errorf("%w: %w", ErrCorrupt, errMisplaced)
	}
}

// appendPackDirectory appends the directory and the footer that finds it. offset is where the directory begins.
func appendPackDirectory(dst []byte, entries []packEntry, offset int64) []byte {
	at := len(dst)
	dst = binary.AppendUvarint(dst, uint64(len(entries)))
	for _, e := range entries {
		dst = appendText(dst, e.model)
		dst = binary.AppendVarint(dst, int64(e.month))
		dst = binary.AppendUvarint(dst, uint64(e.offset))
		dst = binary.AppendUvarint(dst, uint64(e.length))
		dst = binary.LittleEndian.AppendUint32(dst, e.crc)
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
		return 0, 0, 0, fmt.Errorf("%w: the footer fails its check", ErrCorrupt)
	}
	offset, length = int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))
	if offset < packHeaderBytes || length < 0 || offset > size || length != size-packFooterBytes-offset {
		return 0, 0, 0, fmt.Errorf("%w: the directory lies outside the file", ErrCorrupt)
	}
	return offset, length, binary.LittleEndian.Uint32(b[16:]), nil
}

// parsePackDirectory reads the entries, which must lie between the header and end, in order and apart.
func parsePackDirectory(b []byte, crc uint32, end int64) ([]packEntry, error) {
	if crc32.Checksum(b, castagnoli) != crc {
		return nil, fmt.Errorf("%w: the directory fails its check", ErrCorrupt)
	}
	c := cursor{rest: b}
	entries := make([]packEntry, c.count(packEntryBytesMin, "entries"))
	at := int64(packHeaderBytes)
	for i := range entries {
		e := &entries[i]
		e.model = string(c.text("model"))
		e.month = monthNumber(c.varint("month"))
		e.offset, e.length = int64(c.uvarint("offset")), int64(c.uvarint("length"))
		e.crc = c.uint32("checksum")
		if c.err == nil && (e.offset < at || e.length < 0 || e.length > end-e.offset) {
			return nil, fmt.Errorf("%w: entry %d of the directory lies outside its place", ErrCorrupt, i)
		}
		at = e.offset + e.length
	}
	return entries, c.end("the directory")
}
