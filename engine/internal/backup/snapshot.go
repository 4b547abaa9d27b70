package backup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/columns"
)

// Snapshot is a moment of a store in a place of backups. Its file is written once, when all that it names is there; without it
// nothing counts.
type Snapshot struct {
	Moment

	// Number is one more than that of the snapshot before.
	Number uint64
	// Sums are the CRC-32 (IEEE) of all bytes of each file.
	Sums []uint32
}

const (
	snapshotDir     = "snapshots"
	snapshotSuffix  = ".snapshot"
	snapshotMagic   = "RSDSNAP\x01"
	snapshotVersion = 1
	// snapshotFileBytesMin is the least that a file takes in a snapshot.
	snapshotFileBytesMin = 1 + 1 + 4 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func snapshotName(number uint64) string {
	return path.Join(snapshotDir, fmt.Sprintf("%012d%s", number, snapshotSuffix))
}

func (s *Snapshot) encode() []byte {
	dst := binary.LittleEndian.AppendUint32([]byte(snapshotMagic), snapshotVersion)
	dst = append(dst, s.Store[:]...)
	dst = binary.AppendUvarint(dst, s.Number)
	dst = binary.AppendVarint(dst, s.Taken.UnixMilli())
	dst = binary.AppendUvarint(dst, s.LSN)
	dst = columns.AppendText(dst, s.Manifest)
	dst = binary.AppendUvarint(dst, uint64(len(s.Files)))
	for i, f := range s.Files {
		dst = columns.AppendText(dst, f.Path)
		dst = binary.AppendUvarint(dst, uint64(f.Size))
		dst = binary.LittleEndian.AppendUint32(dst, f.CRC)
		dst = binary.LittleEndian.AppendUint32(dst, s.Sums[i])
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst, castagnoli))
}

func decodeSnapshot(b []byte) (*Snapshot, error) {
	if len(b) < len(snapshotMagic)+4+16+4 || string(b[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%w: not a snapshot", base.ErrCorrupt)
	}
	end := len(b) - 4
	if crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, fmt.Errorf("%w: the snapshot fails its check", base.ErrCorrupt)
	}
	c := columns.NewCursor(b[len(snapshotMagic):end], base.ErrCorrupt)
	if version := c.Uint32(); version != snapshotVersion {
		return nil, fmt.Errorf("%w: snapshot version %d", base.ErrVersion, version)
	}
	s := new(Snapshot)
	copy(s.Store[:], c.Bytes(16))
	s.Number = c.Uvarint()
	s.Taken = time.UnixMilli(c.Varint()).UTC()
	s.LSN = c.Uvarint()
	s.Manifest = slices.Clone(c.Text())
	s.Files = make([]File, c.Count(snapshotFileBytesMin, "files"))
	s.Sums = make([]uint32, len(s.Files))
	for i := range s.Files {
		s.Files[i].Path = string(c.Text())
		size := c.Uvarint()
		if size > math.MaxInt64 {
			c.Fail("size of a file")
		}
		s.Files[i].Size, s.Files[i].CRC, s.Sums[i] = int64(size), c.Uint32(), c.Uint32()
	}
	if err := c.End(); err != nil {
		return nil, fmt.Errorf("the snapshot: %w", err)
	}
	return s, s.Check()
}

// damagedSnapshot is a snapshot that cannot be read.
type damagedSnapshot struct {
	number uint64
	name   string
	err    error
}

// snapshots reads the snapshots of a place, the oldest first, and says which of them are damaged. One of a newer version, or of
// another store, is an error.
func snapshots(p Place, id [16]byte) (whole []*Snapshot, damaged []damagedSnapshot, err error) {
	names, err := p.List(snapshotDir)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		number, ok := snapshotNumber(name)
		if !ok {
			continue
		}
		s, err := readSnapshot(p, number, id)
		switch {
		case err == nil:
			whole = append(whole, s)
		case errors.Is(err, base.ErrCorrupt) || errors.Is(err, fs.ErrNotExist):
			damaged = append(damaged, damagedSnapshot{number, path.Join(snapshotDir, name), err})
		default:
			return nil, nil, err
		}
	}
	slices.SortFunc(whole, func(a, b *Snapshot) int { return int(int64(a.Number) - int64(b.Number)) })
	return whole, damaged, nil
}

func snapshotNumber(name string) (number uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, snapshotSuffix)
	if !ok || len(digits) < 12 {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 63)
	return number, err == nil
}

func readSnapshot(p Place, number uint64, id [16]byte) (*Snapshot, error) {
	b, err := readObject(p, snapshotName(number))
	if err != nil {
		return nil, err
	}
	s, err := decodeSnapshot(b)
	if err == nil && (s.Store != id || s.Number != number) {
		err = fmt.Errorf("%w: %w", base.ErrCorrupt, base.ErrMisplaced)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", snapshotName(number), err)
	}
	return s, nil
}
