package positions_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/testing/memory"
	"github.com/residualdb/residual/internal/testing/race"
)

// oracle is what a memory holds, the simple way.
type oracle map[positions.Position]string // by source and part

func (o oracle) set(all []positions.Position) {
	for _, x := range all {
		key := positions.Position{Source: x.Source, Part: x.Part}
		if o[key] = x.Value; x.Value == "" {
			delete(o, key)
		}
	}
}

func (o oracle) of(source string) map[string]string {
	found := make(map[string]string)
	for x, value := range o {
		if x.Source == source {
			found[x.Part] = value
		}
	}
	return found
}

// read returns the positions of entries, as a list has them.
func read(t *testing.T, entries [][]byte) (all []positions.Position) {
	t.Helper()
	list := []byte{byte(len(entries))}
	if len(entries) >= 0x80 {
		list = []byte{byte(len(entries)) | 0x80, byte(len(entries) >> 7)}
	}
	c := columns.NewCursor(append(list, slices.Concat(entries...)...), base.ErrCorrupt)
	require.NoError(t, positions.ReadEntries(&c, func(some []positions.Position) { all = append(all, some...) }))
	return all
}

// TestMemory holds a memory against a map: what it has of each source, how much that is, and what has changed between any two
// snapshots of it, of which it says no more than that.
func TestMemory(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for run := range 12 / race.Fewer {
		r := rand.New(rand.NewPCG(seed, uint64(run)))
		sources := []string{"a", "b", strings.Repeat("s", 1+r.IntN(200))}
		parts, values := 1+r.IntN(2000), 1+r.IntN(1<<r.IntN(13))
		var m positions.Memory
		o := make(oracle)
		type moment struct {
			snapshot positions.Snapshot
			holds    oracle
		}
		moments := []moment{{}}
		for range 40 {
			var some []positions.Position
			for first, n := r.IntN(parts), r.IntN(50); n > 0; n-- {
				x := positions.Position{Source: sources[r.IntN(3)], Part: fmt.Sprintf("part/%d", r.IntN(parts))}
				if run%2 == 0 { // in order, as a bucket is listed
					x.Part = fmt.Sprintf("part/%06d", first+len(some))
				}
				if r.IntN(4) > 0 {
					x.Value = strings.Repeat("v", r.IntN(values)) + strconv.Itoa(r.IntN(3))
				}
				some = append(some, x)
			}
			m.Set(some)
			o.set(some)
			if r.IntN(5) == 0 {
				moments = append(moments, moment{m.Snapshot(), maps.Clone(o)})
			}
		}
		moments = append(moments, moment{m.Snapshot(), maps.Clone(o)})
		bytes := int64(0)
		for _, is := range moments {
			for _, source := range append(sources, "", "aa", "zz") {
				require.Equal(t, is.holds.of(source), is.snapshot.Of(source))
			}
			require.Equal(t, len(is.holds), is.snapshot.Len())
			bytes = 0
			for entry := range is.snapshot.Since(positions.Snapshot{}) {
				bytes += int64(len(entry))
			}
			require.Equal(t, bytes, is.snapshot.ListBytes())
		}
		for i, was := range moments {
			for _, is := range moments[i:] {
				var changes [][]byte
				for entry := range is.snapshot.Since(was.snapshot) {
					changes = append(changes, slices.Clone(entry))
				}
				became := maps.Clone(was.holds)
				if became == nil {
					became = make(oracle)
				}
				different := 0
				for x := range is.holds {
					if value, ok := was.holds[x]; !ok || value != is.holds[x] {
						different++
					}
				}
				for x := range was.holds {
					if _, ok := is.holds[x]; !ok {
						different++
					}
				}
				became.set(read(t, changes))
				require.Len(t, changes, different)
				require.Len(t, became, len(is.holds))
				for x, value := range is.holds {
					require.Equal(t, value, became[x])
				}
			}
		}
	}
}

// object is the position of an object of a bucket.
func object(i int) positions.Position {
	return positions.Position{
		Source: "objects", Part: fmt.Sprintf("exports/2026/11/30/part-%07d.ndjson.gz", i), Value: fmt.Sprintf("d41d8cd98f00b204e9800998ecf8%04x", i&0xffff),
	}
}

// TestMemoryIsCounted holds what is said of the memory of many positions to what they take, however they came.
func TestMemoryIsCounted(t *testing.T) {
	const n = 100_000 / race.Fewer
	for _, order := range []string{"sorted", "shuffled"} {
		m := new(positions.Memory)
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		if order == "shuffled" {
			rand.Shuffle(n, func(i, k int) { all[i], all[k] = all[k], all[i] })
		}
		before := memory.Live()
		for some := range slices.Chunk(all, 100) {
			var set []positions.Position
			for _, i := range some {
				set = append(set, object(i))
			}
			m.Set(set)
		}
		took := memory.Live() - before
		count, bytes := m.Size()
		require.Equal(t, n, count)
		t.Logf("%s: %d bytes each, %d as they are counted", order, took/n, bytes/n)
		require.Less(t, took, bytes*6/5)
		require.Greater(t, took, bytes*3/5)
	}
}

// TestFits holds the bound to what counts: new parts beyond it do not fit, known ones do, and so does what takes less than before.
func TestFits(t *testing.T) {
	t.Parallel()
	var m positions.Memory
	x := func(part, value string) []positions.Position {
		return []positions.Position{{Source: "s", Part: part, Value: value}}
	}
	require.False(t, m.Fits(x("a", "1"), 10))
	require.True(t, m.Fits(x("a", "1"), 100))
	m.Set(x("a", "1"))
	_, bytes := m.Size()
	require.True(t, m.Fits(x("a", "2"), bytes))
	require.False(t, m.Fits(x("a", "22"), bytes))
	require.False(t, m.Fits(x("b", "1"), bytes))
	require.True(t, m.Fits(x("b", ""), bytes))
	require.True(t, m.Fits(append(x("a", ""), x("b", "1")...), bytes))
	require.True(t, m.Fits(x("a", "2"), 1)) // a bound that was lowered
	require.False(t, m.Fits(x("b", "1"), 1))
}

func BenchmarkSet(b *testing.B) {
	const n = 1_000_000
	m := new(positions.Memory)
	for i := range n {
		m.Set([]positions.Position{object(i)})
	}
	for _, order := range []string{"sorted", "shuffled"} {
		b.Run(order, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				at := i % n
				if order == "shuffled" {
					at = rand.IntN(n)
				}
				x := object(at)
				x.Value += "!"
				m.Set([]positions.Position{x})
			}
		})
	}
	b.Run("snapshot and set", func(b *testing.B) {
		for b.Loop() {
			m.Snapshot()
			m.Set([]positions.Position{object(rand.IntN(n))})
		}
	})
	b.Run("changes of one", func(b *testing.B) {
		for b.Loop() {
			was := m.Snapshot()
			m.Set([]positions.Position{object(rand.IntN(n))})
			is := m.Snapshot()
			for range is.Since(was) {
			}
		}
	})
	b.Run("all of a source", func(b *testing.B) {
		for b.Loop() {
			s := m.Snapshot()
			require.Len(b, s.Of("objects"), n)
		}
	})
}
