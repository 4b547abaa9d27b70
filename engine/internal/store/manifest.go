package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// Manifest says which files make up the store and up to where they cover the log. Its rename is the commit point of a
// checkpoint: what it does not name does not exist. See docs/format-pack.md.
type Manifest struct {
	Number uint64
	// Covered is the last log record that the packs hold.
	Covered wal.Position
	// LastFile is the last number taken for a pack or list; a number is used once in a store's life.
	LastFile uint64
	Packs    []PackRef
	// Lists are those of each kind, the oldest first. The first element is not used.
	Lists [listKinds][]ListRef
	// Trusted is what the trusted clock said at the commit, in Unix milliseconds; 0 in a manifest of version 1.
	Trusted int64
}

// FileRef names a file and the facts that a stale, swapped or cut one contradicts.
type FileRef struct {
	Number uint64
	Size   int64
	CRC    uint32 // of the whole list, or of a pack's directory
}

// ListRef is a list with what decides how long it is kept.
type ListRef struct {
	FileRef
	Entries uint64
	Newest  int64 // time of the newest entry, in Unix milliseconds
}

// PackRef is a pack with the entries of its directory that a merge, retention or a deletion has retired.
type PackRef struct {
	FileRef
	Dead []uint32
	// Purge says that the pack has rows that were deleted: what is alive in it is to move, so that the file can go.
	Purge bool
}

const (
	manifestPrefix  = "MANIFEST-"
	manifestMagic   = "RSDMANI\x01"
	manifestVersion = 4
	fileRefBytesMin = 1 + 1 + 4
)

// ManifestPattern stands for the name of a manifest of any number in the text of errors.
const ManifestPattern = manifestPrefix + "*"

// ManifestName returns the file name of a manifest.
func ManifestName(number uint64) string { return fmt.Sprintf("%s%012d", manifestPrefix, number) }

// CopySuffix ends the name of a second copy of the manifest, which Salvage falls back on: without a manifest nothing tells
// which segments a merge has replaced.
const CopySuffix = ".copy"

// AllLists calls yield for each list of the manifest, by kind.
func (m *Manifest) AllLists(yield func(ListKind, ListRef) bool) {
	for kind := ListKeys; kind < listKinds; kind++ {
		for _, l := range m.Lists[kind] {
			if !yield(kind, l) {
				return
			}
		}
	}
}

// AllFiles calls yield for each pack and list of the manifest, with its path in the directory of the store.
func (m *Manifest) AllFiles(yield func(path string, ref FileRef) bool) {
	for _, p := range m.Packs {
		if !yield(filepath.Join(packDir, packName(p.Number)), p.FileRef) {
			return
		}
	}
	for kind, l := range m.AllLists {
		if !yield(filepath.Join(kind.String(), listName(l.Number)), l.FileRef) {
			return
		}
	}
}

// Clone returns a copy that may be changed.
func (m *Manifest) Clone() Manifest {
	c := *m
	c.Packs = slices.Clone(m.Packs)
	for i := range c.Packs {
		c.Packs[i].Dead = slices.Clone(c.Packs[i].Dead)
	}
	for kind := range c.Lists {
		c.Lists[kind] = slices.Clone(m.Lists[kind])
	}
	return c
}

