package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// A manifest says which files make up the store and up to where they cover the log. Its rename is the commit point of a
// checkpoint: what it does not name does not exist. See docs/format-pack.md.
type Manifest struct {
	Number uint64
	// Covered is the last log record that the packs hold.
	Covered wal.Position
	// LastFile is the last number taken for a pack or list; a number is used once in a store's life.
	LastFile uint64
	Packs    []PackRef
	// Keys and rejects are the lists that hold the idempotency window and the quarantine, oldest first.
	Keys, Rejects []ListRef
	// Actuals are the lists of the remembered actuals.
	Actuals []ListRef
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

// PackRef is a pack with the entries of its directory that a merge or retention has retired.
type PackRef struct {
	FileRef
	Dead []uint32
}

const (
	ManifestPrefix  = "MANIFEST-"
	ManifestMagic   = "RSDMANI\x01"
	manifestVersion = 2
	fileRefBytesMin = 1 + 1 + 4
)

func ManifestName(number uint64) string { return fmt.Sprintf("%s%012d", ManifestPrefix, number) }

// CopySuffix ends the name of a second copy of the manifest, which Salvage falls back on: without a manifest nothing tells
// which segments a merge has replaced.
const CopySuffix = ".copy"

func (m *Manifest) Encode(store [16]byte) []byte {
	dst := append([]byte(ManifestMagic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(dst[len(ManifestMagic):], m.version())
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
	for _, lists := range [][]ListRef{m.Keys, m.Rejects, m.Actuals} {
		dst = binary.AppendUvarint(dst, uint64(len(lists)))
		for _, l := range lists {
			dst = l.append(dst)
			dst = binary.AppendUvarint(dst, l.Entries)
			dst = binary.AppendVarint(dst, l.Newest)
		}
	}
	if m.version() > 1 {
		dst = binary.AppendVarint(dst, m.Trusted)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, Castagnoli))
}

// version is that of the manifest's bytes: one that was read is encoded as it was, to be compared with its copy.
func (m *Manifest) version() uint32 {
	if m.Trusted == 0 {
		return 1
	}
	return manifestVersion
}

func (f FileRef) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, f.Number)
	dst = binary.AppendUvarint(dst, uint64(f.Size))
	return binary.LittleEndian.AppendUint32(dst, f.CRC)
}

func DecodeManifest(b []byte, store [16]byte) (*Manifest, error) {
	const fixed = len(ManifestMagic) + 4 + 16 + 4
	if len(b) < fixed || string(b[:len(ManifestMagic)]) != ManifestMagic {
		return nil, fmt.Errorf("%w: not a manifest", base.ErrCorrupt)
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, Castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, fmt.Errorf("%w: the manifest fails its check", base.ErrCorrupt)
	}
	c := base.Cursor{Rest: body[len(ManifestMagic):]}
	version := c.Uint32("version")
	if version == 0 || version > manifestVersion {
		return nil, fmt.Errorf("%w: manifest version %d", base.ErrVersion, version)
	}
	if string(c.Bytes(16, "store id")) != string(store[:]) {
		return nil, fmt.Errorf("%w: the manifest: %w", base.ErrCorrupt, base.ErrMisplaced)
	}
	m := &Manifest{Number: c.Uvarint("number")}
	m.Covered = wal.Position{LSN: c.Uvarint("LSN"), File: c.Uvarint32("log file"), CRC: c.Uint32("log CRC")}
	m.LastFile = c.Uvarint("last file")
	m.Packs = make([]PackRef, c.Count(fileRefBytesMin+1, "packs"))
	for i := range m.Packs {
		p := &m.Packs[i]
		p.FileRef = readFileRef(&c)
		p.Dead = make([]uint32, c.Count(1, "retired entries"))
		for k := range p.Dead {
			p.Dead[k] = c.Uvarint32("retired entry")
		}
	}
	for _, lists := range []*[]ListRef{&m.Keys, &m.Rejects, &m.Actuals} {
		*lists = make([]ListRef, c.Count(fileRefBytesMin+2, "lists"))
		for i := range *lists {
			(*lists)[i] = ListRef{readFileRef(&c), c.Uvarint("entries"), c.Varint("newest entry")}
		}
	}
	if version > 1 {
		if m.Trusted = c.Varint("trusted time"); m.Trusted == 0 {
			c.Fail("trusted time")
		}
	}
	if err := c.End("the manifest"); err != nil {
		return nil, err
	}
	return m, nil
}

func readFileRef(c *base.Cursor) FileRef {
	return FileRef{Number: c.Uvarint("file number"), Size: int64(c.Uvarint("file size")), CRC: c.Uint32("file CRC")}
}

// LoadManifest reads the newest manifest; a store that has made no checkpoint has none. A damaged one is refused: the
// one before it no longer fits the log. Older ones are what an interrupted checkpoint left.
func LoadManifest(fs vfs.FS, dir string, store [16]byte) (*Manifest, error) {
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

// NewestManifest returns the highest number of a manifest, or of a copy of one if suffix is copySuffix.
func NewestManifest(fs vfs.FS, dir, suffix string) (number uint64, found bool, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return 0, false, err
	}
	for _, name := range names {
		n, err := parseNumber(name, ManifestPrefix, suffix)
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
