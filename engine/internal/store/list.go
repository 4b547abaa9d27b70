package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/vfs"
)

// A list is a file with what one checkpoint interval added to the idempotency window or to the quarantine, with the positions
// of data sources that it changed, or with actuals that are remembered at the checkpoint. See docs/format-pack.md.
//
//	magic | version u32 | store id | kind u8 | count | entries | CRC32C
const (
	listMagic  = "RSDLIST\x01"
	listSuffix = ".list"
)

// ListKind is what a list is of.
type ListKind uint8

// The kinds of lists, in the order in which a manifest has them.
const (
	ListKeys ListKind = iota + 1
	ListRejects
	ListActuals
	ListPositions
	listKinds
)

// listKind says of each kind the directory of its lists and the version of those that are written; those of versions before
// it are read.
var listKind = [listKinds]struct {
	dir     string
	version uint32
}{
	ListKeys:      {"keys", 2},
	ListRejects:   {"quarantine", 2},
	ListActuals:   {"orphans", 2}, // all that are remembered, with a prediction or without
	ListPositions: {"positions", 1},
}

// String returns the name of the directory.
func (k ListKind) String() string { return listKind[k].dir }

// List is a list that was read and checked: the cursor is at the count of its entries.
type List struct {
	columns.Cursor
	Kind    ListKind
	Version uint32
}

func listName(number uint64) string { return fmt.Sprintf("%012d%s", number, listSuffix) }

// WriteList writes a list of encoded entries under a number of its own. newest is the time of the newest entry, in Unix
// milliseconds. Commit syncs its directory.
func (f *Files) WriteList(kind ListKind, count int, entries []byte, newest int64) (ListRef, error) {
	content := encodeList(f.id, kind, count, entries)
	ref := FileRef{f.number(), int64(len(content)), binary.LittleEndian.Uint32(content[len(content)-4:])}
	err := vfs.WriteFileAtomic(f.fs, filepath.Join(f.dir, kind.String()), listName(ref.Number), content)
	return ListRef{FileRef: ref, Entries: uint64(count), Newest: newest}, err
}

func encodeList(store [16]byte, kind ListKind, count int, entries []byte) []byte {
	dst := make([]byte, 0, listHeaderBytes+binary.MaxVarintLen64+len(entries)+4)
	dst = binary.LittleEndian.AppendUint32(append(dst, listMagic...), listKind[kind].version)
	dst = append(append(dst, store[:]...), byte(kind))
	dst = append(binary.AppendUvarint(dst, uint64(count)), entries...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, castagnoli))
}

const listHeaderBytes = len(listMagic) + 4 + 16 + 1

// ListPath returns where a list is.
func (f *Files) ListPath(kind ListKind, number uint64) string {
	return filepath.Join(f.dir, kind.String(), listName(number))
}

// ReadList returns a list that the manifest names, checked.
func (f *Files) ReadList(kind ListKind, ref FileRef) (*List, error) {
	name := f.ListPath(kind, ref.Number)
	b, err := vfs.ReadFile(f.fs, name)
	if err != nil {
		return nil, base.Missing(err)
	}
	l, crc, err := DecodeList(b, f.id, kind)
	if err == nil && (crc != ref.CRC || int64(len(b)) != ref.Size) {
		err = fmt.Errorf("%w: %w", base.ErrCorrupt, base.ErrMisplaced)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// DecodeList checks a list and returns it and its CRC.
func DecodeList(b []byte, store [16]byte, kind ListKind) (*List, uint32, error) {
	if len(b) < listHeaderBytes+4 || string(b[:len(listMagic)]) != listMagic {
		return nil, 0, fmt.Errorf("%w: not a list", base.ErrCorrupt)
	}
	body := b[:len(b)-4]
	crc := crc32.Checksum(body, castagnoli)
	version := binary.LittleEndian.Uint32(b[len(listMagic):])
	switch {
	case crc != binary.LittleEndian.Uint32(b[len(body):]):
		return nil, 0, fmt.Errorf("%w: the list fails its check", base.ErrCorrupt)
	case version == 0 || version > listKind[kind].version:
		return nil, 0, fmt.Errorf("%w: list version %d", base.ErrVersion, version)
	case string(b[12:28]) != string(store[:]) || b[28] != byte(kind):
		return nil, 0, fmt.Errorf("%w: %w", base.ErrCorrupt, base.ErrMisplaced)
	}
	return &List{columns.NewCursor(body[listHeaderBytes:], base.ErrCorrupt), kind, version}, crc, nil
}
