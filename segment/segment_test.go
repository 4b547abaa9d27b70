package segment

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// monthFrom and monthTo bound the month of the tests.
const (
	monthFrom = 1_761_955_200_000
	monthTo   = monthFrom + 30*24*3600*1000
)

var testMeta = Meta{Model: "churn", From: monthFrom, To: monthTo}

// drawing draws rows of one kind.
type drawing func(r *rand.Rand, c *Columns, n int)

// steadyRows are rows as a live model makes them.
func steadyRows(r *rand.Rand, c *Columns, n int) {
	ts, id := int64(monthFrom)+r.Int64N(1e9), r.Uint64N(1e9)
	var text []byte
	for range n {
		ts += 200 + r.Int64N(100)
		id += 1 + r.Uint64N(60)
		p := float64(r.IntN(10000)) / 100
		a := float64(int(p*100)+r.IntN(400)-200) / 100
		text = fmt.Appendf(text[:0], `{"feature1":%d,"feature2":%v,"feature3":%d}`, r.IntN(100), float64(r.IntN(1000))/10, r.IntN(50))
		c.AppendRow(ts, p, a, r.IntN(50) > 0, fmt.Appendf(nil, "pred_%d", id), text)
	}
	lagSome(r, c, func() int64 { return 3_600_000 + r.Int64N(1e6) })
}

// wildRows are rows of any finite numbers and any texts, many at the same time.
func wildRows(r *rand.Rand, c *Columns, n int) {
	span := int64(1) << r.IntN(31)
	for range n {
		id, features := make([]byte, r.IntN(40)), make([]byte, r.IntN(100))
		for i := range id {
			id[i] = byte(r.Uint32() >> r.IntN(8))
		}
		for i := range features {
			features[i] = byte(r.Uint32())
		}
		c.AppendRow(monthFrom+r.Int64N(span), random.Float(r), random.Float(r), r.IntN(3) > 0, id, features)
	}
	lagSome(r, c, func() int64 { return int64(r.Uint64() >> (1 + r.IntN(63))) })
}

// lagSome gives all, many or none of the rows with an actual a lag.
func lagSome(r *rand.Rand, c *Columns, draw func() int64) {
	share := []int{0, 0, 70, 100}[r.IntN(4)]
	for i := range c.Lags {
		if c.Known.Get(i) && r.IntN(100) < share {
			c.Lags[i] = draw()
		}
	}
}

// sorted returns the rows of c by time, then id; rows equal in both keep their order.
func sorted(c *Columns) *Columns {
	order := make([]int, c.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(c.Times[i], c.Times[j]), bytes.Compare(c.IDs.At(i), c.IDs.At(j)))
	})
	var all Columns
	for _, i := range order {
		all.AppendFrom(c, i, i+1)
	}
	return &all
}

func drawings() map[string]drawing {
	return map[string]drawing{"steady": steadyRows, "wild": wildRows}
}

// testSeries is one series of a test segment.
type testSeries struct {
	version, environment string
	rows                 *Columns
}

func randomSeries(r *rand.Rand, draw drawing, most int) []testSeries {
	all := make([]testSeries, 1+r.IntN(4))
	for i := range all {
		var c Columns
		draw(r, &c, 1+r.IntN(most))
		all[i] = testSeries{fmt.Sprintf("v%d", i/2), []string{"production", "staging"}[i%2], sorted(&c)}
	}
	return all
}

func build(t testing.TB, series []testSeries) []byte {
	t.Helper()
	b := NewBuilder(testMeta)
	for _, s := range series {
		require.NoError(t, b.StartSeries(s.version, s.environment))
		require.NoError(t, b.Append(s.rows))
	}
	return b.Finish(nil)
}

func open(t testing.TB, b []byte) *Segment {
	t.Helper()
	require.NoError(t, Verify(Memory(b), int64(len(b)), new(Scratch)))
	s, err := Open(Memory(b), int64(len(b)))
	require.NoError(t, err)
	return s
}

// readAll returns all rows of a series.
func readAll(t testing.TB, s *Segment, series int) *Columns {
	t.Helper()
	var all, block Columns
	var sc Scratch
	for i := range s.Series(series).Blocks {
		_, err := s.ReadBlock(&block, series, i, AllColumns, &sc)
		require.NoError(t, err)
		all.AppendFrom(&block, 0, block.Len())
	}
	return &all
}

