package head

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// TestRowMerger checks that the rows of a head come out as a plain sort of them would have them, however they came in: in
// runs short and long and late, many at one time, and some removed again.
func TestRowMerger(t *testing.T) {
	type row struct {
		ts    int64
		id    string
		known bool
		lag   int64
	}
	compareRows := func(a, b row) int { return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.id, b.id)) }
	const seed = 5
	random := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		spread := int64(1 + random.IntN(5000))
		heads := []*Head{New(1, new(Staging))}
		var rows []row
		for range 1 + random.IntN(40) {
			var o Batch
			longest := 2 * stagedRunMax
			if random.IntN(2) == 0 {
				longest = 300
			}
			times := make([]int64, 1+random.IntN(longest))
			for i := range times {
				times[i] = random.Int64N(spread) + int64(len(rows)+i)/2
			}
			if random.IntN(2) == 0 {
				o.lags = noLags(len(times))
			}
			var batch []row
			for _, ts := range times {
				one := row{ts, strconv.Itoa(random.IntN(3000)), random.IntN(9) > 0, segment.NoLag}
				if o.lags != nil && one.known && random.IntN(3) > 0 {
					one.lag = random.Int64N(1000)
				}
				batch = append(batch, one)
			}
			slices.SortStableFunc(batch, compareRows) // as a request has them
			for i, one := range batch {
				if o.lags != nil {
					o.lags[i] = one.lag
				}
				rows = append(rows, one)
				o.Times, o.Known = append(o.Times, one.ts), append(o.Known, one.known)
				o.predicted, o.actual = append(o.predicted, float64(len(rows))), append(o.actual, 7)
				o.addTexts(one.id, one.id+"f")
			}
			if random.IntN(15) == 0 {
				heads = append(heads, New(1, new(Staging)))
			}
			h := heads[len(heads)-1]
			o.texts.shared = random.IntN(3) == 0
			h.Add(h.Of(3, base.MinMilli), &o, 0, len(o.Times))
		}
		h := heads[random.IntN(len(heads))]
		s := h.Of(3, base.MinMilli)
		if random.IntN(2) == 0 { // as a change of a row does
			held := slices.Clone(s.leaves)
			before := make([]int, len(held))
			for i, l := range held {
				before[i] = l.len()
			}
			h.View(nil)
			h.flush(s)
			for i, l := range held {
				require.Equal(t, before[i], l.len(), "a leaf that a reader may have, seed %d", seed)
			}
		}
		for _, l := range s.leaves {
			requireSums(t, l)
		}
		if len(s.leaves) > 0 && s.leaves[0].len() > 1 {
			gone := int(s.leaves[0].predicted[0]) - 1
			s.leaves[0].remove(0, 1)
			s.leaves[0].aggregate()
			rows = slices.Delete(slices.Clone(rows), gone, gone+1)
		}
		if random.IntN(2) == 0 {
			w := base.Span{From: random.Int64N(spread)}
			w.To = w.From + random.Int64N(spread)
			deleteWindow(t, heads, w)
			rows = slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.ts >= w.From && r.ts < w.To })
		}
		want := segment.Columns{}
		var lags []int64
		slices.SortStableFunc(rows, compareRows)
		var got segment.Columns
		gatherAll(&got, heads, 3)
		for i, r := range rows {
			actual := 0.0
			if r.known {
				actual = 7
			}
			want.AppendRow(r.ts, got.Predicted[i], actual, r.known, []byte(r.id), []byte(r.id+"f"))
			lags = append(lags, r.lag)
		}
		require.Equal(t, want.Times, got.Times, "seed %d", seed)
		require.True(t, want.IDs.Equal(&got.IDs) && want.Features.Equal(&got.Features))
		require.Equal(t, want.Known, got.Known)
		for _, h := range heads {
			h.Release()
		}
		require.Equal(t, want.Actual, got.Actual)
		if slices.Max(lags) > segment.NoLag || got.Lags != nil {
			require.Equal(t, lags, got.Lags, "seed %d", seed)
		}
		require.Len(t, got.Predicted, len(rows))
	}
}

// deleteWindow deletes a window of the series in all heads; what views of some of them have stays as it is.
func deleteWindow(t *testing.T, heads []*Head, w base.Span) {
	t.Helper()
	for _, h := range heads {
		s := h.Of(3, base.MinMilli)
		var held []*leaf
		var before []leaf
		for _, l := range s.leaves {
			held, before = append(held, l), append(before, *l.clone(0))
		}
		viewed := len(held)%2 == 0
		if viewed {
			h.View(nil)
		}
		had := h.Rows
		gone := h.DeleteWindow(s, w)
		require.Equal(t, had-gone, h.Rows)
		for i, l := range held {
			require.True(t, !viewed || slices.Equal(before[i].times, l.times) && before[i].known == l.known, "a leaf that a view has")
		}
		for _, l := range s.leaves {
			requireSums(t, l)
		}
	}
}

// requireSums checks that what a leaf has summed up while rows came is what its rows sum up to.
func requireSums(t *testing.T, l *leaf) {
	t.Helper()
	var want segment.Aggregate
	want.AddUnordered(l.numbers(), 0, l.len())
	require.Equal(t, want.Counts, l.agg.Counts)
	require.Equal(t, want.MSE(), l.agg.MSE())
	require.Equal(t, want.MAE(), l.agg.MAE())
	require.Equal(t, want.Bias(), l.agg.Bias())
}

func TestSortRows(t *testing.T) {
	const seed = 6
	random := rand.New(rand.NewPCG(seed, 0))
	f := func(rows int, late float64) {
		t.Helper()
		var b event.Batch
		got := make([]uint32, rows)
		for i := range got {
			ts := int64(i / 3)
			if random.Float64() < late {
				ts = random.Int64N(ts + 1)
			}
			b.Timestamps = append(b.Timestamps, ts)
			b.IDs.AppendString(strconv.Itoa(random.IntN(3)))
			got[i] = uint32(i)
		}
		want := slices.Clone(got)
		slices.SortStableFunc(want, func(x, y uint32) int {
			return cmp.Or(cmp.Compare(b.Timestamps[x], b.Timestamps[y]), bytes.Compare(b.IDs.At(int(x)), b.IDs.At(int(y))))
		})
		sortRows(got, &b)
		require.Equal(t, want, got, "seed %d", seed)
	}
	f(0, 0)
	f(1, 0)
	f(1000, 0)
	f(1000, 0.02)
	f(1000, 1) // past sortMovesMax
}

// addTexts adds the texts of the next row to a batch that is in order already.
func (o *Batch) addTexts(id, features string) {
	if o.texts == nil {
		o.texts = new(textChunk)
	}
	o.rows = append(o.rows, uint32(len(o.rows)))
	o.texts.ids.Append([]byte(id))
	o.texts.features.Append([]byte(features))
}

// gatherAll sets dst to the rows of a series in heads.
func gatherAll(dst *segment.Columns, heads []*Head, series uint32) {
	dst.Reset()
	var g RowMerger
	for _, rows := range Snapshot(heads) {
		if rows.Series != series {
			continue
		}
		g.Begin(rows)
		for g.Next(dst) {
		}
	}
}
