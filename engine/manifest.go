package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// A manifest says which files make up the store and up to where they cover the log. Its rename is the commit point of a
// checkpoint: what it does not name does not exist. See docs/format-pack.md.
type manifest struct {
	number uint64
	// covered is the last log record that the packs hold.
	covered wal.Position
	// lastFile is the last number taken for a pack or list; a number is used once in a store's life.
	lastFile uint64
	packs    []packRef
	// keys and rejects are the lists that hold the idempotency window and the quarantine, oldest first.
	keys, rejects []listRef
	// actuals are the lists of the remembered actuals.
	actuals []listRef
	// trusted is what the trusted clock said at the commit, in Unix milliseconds; 0 in a manifest of version 1.
	trusted int64
}

// fileRef names a file and the facts that a stale, swapped or cut one contradicts.
type fileRef struct {
	number uint64
	size   int64
	crc    uint32 // of the whole list, or of a pack's directory
}

// listRef is a list with what decides how long it is kept.
type listRef struct {
	fileRef
	entries uint64
	newest  int64 // time of the newest entry, in Unix milliseconds
}

// packRef is a pack with the entries of its directory that a merge or retention has retired.
type packRef struct {
	fileRef
	dead []uint32
}

const (
	manifestPrefix  = "MANIFEST-"
	manifestMagic   = "RSDMANI\x01"
	manifestVersion = 2
	fileRefBytesMin = 1 + 1 + 4
)

func manifestName(number uint64) string { return fmt.Sprintf("%s%012d", manifestPrefix, number) }

// copySuffix ends the name of a second copy of the manifest, which Salvage falls back on: without a manifest nothing tells
// which segments a merge has replaced.
const copySuffix = ".copy"

func (m *manifest) encode(store [16]byte) []byte {
	dst := append([]byte(manifestMagic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(dst[len(manifestMagic):], m.version())
	dst = append(dst, store[:]...)
	dst = binary.AppendUvarint(dst, m.number)
	dst = binary.AppendUvarint(dst, m.covered.LSN)
	dst = binary.AppendUvarint(dst, uint64(m.covered.File))
	dst = binary.LittleEndian.AppendUint32(dst, m.covered.CRC)
	dst = binary.AppendUvarint(dst, m.lastFile)
	dst = binary.AppendUvarint(dst, uint64(len(m.packs)))
	for _, p := range m.packs {
		dst = p.append(dst)
		dst = binary.AppendUvarint(dst, uint64(len(p.dead)))
		for _, d := range p.dead {
			dst = binary.AppendUvarint(dst, uint64(d))
		}
	}
	for _, lists := range [][]listRef{m.keys, m.rejects, m.actuals} {
		dst = binary.AppendUvarint(dst, uint64(len(lists)))
		for _, l := range lists {
			dst = l.append(dst)
			dst = binary.AppendUvarint(dst, l.entries)
			dst = binary.AppendVarint(dst, l.newest)
		}
	}
	if m.version() > 1 {
		dst = binary.AppendVarint(dst, m.trusted)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, castagnoli))
}

// version is that of the manifest's bytes: one that was read is encoded as it was, to be compared with its copy.
func (m *manifest) version() uint32 {
	if m.trusted == 0 {
		return 1
	}
	return manifestVersion
}

func (f fileRef) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, f.number)
	dst = binary.AppendUvarint(dst, uint64(f.size))
	return binary.LittleEndian.AppendUint32(dst, f.crc)
}

func decodeManifest(b []byte, store [16]byte) (*manifest, error) {
	const fixed = len(manifestMagic) + 4 + 16 + 4
	if len(b) < fixed || string(b[:len(manifestMagic)]) != manifestMagic {
		return nil, fmt.Errorf("%w: not a manifest", ErrCorrupt)
	}
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[len(body):]) {
		return nil, fmt.Errorf("%w: the manifest fails its check", ErrCorrupt)
	}
	c := cursor{rest: body[len(manifestMagic):]}
	version := c.uint32("version")
	if version == 0 || version > manifestVersion {
		return nil, fmt.Errorf("%w: manifest version %d", ErrVersion, version)
	}
	if string(c.bytes(16, "store id")) != string(store[:]) {
		return nil, fmt.Errorf("%w: the manifest: %w", ErrCorrupt, errMisplaced)
	}
	m := &manifest{number: c.uvarint("number")}
	m.covered = wal.Position{LSN: c.uvarint("LSN"), File: c.uvarint32("log file"), CRC: c.uint32("log CRC")}
	m.lastFile = c.uvarint("last file")
	m.packs = make([]packRef, c.count(fileRefBytesMin+1, "packs"))
	for i := range m.packs {
		p := &m.packs[i]
		p.fileRef = readFileRef(&c)
		p.dead = make([]uint32, c.count(1, "retired entries"))
		for k := range p.dead {
			p.dead[k] = c.uvarint32("retired entry")
		}
	}
	for _, lists := range []*[]listRef{&m.keys, &m.rejects, &m.actuals} {
		*lists = make([]listRef, c.count(fileRefBytesMin+2, "lists"))
		for i := range *lists {
			(*lists)[i] = listRef{readFileRef(&c), c.uvarint("entries"), c.varint("newest entry")}
		}
	}
	if version > 1 {
		if m.trusted = c.varint("trusted time"); m.trusted == 0 {
			c.fail("trusted time")
		}
	}
	if err := c.end("the manifest"); err != nil {
		return nil, err
	}
	return m, nil
}

func readFileRef(c *cursor) fileRef {
	return fileRef{number: c.uvarint("file number"), size: int64(c.uvarint("file size")), crc: c.uint32("file CRC")}
}

// loadManifest reads the newest manifest; a store that has made no checkpoint has none. A damaged one is refused: the
// one before it no longer fits the log. Older ones are what an interrupted checkpoint left.
func loadManifest(fs vfs.FS, dir string, store [16]byte) (*manifest, error) {
	number, found, err := newestManifest(fs, dir, "")
	if err != nil || !found {
		return &manifest{}, err
	}
	name := filepath.Join(dir, manifestName(number))
	data, err := vfs.ReadFile(fs, name)
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(data, store)
	if err == nil && m.number != number {
		err = fmt.Errorf("%w: it says it is number %d", ErrCorrupt, m.number)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// newestManifest returns the highest number of a manifest, or of a copy of one if suffix is copySuffix.
func newestManifest(fs vfs.FS, dir, suffix string) (number uint64, found bool, err error) {
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