func requireSeries(t testing.TB, want []testSeries, s *Segment) {
	t.Helper()
	require.Equal(t, testMeta, s.Meta())
	require.Equal(t, len(want), s.NumSeries())
	for i, w := range want {
		got := s.Series(i)
		require.Equal(t, w.version, got.Version)
		require.Equal(t, w.environment, got.Environment)
		require.True(t, w.rows.Equal(readAll(t, s, i)))
		require.Equal(t, windowRef(w.rows, monthFrom, monthTo, WantAll), *got.Total)
	}
}

// windowRef is the obvious answer.
func windowRef(c *Columns, from, to int64, want Want) Aggregate {
	var a Aggregate
	for i, ts := range c.Times {
		if from <= ts && ts < to {
			a.Add(ts, c.Predicted[i], c.Actual[i], c.Known.Get(i))
		}
	}
	var wanted Aggregate
	wanted.MergeWanted(want, &a)
	return wanted
}

// sketchesRef is the stored form of the sketches of a window, row by row.
func sketchesRef(c *Columns, from, to int64) []byte {
	var d Sketches
	for i, ts := range c.Times {
		if from <= ts && ts < to && c.Known.Get(i) {
			d.Add(c.Predicted[i], c.Actual[i], c.Lags[i])
		}
	}
	return d.AppendTo(nil)
}

func TestSegmentRoundTrip(t *testing.T) {
	for name, draw := range drawings() {
		t.Run(name, func(t *testing.T) {
			r := random.Rand(t)
			for range random.Cases(6) {
				series := randomSeries(r, draw, 5000)
				requireSeries(t, series, open(t, build(t, series)))
			}
		})
	}
}

// randomBound draws a time at or beside that of a row, of those at the ends of blocks as often as of all.
func randomBound(r *rand.Rand, s *Segment, series int, rows *Columns) int64 {
	t := rows.Times[r.IntN(rows.Len())]
	switch block := s.Block(series, r.IntN(s.Series(series).Blocks)); r.IntN(4) {
	case 0:
		t = block.MinTime
	case 1:
		t = block.MaxTime
	}
	return t + r.Int64N(3) - 1
}

func TestWindowAgainstEveryRow(t *testing.T) {
	for name, draw := range drawings() {
		t.Run(name, func(t *testing.T) {
			r := random.Rand(t)
			var sc Scratch
			var sketches Sketches
			for range random.Cases(4) {
				series := randomSeries(r, draw, 15000)
				s := open(t, build(t, series))
				for range 25 {
					i := r.IntN(len(series))
					from, to := randomBound(r, s, i, series[i].rows), randomBound(r, s, i, series[i].rows)
					want := Want(r.IntN(3))
					var got Aggregate
					sketches.Reset()
					read, err := s.AddWindow(&got, &sketches, Window{i, from, to, want}, &sc)
					require.NoError(t, err)
					require.LessOrEqual(t, read.Rows, uint64(2*blockRows))
					require.Equal(t, windowRef(series[i].rows, from, to, want), got)
					if want == WantAll {
						require.Equal(t, sketchesRef(series[i].rows, from, to), sketches.AppendTo(nil))
					}
				}
			}
		})
	}
}

func TestMergeOfAnySplit(t *testing.T) {
	for name, draw := range drawings() {
		t.Run(name, func(t *testing.T) {
			r := random.Rand(t)
			for range random.Cases(5) {
				series := randomSeries(r, draw, 6000)
				segs := make([]*Segment, 1+r.IntN(5))
				clustered := r.IntN(2) == 0
				for i := range segs {
					var part []testSeries
					for _, s := range series {
						var c Columns
						for j := range s.rows.Len() {
							if clustered && j*len(segs)/s.rows.Len() == i || !clustered && int(s.rows.Times[j])%len(segs) == i {
								c.AppendFrom(s.rows, j, j+1)
							}
						}
						if c.Len() > 0 {
							part = append(part, testSeries{s.version, s.environment, &c})
						}
					}
					segs[i] = open(t, build(t, part))
				}
				b := NewBuilder(testMeta)
				require.NoError(t, Merge(b, segs, new(Scratch)))
				requireSeries(t, series, open(t, b.Finish(nil)))
			}
		})
	}
}

