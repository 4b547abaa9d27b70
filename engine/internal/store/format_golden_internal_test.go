package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/golden"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// goldenStore is the id of the store that the golden files are of.
var goldenStore = [16]byte{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf}

func goldenManifest() *Manifest {
	return &Manifest{
		Number: 7, Covered: wal.Position{LSN: 300, File: 5, CRC: 0x11223344}, LastFile: 9,
		Packs: []PackRef{
			{FileRef: FileRef{Number: 2, Size: 1000, CRC: 0x01020304}, Dead: []uint32{0, 200}},
			{FileRef: FileRef{Number: 8, Size: 70000, CRC: 0xfffefdfc}, Dead: []uint32{}},
		},
		Lists: [listKinds][]ListRef{
			ListKeys:    {{FileRef: FileRef{Number: 3, Size: 85, CRC: 0xdeadbeef}, Entries: 1, Newest: 1790000000000}},
			ListRejects: {{FileRef: FileRef{Number: 4, Size: 200, CRC: 5}, Entries: 2, Newest: 1790000000001}, {FileRef: FileRef{Number: 6, Size: 300, CRC: 6}, Entries: 3, Newest: -1}},
			ListActuals: {{FileRef: FileRef{Number: 5, Size: 99, CRC: 7}, Entries: 1, Newest: 0}},
		},
	}
}

func TestGoldenManifest(t *testing.T) {
	second := goldenManifest()
	second.Trusted = 1790000000003
	third := goldenManifest()
	third.Trusted, third.Packs[1].Purge = 1790000000004, true
	fourth := goldenManifest()
	fourth.Trusted = 1790000000005
	fourth.Lists[ListPositions] = []ListRef{{FileRef: FileRef{Number: 7, Size: 60, CRC: 8}, Entries: 3, Newest: 1790000000002}}
	for name, m := range map[string]*Manifest{"manifest": goldenManifest(), "manifest-2": second, "manifest-3": third, "manifest-4": fourth} {
		golden.Holds(t, name, m.Encode(goldenStore))
		read, err := DecodeManifest(golden.Read(t, name), goldenStore)
		require.NoError(t, err)
		require.Equal(t, m, read)
	}
}

// TestGoldenPack uses bytes that are no segments: those have a format of their own.
func TestGoldenPack(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	w, err := createPack(newPackFiles(disk), "/"+packName(8), goldenStore, 8)
	require.NoError(t, err)
	require.NoError(t, w.Add("model", 680, []byte("a segment")))
	require.NoError(t, w.Add("ünïcode", -1, []byte("another one.....")))
	p, err := w.Finish()
	require.NoError(t, err)
	written, err := vfs.ReadFile(disk, "/"+packName(8))
	require.NoError(t, err)
	golden.Holds(t, "pack", written)

	disk = simdisk.New(simdisk.Options{})
	f, err := disk.Create("/" + packName(8))
	require.NoError(t, err)
	require.NoError(t, vfs.WriteFull(f, golden.Read(t, "pack"), 0))
	read, err := openPack(newPackFiles(disk), "/"+packName(8), goldenStore, p.Ref)
	require.NoError(t, err)
	require.Equal(t, p.Entries, read.Entries)
	b, err := read.Load(1)
	require.NoError(t, err)
	require.Equal(t, "another one.....", string(b))
}