// Encode returns the bytes of the manifest of a store.
func (m *Manifest) Encode(store [16]byte) []byte {
	dst := append([]byte(manifestMagic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(dst[len(manifestMagic):], m.version())
	dst = append(dst, store[:]...)
	dst = binary.AppendUvarint(dst, m.Number)
	dst = binary.AppendUvarint(dst, m.Covered.LSN)
	dst = binary.AppendUvarint(dst, uint64(m.Covered.File))
	dst = binary.LittleEndian.AppendUint32(dst, m.Covered.CRC)
	dst = binary.AppendUvarint(dst, m.LastFile)
	dst = binary.AppendUvarint(dst, uint64(len(m.Packs)))
	for _, p := range m.Packs {
		dst = p.append(dst)
		dst = binary.AppendUvarint(dst, uint64(len(p.Dead)))
		for _, d := range p.Dead {
			dst = binary.AppendUvarint(dst, uint64(d))
		}
	}
	for _, lists := range m.Lists[ListKeys:ListPositions] {
		dst = appendLists(dst, lists)
	}
	if m.version() > 1 {
		dst = binary.AppendVarint(dst, m.Trusted)
	}
	if m.version() > 2 {
		purged := m.purged()
		dst = binary.AppendUvarint(dst, uint64(len(purged)))
		for _, i := range purged {
			dst = binary.AppendUvarint(dst, uint64(i))
		}
	}
	if m.version() > 3 {
		dst = appendLists(dst, m.Lists[ListPositions])
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, castagnoli))
}

func appendLists(dst []byte, lists []ListRef) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(lists)))
	for _, l := range lists {
		dst = l.append(dst)
		dst = binary.AppendUvarint(dst, l.Entries)
		dst = binary.AppendVarint(dst, l.Newest)
	}
	return dst
}

// version is that of the manifest's bytes: one that was read is encoded as it was, to be compared with its copy. A manifest is of
// no later one than it needs.
func (m *Manifest) version() uint32 {
	switch {
	case len(m.Lists[ListPositions]) > 0:
		return manifestVersion
	case len(m.purged()) > 0:
		return 3
	case m.Trusted != 0:
		return 2
	}
	return 1
}

// purged returns the places of the packs that are to be purged.
func (m *Manifest) purged() (places []int) {
	for i := range m.Packs {
		if m.Packs[i].Purge {
			places = append(places, i)
		}
	}
	return places
}

// Purge marks the packs that have a retired entry of which such is true: of a model and month of which rows were deleted. packs are
// those that are open, by number.
func (m *Manifest) Purge(packs map[uint64]*Pack, such func(model string, month base.MonthNumber) bool) {
	for i := range m.Packs {
		p := &m.Packs[i]
		of := packs[p.Number]
		p.Purge = p.Purge || of != nil && slices.ContainsFunc(p.Dead, func(dead uint32) bool {
			return such(of.Entries[dead].Model, of.Entries[dead].Month)
		})
	}
}

func (f FileRef) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, f.Number)
	dst = binary.AppendUvarint(dst, uint64(f.Size))
	return binary.LittleEndian.AppendUint32(dst, f.CRC)
}

// DecodeManifest reads the manifest of a store.
func DecodeManifest(b []byte, store [16]byte) (*Manifest, error) {
	const fixed = len(manifestMagic) + 4 + 16 + 4
	if len(b) < fixed || string(b[:len(manifestMagic)]) != manifestMagic {
		return nil, fmt.Errorf("%w: not a manifest", base.ErrCorrupt)
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, fmt.Errorf("%w: the manifest fails its check", base.ErrCorrupt)
	}
	c := columns.NewCursor(body[len(manifestMagic):], base.ErrCorrupt)
	version := c.Uint32()
	if version == 0 || version > manifestVersion {
		return nil, fmt.Errorf("%w: manifest version %d", base.ErrVersion, version)
	}
	if string(c.Bytes(16)) != string(store[:]) {
		return nil, fmt.Errorf("%w: the manifest: %w", base.ErrCorrupt, base.ErrMisplaced)
	}
	m := &Manifest{Number: c.Uvarint()}
	m.Covered = wal.Position{LSN: c.Uvarint(), File: c.Uvarint32(), CRC: c.Uint32()}
	m.LastFile = c.Uvarint()
	m.Packs = make([]PackRef, c.Count(fileRefBytesMin+1, "packs"))
	for i := range m.Packs {
		p := &m.Packs[i]
		p.FileRef = readFileRef(&c)
		p.Dead = make([]uint32, c.Count(1, "retired entries"))
		for k := range p.Dead {
			p.Dead[k] = c.Uvarint32()
		}
	}
	for kind := ListKeys; kind < ListPositions; kind++ {
		m.Lists[kind] = readLists(&c)
	}
	if version > 1 {
		if m.Trusted = c.Varint(); m.Trusted == 0 && version == 2 {
			c.Fail("trusted time")
		}
	}
	if version > 2 {
		m.readPurged(&c, version)
	}
	if version > 3 {
		if m.Lists[ListPositions] = readLists(&c); len(m.Lists[ListPositions]) == 0 {
			c.Fail("lists of positions")
		}
	}
	if err := c.End(); err != nil {
		return nil, fmt.Errorf("the manifest: %w", err)
	}
	return m, nil
}

