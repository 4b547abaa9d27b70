package engine

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"time"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/vfs"
)

// A list is a file with what one checkpoint interval added to the idempotency window or to the quarantine, or with
// actuals that are remembered at the checkpoint. See docs/format-pack.md.
//
//	magic | version u32 | store id | kind u8 | count | entries | CRC32C
const (
	listMagic  = "RSDLIST\x01"
	listSuffix = ".list"
)

// listKind tells lists apart; it is also the name of their directory.
type listKind uint8

const (
	listKeys listKind = iota + 1
	listRejects
	listActuals
)

func (k listKind) String() string {
	return [...]string{listKeys: "keys", listRejects: "quarantine", listActuals: "orphans"}[k]
}

// version returns the version of the lists that are written; those before it are read.
func (k listKind) version() uint32 {
	if k == listRejects {
		return 1
	}
	return 2
}

// list is a list that was read and checked: the cursor is at the count of its entries.
type list struct {
	cursor
	version uint32
}

func listName(number uint64) string { return fmt.Sprintf("%012d%s", number, listSuffix) }

func listHeader(store [16]byte, kind listKind, count int) []byte {
	dst := binary.LittleEndian.AppendUint32([]byte(listMagic), kind.version())
	dst = append(dst, store[:]...)
	dst = append(dst, byte(kind))
	return binary.AppendUvarint(dst, uint64(count))
}

// writeList finishes the content with its CRC and writes it. The caller syncs the directory above.
func writeList(fs vfs.FS, dir string, kind listKind, number uint64, content []byte) (fileRef, error) {
	crc := crc32.Checksum(content, castagnoli)
	content = binary.LittleEndian.AppendUint32(content, crc)
	sub := filepath.Join(dir, kind.String())
	return fileRef{number, int64(len(content)), crc}, vfs.WriteFileAtomic(fs, sub, listName(number), content)
}

// readList returns a list that the manifest names, checked.
func readList(fs vfs.FS, dir string, store [16]byte, kind listKind, ref fileRef) (*list, error) {
	name := filepath.Join(dir, kind.String(), listName(ref.number))
	b, err := vfs.ReadFile(fs, name)
	if err != nil {
		return nil, missing(err)
	}
	l, crc, err := openList(b, store, kind)
	if err == nil && (crc != ref.crc || int64(len(b)) != ref.size) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, errMisplaced)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// openList checks a list and returns it and its CRC.
func openList(b []byte, store [16]byte, kind listKind) (*list, uint32, error) {
	const fixed = len(listMagic) + 4 + 16 + 1
	if len(b) < fixed+4 || string(b[:len(listMagic)]) != listMagic {
		return nil, 0, fmt.Errorf("%w: not a list", ErrCorrupt)
	}
	body := b[:len(b)-4]
	crc := crc32.Checksum(body, castagnoli)
	version := binary.LittleEndian.Uint32(b[len(listMagic):])
	switch {
	case crc != binary.LittleEndian.Uint32(b[len(body):]):
		return nil, 0, fmt.Errorf("%w: the list fails its check", ErrCorrupt)
	case version == 0 || version > kind.version():
		return nil, 0, fmt.Errorf("%w: list version %d", ErrVersion, version)
	case string(b[12:28]) != string(store[:]) || b[28] != byte(kind):
		return nil, 0, fmt.Errorf("%w: %w", ErrCorrupt, errMisplaced)
	}
	return &list{cursor{rest: body[fixed:]}, version}, crc, nil
}

// keyEntryBytesMin is the size of an entry of version 1, which has no count of replaced rows.
const keyEntryBytesMin = 16 + 16 + 8 + 8 + 4 + 4

func encodeKeys(store [16]byte, entries []keyEntry) []byte {
	dst := listHeader(store, listKeys, len(entries))
	for _, e := range entries {
		dst = append(append(dst, e.id[:]...), e.hash[:]...)
		dst = binary.LittleEndian.AppendUint64(dst, e.lsn)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(e.at))
		dst = binary.LittleEndian.AppendUint32(dst, e.successful)
		dst = binary.LittleEndian.AppendUint32(dst, e.quarantined)
		dst = binary.LittleEndian.AppendUint32(dst, e.replaced)
	}
	return dst
}

func decodeKeys(c *list, add func(keyEntry)) error {
	for range c.count(keyEntryBytesMin, "keys") {
		var e keyEntry
		copy(e.id[:], c.bytes(16, "key"))
		copy(e.hash[:], c.bytes(16, "hash"))
		e.lsn, e.at = c.uint64("LSN"), int64(c.uint64("time"))
		e.successful, e.quarantined = c.uint32("rows"), c.uint32("rejects")
		if c.version > 1 {
			e.replaced = c.uint32("replaced rows")
		}
		if c.err == nil {
			add(e)
		}
	}
	return c.end("a list of keys")
}

const quarantineEntryBytesMin = 8

// appendReject appends an entry of a list of rejects.
func appendReject(dst []byte, r *QuarantineRow) []byte {
	dst = appendText(appendText(appendText(dst, r.Source), r.Column), r.Reason)
	dst = append(dst, byte(r.Code))
	dst = appendText(dst, r.ImportID)
	dst = binary.AppendUvarint(dst, uint64(r.LineNumber))
	dst = appendText(dst, r.Line)
	return binary.AppendVarint(dst, r.InsertedAt.UnixMilli())
}

// readReject reads what appendReject has appended.
func readReject(c *cursor) QuarantineRow {
	return QuarantineRow{
		Source: string(c.text("source")), Column: string(c.text("column")), Reason: string(c.text("reason")),
		Code: event.Code(c.uint8("code")), ImportID: string(c.text("import id")), LineNumber: int(c.uvarint("line")),
		Line: append([]byte(nil), c.text("line")...), InsertedAt: time.UnixMilli(c.varint("time")).UTC(),
	}
}

func decodeRejects(c *list, add func(QuarantineRow)) error {
	for range c.count(quarantineEntryBytesMin, "rejects") {
		r := readReject(&c.cursor)
		if c.err == nil {
			add(r)
		}
	}
	return c.end("a list of rejects")
}
