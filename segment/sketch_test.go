package segment

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// TestSketchesIgnoreOrderAndGrouping also goes through the stored form.
func TestSketchesIgnoreOrderAndGrouping(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(50) {
		rows := randomRows(r, 1+r.IntN(400))
		lags := make([]int64, len(rows))
		for i := range lags {
			lags[i] = int64(r.Uint64()>>(1+r.IntN(63))) * int64(r.IntN(2))
			lags[i] -= int64(r.IntN(2)) & (lags[i] - 1) >> 63 // none, for some of zero
		}
		groups := make([]Sketches, 1+r.IntN(20))
		var whole Sketches
		order := r.Perm(len(rows))
		for i := range rows {
			whole.Add(rows[i].predicted, rows[i].actual, lags[i])
			j := order[i]
			groups[r.IntN(len(groups))].Add(rows[j].predicted, rows[j].actual, lags[j])
		}
		merged := new(Sketches)
		merged.Add(1, 2, 3)
		merged.Reset()
		for _, i := range r.Perm(len(groups)) {
			require.NoError(t, merged.AddStored(groups[i].AppendTo(nil)))
		}
		require.Equal(t, whole.AppendTo(nil), merged.AppendTo(nil))
		require.EqualValues(t, len(rows), merged.Errors.Count())
		require.Equal(t, whole.Lags.Count(), merged.Lags.Count())
	}
}

func FuzzSketches(f *testing.F) {
	r := random.Rand(f)
	for _, n := range []int{0, 1, 100} {
		var d Sketches
		for range n {
			d.Add(r.NormFloat64(), 0, r.Int64N(100)-1)
		}
		f.Add(d.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Sketches
		if err := d.AddStored(b); err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			return
		}
		got := make([]float64, 2)
		d.Errors.Quantiles(got, 50, 99)
		require.LessOrEqual(t, got[0], got[1])
		var again Sketches
		require.NoError(t, again.AddStored(d.AppendTo(nil)))
		require.Equal(t, d.AppendTo(nil), again.AppendTo(nil))
	})
}

// TestEdits holds a segment under random edits and deletions to rows that were changed alike, and so what a merge makes of it.
func TestEdits(t *testing.T) {
	r := random.Rand(t)
	for range random.Cases(3) {
		series := randomSeries(r, steadyRows, 20000)
		s := open(t, build(t, series))
		var sc Scratch
		for range 40 {
			at := r.IntN(len(series))
			rows := series[at].rows
			if r.IntN(8) == 0 {
				deleteWindow(t, r, s, at, rows)
				continue
			}
			block := r.IntN(s.Series(at).Blocks)
			edit := Edit{
				Row: r.IntN(int(s.Block(at, block).Rows)), Known: r.IntN(4) > 0, Actual: math.Exp(10 * r.NormFloat64()), Deleted: r.IntN(3) == 0,
				Predicted: math.Exp(10 * r.NormFloat64()), Lag: segmentLag(r),
			}
			row := edit.Row
			for before := range block {
				row += int(s.Block(at, before).Rows)
			}
			if rows.Times[row] == math.MaxInt64 {
				continue // what is deleted stays so
			}
			if !edit.Known {
				edit.Lag = NoLag
			}
			if r.IntN(2) == 0 { // an actual for a row that has none, mostly
				rows.setActual(row, 0, rows.Known.Get(row) && r.IntN(2) == 0)
				before := Edit{Row: edit.Row, Predicted: rows.Predicted[row], Known: rows.Known.Get(row), Lag: NoLag}
				require.NoError(t, s.Edit(at, block, []Edit{before}, &sc))
				edit.Predicted, edit.Known, edit.Deleted = before.Predicted, true, false
			}
			require.NoError(t, s.Edit(at, block, []Edit{edit}, &sc))
			rows.Predicted[row], rows.Lags[row] = edit.Predicted, edit.Lag
			rows.setActual(row, edit.Actual, edit.Known && !edit.Deleted)
			if edit.Deleted {
				rows.Times[row] = math.MaxInt64 // no window has it
			}
		}
		snapshot := s.Snapshot()
		require.NoError(t, s.Edit(0, 0, []Edit{{Deleted: true}}, &sc))
		_, err := s.DeleteWindow(0, monthFrom, monthTo, &sc)
		require.NoError(t, err)
		require.Zero(t, *s.Series(0).Total)
		b := NewBuilder(testMeta)
		require.NoError(t, Merge(b, []*Segment{snapshot}, &sc))
		merged := open(t, b.Finish(nil))
		for range 60 {
			at := r.IntN(len(series))
			from, to := randomBound(r, s, at, series[at].rows), randomBound(r, s, at, series[at].rows)
			to = min(to, monthTo)
			var got Aggregate
			var sketches Sketches
			_, err := snapshot.AddWindow(&got, &sketches, Window{at, from, to, WantAll}, &sc)
			require.NoError(t, err)
			require.Equal(t, windowRef(series[at].rows, from, to, WantAll), got)
			require.Equal(t, sketchesRef(series[at].rows, from, to), sketches.AppendTo(nil))
			for i := range merged.NumSeries() {
				if x := merged.Series(i); x.Version != series[at].version || x.Environment != series[at].environment {
					continue
				}
				got = Aggregate{}
				_, err := merged.AddWindow(&got, &sketches, Window{i, from, to, WantSpread}, &sc)
				require.NoError(t, err)
				require.Equal(t, windowRef(series[at].rows, from, to, WantSpread), got)
			}
		}
	}
}