func readLists(c *columns.Cursor) []ListRef {
	lists := make([]ListRef, c.Count(fileRefBytesMin+2, "lists"))
	for i := range lists {
		lists[i] = ListRef{readFileRef(c), c.Uvarint(), c.Varint()}
	}
	return lists
}

// readPurged reads the places of packs that are to be purged, in ascending order. In version 3 there is one at least.
func (m *Manifest) readPurged(c *columns.Cursor, version uint32) {
	n, least := c.Count(1, "packs to purge"), uint64(0)
	if n == 0 && version == 3 {
		c.Fail("packs to purge")
	}
	for range n {
		i := c.Uvarint()
		if i < least || i >= uint64(len(m.Packs)) {
			c.Fail("pack to purge")
			return
		}
		m.Packs[i].Purge, least = true, i+1
	}
}

func readFileRef(c *columns.Cursor) FileRef {
	return FileRef{Number: c.Uvarint(), Size: int64(c.Uvarint()), CRC: c.Uint32()}
}

// loadManifest reads the newest manifest; a store that has made no checkpoint has none. A damaged one is refused: the
// one before it no longer fits the log. Older ones are what an interrupted checkpoint left.
func loadManifest(fs vfs.FS, dir string, store [16]byte) (*Manifest, error) {
	number, found, err := NewestManifest(fs, dir, "")
	if err != nil || !found {
		return &Manifest{}, err
	}
	name := filepath.Join(dir, ManifestName(number))
	data, err := vfs.ReadFile(fs, name)
	if err != nil {
		return nil, err
	}
	m, err := DecodeManifest(data, store)
	if err == nil && m.Number != number {
		err = fmt.Errorf("%w: it says it is number %d", base.ErrCorrupt, m.Number)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// NewestManifest returns the highest number of a manifest, or of a copy of one if suffix is CopySuffix.
func NewestManifest(fs vfs.FS, dir, suffix string) (number uint64, found bool, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return 0, false, err
	}
	for _, name := range names {
		n, err := parseNumber(name, manifestPrefix, suffix)
		if err != nil {
			continue
		}
		number, found = max(number, n), true
	}
	return number, found, nil
}

var errName = errors.New("not a numbered file")

// parseNumber reads the number of a file name such as prefix000000000007suffix.
func parseNumber(name, prefix, suffix string) (uint64, error) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, errName
	}
	if digits, ok = strings.CutSuffix(digits, suffix); !ok || len(digits) < 12 {
		return 0, errName
	}
	return strconv.ParseUint(digits, 10, 64)
}

// Retire marks an entry of a pack as no longer part of the store; a pack without any other goes.
func (m *Manifest) Retire(pl *Place) {
	i := slices.IndexFunc(m.Packs, func(p PackRef) bool { return p.Number == pl.Pack.Ref.Number })
	p := &m.Packs[i]
	p.Dead = append(p.Dead, uint32(pl.Entry))
	if len(p.Dead) == len(pl.Pack.Entries) {
		m.Packs = slices.Delete(m.Packs, i, i+1)
	}
}

// IdentifyManifest reads a manifest of whatever store, or a copy of one, and returns the id of that store. One that is missing
// or damaged is an error of class corrupt.
func IdentifyManifest(fs vfs.FS, name string) (id [16]byte, err error) {
	data, err := vfs.ReadFile(fs, name)
	if err != nil {
		return id, base.Missing(err)
	}
	if rest, ok := bytes.CutPrefix(data, []byte(manifestMagic)); ok && len(rest) >= 4+len(id) {
		copy(id[:], rest[4:])
	}
	_, err = DecodeManifest(data, id)
	return id, err
}
