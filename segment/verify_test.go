package segment

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVerifyFindsLies changes a directory and seals it again, so that no checksum tells.
func TestVerifyFindsLies(t *testing.T) {
	f := func(name string, lie func(d *directory)) {
		t.Helper()
		b := build(t, goldenRows())
		s := open(t, b)
		s.dir.nodes = s.dir.nodes[:len(s.dir.blocks)]
		lie(s.dir)
		blocks, _ := parts(t, b)
		b = s.dir.appendTail(append(appendHeader(nil), blocks...))
		require.ErrorIs(t, Verify(Memory(b), int64(len(b)), new(Scratch)), ErrCorrupt, name)
	}
	f("largest error", func(d *directory) { d.nodes[0].MaxAbsError++ })
	f("sum", func(d *directory) { d.nodes[1].Errors.Squared.Add(0x1p-40) })
	f("rows", func(d *directory) { d.nodes[0].Rows-- })
	f("times", func(d *directory) { d.nodes[0].MaxTime++ })
	f("blocks out of order", func(d *directory) { d.nodes[0], d.nodes[1] = d.nodes[1], d.nodes[0] })
	f("bounds", func(d *directory) { d.to = monthFrom + 10 })
	f("lengths", func(d *directory) { d.blocks[0].lens[0]++; d.blocks[0].lens[1]-- })
	f("series out of order", func(d *directory) { d.series[0], d.series[1] = d.series[1], d.series[0] })
	f("more blocks", func(d *directory) { d.series[0].blockCount++ })
}

// TestVerifyFindsLyingStrips does so to the sums of a strip.
func TestVerifyFindsLyingStrips(t *testing.T) {
	b := build(t, goldenRows())
	off, n := open(t, b).dir.blocks[0].chunk(chunkNumbers)
	// Behind the length, the distance of a strip and the number and the top of the bins of its sum.
	for _, at := range []int64{2, 12} {
		lie := bytes.Clone(b)
		lie[off+at] ^= 1
		copy(lie[off+n-checksumLen:], appendChecksum(lie[off:off+n-checksumLen:off+n-checksumLen], 0)[n-checksumLen:])
		require.ErrorContains(t, Verify(Memory(lie), int64(len(lie)), new(Scratch)), "strips")
	}
}

// countingSource tells how it was read.
type countingSource struct {
	Memory
	resident bool
	reads    int
}

func (s *countingSource) Bytes(off, n int64, scratch []byte) ([]byte, bool, error) {
	s.reads++
	b, _, err := s.Memory.Bytes(off, n, scratch)
	if !s.resident {
		b = append(scratch, b...)
	}
	return b, s.resident, err
}

func TestResidentBytesAreNotVerifiedAgain(t *testing.T) {
	b := build(t, goldenRows())
	src := &countingSource{Memory: b}
	s, err := Open(src, int64(len(b)))
	require.NoError(t, err)
	off, n := s.dir.blocks[0].chunk(chunkNumbers)
	b[off+n-1] ^= 1 // of the checksum
	src.reads = 0
	var rows Columns
	_, err = s.ReadBlock(&rows, 0, 0, Numbers, new(Scratch))
	require.ErrorIs(t, err, ErrCorrupt)

	src.resident = true
	read, err := s.ReadBlock(&rows, 0, 0, Numbers, new(Scratch))
	require.NoError(t, err)
	require.Equal(t, Read{Rows: s.Block(0, 0).Rows, Bytes: uint64(n)}, read)
	require.Equal(t, 2, src.reads)
	require.Zero(t, rows.IDs.Len())
}
