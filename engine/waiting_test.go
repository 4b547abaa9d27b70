package engine

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// TestWaitingIndex holds the index to a map under random puts and takes, with hashes that collide.
func TestWaitingIndex(t *testing.T) {
	for _, hashes := range []uint64{1, 10, 1000, 100_000} {
		r := rand.New(rand.NewPCG(hashes, 0))
		var x waitingIndex
		want := make(map[uint64]waitingRow)
		for i := range 300_000 {
			hash := r.Uint64N(hashes) * 0x9e3779b97f4a7c15
			if hashes == 1000 {
				hash &= 0xff000000f0000000 // sixteen homes
				hash |= 1
			}
			row := waitingRow{time: int64(i), predicted: float64(i), series: uint32(i)}
			if held, ok := want[hash]; ok || r.IntN(3) == 0 {
				got, found := x.take(hash)
				require.Equal(t, ok, found)
				require.Equal(t, held, got)
				delete(want, hash)
				continue
			}
			x.put(hash, row)
			want[hash] = row
		}
		require.Equal(t, len(want), x.count)
		x.retain(func(r waitingRow) bool { return r.series%2 == 0 })
		for hash, row := range want {
			got, found := x.take(hash)
			require.Equal(t, row.series%2 == 0, found)
			if found {
				require.Equal(t, row, got)
			}
		}
		require.Zero(t, x.count)
	}
}

// TestWaitingIndexMemory holds a waiting row to 48 bytes at every size from a thousand on.
func TestWaitingIndexMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var x waitingIndex
	worst := 0.0
	for i := range 2_000_000 {
		x.put(r.Uint64(), waitingRow{})
		if i >= 100_000 && i%1000 == 0 {
			worst = max(worst, float64(waitingBytes(&x))/float64(x.count))
		}
	}
	t.Logf("at most %.1f bytes a row", worst)
	require.LessOrEqual(t, worst, 48.0)
}

// waitingBytes is the memory of an index.
func waitingBytes(x *waitingIndex) int {
	n := len(x.tables) * int(unsafe.Sizeof(waitingTable{}))
	for i := range x.tables {
		n += len(x.tables[i].slots) * int(unsafe.Sizeof(waitingSlot{}))
	}
	return n
}