// deleteWindow deletes the rows of a random window of a series from a segment, and from rows, where no window has them from
// then on.
func deleteWindow(t *testing.T, r *rand.Rand, s *Segment, at int, rows *Columns) {
	t.Helper()
	from := randomBound(r, s, at, rows)
	to := from + r.Int64N(4<<r.IntN(30))
	want := uint64(0)
	for i, ts := range rows.Times {
		if from <= ts && ts < to {
			rows.Times[i] = math.MaxInt64
			want++
		}
	}
	before := s.Series(at).Total.Rows
	done, err := s.DeleteWindow(at, from, to, new(Scratch))
	require.NoError(t, err)
	require.Equal(t, want, done.Rows)
	require.Equal(t, want, before-s.Series(at).Total.Rows)
}

// segmentLag is none or any.
func segmentLag(r *rand.Rand) int64 { return max(NoLag, r.Int64N(1e6)-5e5) }

// benchSketches are those of a block.
func benchSketches() *Sketches {
	c := benchColumns()
	d := new(Sketches)
	d.AddColumns(c, 0, 1024)
	return d
}

func BenchmarkSketchesAddColumns(b *testing.B) {
	c := benchColumns()
	var d Sketches
	for b.Loop() {
		d.Reset()
		d.AddColumns(c, 0, 1024)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/row")
}

func BenchmarkSketchesAddStored(b *testing.B) {
	stored := benchSketches().AppendTo(nil)
	var d Sketches
	for b.Loop() {
		if err := d.AddStored(stored); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(stored)), "bytes")
}

func BenchmarkSketchQuantiles(b *testing.B) {
	d := benchSketches()
	got := make([]float64, 4)
	for b.Loop() {
		d.Errors.Quantiles(got, 50, 90, 95, 99)
	}
}

// BenchmarkSketchesOfBlock reads the quantiles of a window that is one block.
func BenchmarkSketchesOfBlock(b *testing.B) {
	stored := benchSketches().AppendTo(nil)
	got := make([]float64, 4)
	var d Sketches
	for b.Loop() {
		d.Reset()
		if err := d.AddStored(stored); err != nil {
			b.Fatal(err)
		}
		d.Errors.Quantiles(got, 50, 90, 95, 99)
	}
}
