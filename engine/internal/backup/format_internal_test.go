package backup

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/testing/golden"
	"github.com/residualdb/residual/wal"
)

// goldenStore is the id of the store that the golden files are of.
var goldenStore = [16]byte{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf}

func goldenSnapshot() *Snapshot {
	manifest := store.Manifest{
		Number: 7, Covered: wal.Position{LSN: 300, File: 5, CRC: 0x11223344}, LastFile: 9, Trusted: 1790000000003,
		Packs: []store.PackRef{{FileRef: store.FileRef{Number: 8, Size: 70000, CRC: 0xfffefdfc}, Dead: []uint32{2}}},
	}
	manifest.Lists[store.ListKeys] = []store.ListRef{{FileRef: store.FileRef{Number: 9, Size: 85, CRC: 0xdeadbeef}, Entries: 1, Newest: 1790000000000}}
	return &Snapshot{
		Moment: Moment{
			Store: goldenStore, LSN: 321, Taken: time.UnixMilli(1790000000123).UTC(), Manifest: manifest.Encode(goldenStore),
			Files: []File{
				{"segments/000000000008.pack", 70000, 0xfffefdfc},
				{"keys/000000000009.list", 85, 0xdeadbeef},
				{"wal/0000000006.log", 12288, 0x01020304},
				{"wal/0000000007.log", 4096, 0x05060708},
				{"tokens.json", 300, 0x090a0b0c},
			},
		},
		Number: 4, Sums: []uint32{0x0d0e0f10, 0x11121314, 0x01020304, 0x05060708, 0x090a0b0c},
	}
}

func TestGoldenSnapshot(t *testing.T) {
	s := goldenSnapshot()
	golden.Holds(t, "snapshot", s.encode())
	read, err := decodeSnapshot(golden.Read(t, "snapshot"))
	require.NoError(t, err)
	require.Equal(t, s, read)
	require.Equal(t, "segments/000000000008-70000-fffefdfc.pack", s.Files[0].object())
	require.Equal(t, "wal/0000000006-12288-01020304.log", s.Files[2].object())
	require.Equal(t, "tokens/tokens-300-090a0b0c.json", s.Files[4].object())
	require.Equal(t, "snapshots/000000000004.snapshot", snapshotName(s.Number))
}

func TestGoldenMark(t *testing.T) {
	golden.Holds(t, "mark", encodeMark(goldenStore))
	id, err := decodeMark(golden.Read(t, "mark"))
	require.NoError(t, err)
	require.Equal(t, goldenStore, id)
}

// requireDeclared holds that an error is of a class for damage.
func requireDeclared(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, base.ErrCorrupt) && !errors.Is(err, base.ErrVersion) {
		t.Fatalf("not a declared error: %v", err)
	}
}

func FuzzSnapshot(f *testing.F) {
	whole := golden.Read(f, "snapshot")
	f.Add(whole[:len(whole)-4])
	f.Add([]byte(snapshotMagic))
	f.Fuzz(func(t *testing.T, body []byte) {
		b := binary.LittleEndian.AppendUint32(slices.Clip(body), crc32.Checksum(body, castagnoli))
		var s *Snapshot
		var err error
		golden.Frugal(t, b, func() { s, err = decodeSnapshot(b) })
		requireDeclared(t, err)
		if err == nil {
			again, err := decodeSnapshot(s.encode())
			require.NoError(t, err)
			require.Equal(t, s, again)
		}
	})
}

func FuzzMark(f *testing.F) {
	f.Add(golden.Read(f, "mark"))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := decodeMark(b)
		requireDeclared(t, err)
		if err == nil {
			require.Equal(t, b, encodeMark(id))
		}
	})
}
