package segment

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// tiedSeries is a series of rows many of which have the same time, and some the same id.
func tiedSeries(r *rand.Rand, version string, rows int) testSeries {
	type row struct {
		ts int64
		id string
	}
	all := make([]row, rows)
	for i := range all {
		all[i] = row{monthFrom + r.Int64N(int64(1+rows/(1+r.IntN(3000))))*1000, fmt.Sprintf("pred_%d", r.IntN(rows))}
	}
	slices.SortFunc(all, func(a, b row) int { return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.id, b.id)) })
	s := testSeries{version: version, environment: "production", rows: new(Columns)}
	for _, x := range all {
		s.rows.AppendRow(x.ts, r.NormFloat64(), r.NormFloat64(), r.IntN(3) > 0, []byte(x.id), fmt.Appendf(nil, `{"a":%d}`, r.IntN(100)))
	}
	return s
}

// TestFindRows looks for rows by time and id, some that are there, some that differ in the one or the other, and some that
// were edited or deleted, and holds what is found to a walk over all rows.
func TestFindRows(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(5) {
		series := []testSeries{tiedSeries(r, "v1", 1+r.IntN(8000)), tiedSeries(r, "v2", 1+r.IntN(8000))}
		s := open(t, build(t, series))
		var sc Scratch
		for at := range series {
			rows := series[at].rows
			deleted := make(map[int]bool)
			first := 0
			for block := range s.Series(at).Blocks {
				n := int(s.Block(at, block).Rows)
				if r.IntN(2) == 0 {
					row := r.IntN(n)
					deleted[first+row] = r.IntN(2) == 0
					rows.Predicted[first+row] = 7
					e := Edit{
						Row: row, Deleted: deleted[first+row], Predicted: 7, Actual: rows.Actual[first+row], Known: rows.Known.Get(first + row),
						Lag: rows.Lags[first+row],
					}
					require.NoError(t, s.Edit(at, block, []Edit{e}, &sc))
				}
				first += n
			}
			var keys []Key
			for range 1 + r.IntN(500) {
				row := r.IntN(rows.Len())
				k := Key{rows.Times[row], bytes.Clone(rows.IDs.At(row))}
				switch r.IntN(4) {
				case 0:
					k.Time += r.Int64N(3) - 1
				case 1:
					k.ID = fmt.Appendf(nil, "pred_%d", r.IntN(10_000))
				}
				keys = append(keys, k)
			}
			slices.SortFunc(keys, func(a, b Key) int { return a.compare(b.Time, b.ID) })
			keys = slices.CompactFunc(keys, func(a, b Key) bool { return a.compare(b.Time, b.ID) == 0 })
			var want, got []string
			for i, k := range keys {
				for row := range rows.Len() {
					if k.compare(rows.Times[row], rows.IDs.At(row)) == 0 && !deleted[row] {
						want = append(want, fmt.Sprint(i, rows.Times[row], rows.Predicted[row], string(rows.Features.At(row))))
					}
				}
			}
			require.NoError(t, s.FindRows(at, keys, &sc, func(i int, row Row) error {
				features, err := s.FeaturesOf(row, &sc)
				got = append(got, fmt.Sprint(i, row.Time, row.Predicted, string(features)))
				return err
			}))
			require.Equal(t, want, got)
		}
	}
}

// TestFindIDs is TestFindRows by id alone, with an index and without. All ids have one of few hashes, so that these find
// rows and never decide.
func TestFindIDs(t *testing.T) {
	r := random.Rand(t)
	seed := maphash.MakeSeed()
	for range random.Cases(5) {
		series := []testSeries{tiedSeries(r, "v1", 1+r.IntN(4000)), tiedSeries(r, "v2", 1+r.IntN(4000))}
		s := open(t, build(t, series))
		var sc Scratch
		hashes := uint64(1 + r.IntN(1000))
		hash := func(id []byte) uint64 { return maphash.Bytes(seed, id) % hashes * 0x9E3779B97F4A7C15 }
		x, err := NewIDIndex(s, hash, &sc)
		require.NoError(t, err)
		var ids []HashedID
		for range 1 + r.IntN(64) {
			id := fmt.Appendf(nil, "pred_%d", r.IntN(5000))
			ids = append(ids, HashedID{hash(id), id})
		}
		var want []string
		for at := range series {
			rows := series[at].rows
			for row := range rows.Len() {
				for i := range ids {
					if bytes.Equal(rows.IDs.At(row), ids[i].ID) {
						want = append(want, fmt.Sprint(at, i, rows.Times[row], rows.Predicted[row], rows.Known.Get(row)))
					}
				}
			}
		}
		for _, index := range []*IDIndex{x, nil} {
			var got []string
			require.NoError(t, s.FindIDs(index, ids, &sc, func(i int, row Row) error {
				got = append(got, fmt.Sprint(row.Series, i, row.Time, row.Predicted, row.Known))
				return nil
			}))
			require.Equal(t, want, got)
		}
	}
}

// BenchmarkFindRows looks for rows that follow each other, as a request sent again has them, and for single ones.
func BenchmarkFindRows(b *testing.B) {
	r := random.Rand(b)
	rows := tiedSeries(r, "v1", 100_000)
	s := open(b, build(b, []testSeries{rows}))
	var sc Scratch
	for _, n := range []int{1, 512} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			keys := make([]Key, 0, n)
			for b.Loop() {
				at := r.IntN(rows.rows.Len() - n)
				keys = keys[:0]
				for i := range n {
					keys = append(keys, Key{rows.rows.Times[at+i], rows.rows.IDs.At(at + i)})
				}
				if err := s.FindRows(0, keys, &sc, func(int, Row) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
		})
	}
}
