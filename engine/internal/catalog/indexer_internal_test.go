package catalog

import (
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/segment"
)

var indexSeed = maphash.MakeSeed()

func hashID(id []byte) uint64 { return maphash.Bytes(indexSeed, id) }

// segmentBytes returns a segment of several blocks, too large to stay in memory.
func segmentBytes(t *testing.T) []byte {
	t.Helper()
	const rows, at = 5_000, int64(1_790_000_000_000)
	var c segment.Columns
	for i := range rows {
		c.AppendRow(at+int64(i), 1, 2, false, fmt.Appendf(nil, "%016x", hashID([]byte(strconv.Itoa(i)))), []byte(strconv.Itoa(i)))
	}
	b := segment.NewBuilder(segment.Meta{Model: "m", From: at, To: at + rows})
	require.NoError(t, b.StartSeries("v", "e"))
	require.NoError(t, b.Append(&c))
	return b.Finish(nil)
}

// inMemory returns a source of a segment that no pack has.
func inMemory(whole []byte) *store.Source {
	src := &store.Source{Size: int64(len(whole))}
	src.Resident.Store(&whole)
	return src
}

// modelOf returns a model with a month of segments.
func modelOf(t *testing.T, sources ...*store.Source) (*Model, *Month) {
	t.Helper()
	m := NewModel("m", new(Cardinality), new(Moments))
	mo := m.Month(680)
	for _, src := range sources {
		sg, err := NewSegment(m, src, 1, new(segment.Scratch))
		require.NoError(t, err)
		mo.Segments = append(mo.Segments, sg)
	}
	return m, mo
}

// TestIndexBesideMerge has a merge replace a segment, and remove the pack that has it, while its ids are read for an index: the
// segment in its place gets one, and nobody hears of the file that is gone.
func TestIndexBesideMerge(t *testing.T) {
	for _, c := range []struct {
		name     string
		replaced bool
	}{{"replaced", true}, {"only unreadable", false}} {
		t.Run(c.name, func(t *testing.T) {
			whole := segmentBytes(t)
			disk := simdisk.New(simdisk.Options{})
			files := store.New(disk, nil, "/", [16]byte{1})
			require.NoError(t, disk.MkdirAll("/segments"))
			for _, kind := range []store.ListKind{store.ListKeys, store.ListRejects, store.ListActuals} {
				require.NoError(t, disk.MkdirAll("/"+kind.String()))
			}
			w, err := files.CreatePack()
			require.NoError(t, err)
			require.NoError(t, w.Add("m", 680, whole))
			pack, err := w.Finish()
			require.NoError(t, err)
			src := &store.Source{Size: int64(len(whole))}
			src.Place.Store(&store.Place{Pack: pack})
			m, mo := modelOf(t, src)

			merged := false
			hash := func(id []byte) uint64 {
				if !merged {
					merged = true
					m.Mu.Lock() // which the indexer does not hold
					if c.replaced {
						sg, err := NewSegment(m, inMemory(whole), 1, new(segment.Scratch))
						require.NoError(t, err)
						mo.Segments = []*Segment{sg}
					}
					m.Mu.Unlock()
					require.NoError(t, files.Sweep()) // no manifest names the pack
				}
				return hashID(id)
			}
			var x Indexer
			loan, err := x.Index([]*Model{m}, hash, math.MaxInt64)
			defer loan.Release()
			require.True(t, merged)
			if !c.replaced {
				require.Error(t, err)
				require.Zero(t, x.Bytes(), "bytes of indexes that were not made")
				return
			}
			require.NoError(t, err)
			require.NotNil(t, mo.Segments[0].Index.Load())
			require.Equal(t, segment.IDIndexBytes(mo.Segments[0].Rows), x.Bytes())
		})
	}
}

// TestIndexLent lends an index while there is no room for it. A request that waits for its turn to borrow one finds that there is
// room by then, or that another request has made the index: it stays, and the next one may borrow.
func TestIndexLent(t *testing.T) {
	whole := segmentBytes(t)
	for _, made := range []bool{false, true} {
		t.Run(fmt.Sprintf("made=%t", made), func(t *testing.T) {
			m, mo := modelOf(t, inMemory(whole), inMemory(whole))
			first, second := mo.Segments[0], mo.Segments[1]
			bytes := segment.IDIndexBytes(first.Rows)
			var x Indexer
			x.Hold(bytes) // of other models

			loan, err := x.Index([]*Model{m}, hashID, bytes)
			require.NoError(t, err)
			require.NotNil(t, first.Index.Load())
			require.NotNil(t, second.Index.Load())
			require.Equal(t, bytes, x.Bytes())
			loan.Release()
			require.Nil(t, first.Index.Load())
			require.Nil(t, second.Index.Load())

			fits, err := x.index(first, hashID, bytes, false)
			require.False(t, fits)
			require.NoError(t, err)
			x.Hold(0) // while the request waits for its turn
			if made {
				fits, err := x.index(first, hashID, bytes, false)
				require.True(t, fits)
				require.NoError(t, err)
			}
			loan = &IDIndexLoan{indexer: &x}
			require.NoError(t, x.lend(first, hashID, bytes, loan))
			loan.Release()
			require.NotNil(t, first.Index.Load(), "an index that nobody lent is there still")
			require.Equal(t, bytes, x.Bytes())
			require.True(t, x.lending.TryLock(), "the next request may borrow")
		})
	}
}
