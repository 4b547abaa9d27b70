package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/residualdb/residual/engine/internal/base"
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

// ListKind tells lists apart; it is also the name of their directory.
type ListKind uint8

const (
	ListKeys ListKind = iota + 1
	ListRejects
	ListActuals
)

func (k ListKind) String() string {
	return [...]string{ListKeys: "keys", ListRejects: "quarantine", ListActuals: "orphans"}[k]
}

// Version returns the version of the lists that are written; those before it are read.
func (k ListKind) version() uint32 {
	if k == ListRejects {
		return 1
	}
	return 2
}

// List is a list that was read and checked: the cursor is at the count of its entries.
type List struct {
	base.Cursor
	Version uint32
}

func ListName(number uint64) string { return fmt.Sprintf("%012d%s", number, listSuffix) }

func ListHeader(store [16]byte, kind ListKind, count int) []byte {
	dst := binary.LittleEndian.AppendUint32([]byte(listMagic), kind.version())
	dst = append(dst, store[:]...)
	dst = append(dst, byte(kind))
	return binary.AppendUvarint(dst, uint64(count))
}

// WriteList finishes the content with its CRC and writes it. The caller syncs the directory above.
func WriteList(fs vfs.FS, dir string, kind ListKind, number uint64, content []byte) (FileRef, error) {
	crc := crc32.Checksum(content, Castagnoli)
	content = binary.LittleEndian.AppendUint32(content, crc)
	sub := filepath.Join(dir, kind.String())
	return FileRef{number, int64(len(content)), crc}, vfs.WriteFileAtomic(fs, sub, ListName(number), content)
}

// ReadList returns a list that the manifest names, checked.
func ReadList(fs vfs.FS, dir string, store [16]byte, kind ListKind, ref FileRef) (*List, error) {
	name := filepath.Join(dir, kind.String(), ListName(ref.Number))
	b, err := vfs.ReadFile(fs, name)
	if err != nil {
		return nil, base.Missing(err)
	}
	l, crc, err := OpenList(b, store, kind)
	if err == nil && (crc != ref.CRC || int64(len(b)) != ref.Size) {
		err = fmt.Errorf("%w: %w", base.ErrCorrupt, base.ErrMisplaced)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// OpenList checks a list and returns it and its CRC.
func OpenList(b []byte, store [16]byte, kind ListKind) (*List, uint32, error) {
	const fixed = len(listMagic) + 4 + 16 + 1
	if len(b) < fixed+4 || string(b[:len(listMagic)]) != listMagic {
		return nil, 0, fmt.Errorf("%w: not a list", base.ErrCorrupt)
	}
	body := b[:len(b)-4]
	crc := crc32.Checksum(body, Castagnoli)
	version := binary.LittleEndian.Uint32(b[len(listMagic):])
	switch {
	case crc != binary.LittleEndian.Uint32(b[len(body):]):
		return nil, 0, fmt.Errorf("%w: the list fails its check", base.ErrCorrupt)
	case version == 0 || version > kind.version():
		return nil, 0, fmt.Errorf("%w: list version %d", base.ErrVersion, version)
	case string(b[12:28]) != string(store[:]) || b[28] != byte(kind):
		return nil, 0, fmt.Errorf("%w: %w", base.ErrCorrupt, base.ErrMisplaced)
	}
	return &List{base.Cursor{Rest: body[fixed:]}, version}, crc, nil
}

func (f *Files) WriteList(kind ListKind, content []byte, entries int, newest int64) (ListRef, error) {
	ref, err := WriteList(f.FS, f.Dir, kind, f.Number(), content)
	return ListRef{FileRef: ref, Entries: uint64(entries), Newest: newest}, err
}

// LoadLists gives the entries of each list to decode, the oldest list first.
func (f *Files) LoadLists(kind ListKind, refs []ListRef, decode func(*List) error) error {
	for _, ref := range refs {
		c, err := ReadList(f.FS, f.Dir, f.ID, kind, ref.FileRef)
		if err != nil {
			return err
		}
		if err := decode(c); err != nil {
			return err
		}
	}
	return nil
}