func TestMergeIsStable(t *testing.T) {
	var segs []*Segment
	for i := range 3 {
		var c Columns
		c.AppendRow(monthFrom, float64(i), 0, false, []byte("same"), nil)
		c.AppendRow(monthFrom, float64(i)+10, 0, false, []byte("same"), nil)
		segs = append(segs, open(t, build(t, []testSeries{{"v", "e", &c}})))
	}
	b := NewBuilder(testMeta)
	require.NoError(t, Merge(b, segs, new(Scratch)))
	require.Equal(t, []float64{0, 10, 1, 11, 2, 12}, readAll(t, open(t, b.Finish(nil)), 0).Predicted)
}

func TestBuilderRefuses(t *testing.T) {
	row := func(ts int64, predicted float64, id string) *Columns {
		var c Columns
		c.AppendRow(ts, predicted, predicted, true, []byte(id), []byte("{}"))
		return &c
	}
	b := NewBuilder(testMeta)
	require.NoError(t, b.StartSeries("v1", "production"))
	require.NoError(t, b.Append(row(monthFrom+5, 1, "b")))
	for name, c := range map[string]*Columns{
		"earlier": row(monthFrom+4, 1, "z"), "lesser id": row(monthFrom+5, 1, "a"), "before the month": row(monthFrom-1, 1, "z"),
		"after the month": row(monthTo, 1, "z"), "not a number": row(monthFrom+6, math.NaN(), "z"), "infinite": row(monthFrom+6, math.Inf(-1), "z"),
		"too long": row(monthFrom+6, 1, string(make([]byte, RowBytesMax))),
	} {
		require.ErrorIs(t, b.Append(c), ErrInvalid, name)
	}
	require.NoError(t, b.Append(row(monthFrom+5, 1, "b")))
	require.ErrorIs(t, b.StartSeries("v1", "production"), ErrInvalid)
	require.ErrorIs(t, b.StartSeries("v0", "staging"), ErrInvalid)
	require.NoError(t, b.StartSeries("v1", "staging"))
	s := open(t, b.Finish(nil))
	require.Equal(t, 1, s.NumSeries())
	require.Equal(t, uint64(2), s.Series(0).Total.Rows)
}

// TestMergeWithinAMillisecond has a block that ends in the millisecond in which another segment begins, with a lesser
// id.
func TestMergeWithinAMillisecond(t *testing.T) {
	var first, second, want Columns
	for i := range blockRows - 1 {
		first.AppendRow(monthFrom+int64(i), 1, 1, true, []byte("z"), nil)
	}
	want.AppendFrom(&first, 0, first.Len())
	end := int64(monthFrom + blockRows)
	first.AppendRow(end, 1, 1, true, []byte("b"), nil)
	second.AppendRow(end, 2, 2, true, []byte("a"), nil)
	second.AppendRow(end, 2, 2, true, []byte("c"), nil)
	want.AppendFrom(&second, 0, 1)
	want.AppendFrom(&first, blockRows-1, blockRows)
	want.AppendFrom(&second, 1, 2)

	segs := []*Segment{open(t, build(t, []testSeries{{"v", "e", &first}})), open(t, build(t, []testSeries{{"v", "e", &second}}))}
	b := NewBuilder(testMeta)
	require.NoError(t, Merge(b, segs, new(Scratch)))
	requireSeries(t, []testSeries{{"v", "e", &want}}, open(t, b.Finish(nil)))
}

// TestAppendBlocks appends rows piece by piece: the segment is the same as of all at once.
func TestAppendBlocks(t *testing.T) {
	r := random.Rand(t)
	for range 10 {
		var all, part Columns
		steadyRows(r, &all, r.IntN(8*blockRows))
		want := build(t, []testSeries{{"v", "e", &all}})
		b := NewBuilder(testMeta)
		require.NoError(t, b.StartSeries("v", "e"))
		for from := 0; from < all.Len(); {
			to := min(all.Len(), from+r.IntN(2*lookaheadRows))
			part.AppendFrom(&all, from, to)
			n, err := b.AppendBlocks(&part)
			require.NoError(t, err)
			var rest Columns
			rest.AppendFrom(&part, n, part.Len())
			from, part = to, rest
		}
		require.NoError(t, b.Append(&part))
		require.Equal(t, want, b.Finish(nil))
	}
}
