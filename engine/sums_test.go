package engine_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// sumsRow is a row of the tests of sums: numbers are parts of eight, so that all sums of them are exact.
type sumsRow struct {
	event.Series
	at                int64
	predicted, actual float64
	known             bool
}

// TestEachSums holds the sums of spans to those of the rows one by one.
func TestEachSums(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true, Now: func() time.Time { return testNow }})
	base := testNow.Add(-40 * 24 * time.Hour).UnixMilli()
	var rows []sumsRow
	batch := new(event.Batch)
	for i := range 3000 {
		row := sumsRow{
			event.Series{Model: []string{"a", "b", "c,*"}[r.IntN(3)], Version: []string{"v1", "v2"}[r.IntN(2)], Environment: []string{"production", "staging"}[r.IntN(2)]},
			base + r.Int64N(30*86400_000), float64(r.IntN(4000)-2000) / 8, float64(r.IntN(4000)-2000) / 8, r.IntN(5) > 0,
		}
		rows = append(rows, row)
		e := event.Event{
			Timestamp: time.UnixMilli(row.at).UTC(), ModelID: row.Model, ModelVersion: row.Version, Environment: row.Environment, PredictionID: strconv.Itoa(i),
			Features: "{}", PredictedValue: row.predicted,
		}
		if e.HasActual = row.known; row.known {
			e.ActualValue = row.actual
		}
		require.NoError(t, batch.Add(e, db.Rules()))
	}
	_, err := db.Append(t.Context(), batch)
	require.NoError(t, err)
	require.NoError(t, db.Checkpoint(t.Context()))
	for range 30 {
		checkSums(t, r, db, rows, base)
	}
	_, err = db.EachSums(t.Context(), engine.SumsQuery{Model: "*", Version: "*", Environment: "*", Spans: []engine.TimeSpan{{}, {}}}, nil)
	require.ErrorIs(t, err, engine.ErrQuery, "spans that overlap")
}

func checkSums(t *testing.T, r *rand.Rand, db *engine.DB, rows []sumsRow, base int64) {
	t.Helper()
	q := engine.SumsQuery{Model: "*", Version: "*", Environment: "*", Want: engine.SumsWant(r.IntN(3))}
	keep := func(event.Series) bool { return true }
	switch r.IntN(4) {
	case 0:
		q.Model, q.Literal = "c,*", engine.ModelColumn
		keep = func(s event.Series) bool { return s.Model == "c,*" }
	case 1:
		q.Within = "a"
		keep = func(s event.Series) bool { return s.Model == "a" }
	case 2:
		keep = func(s event.Series) bool { return s.Version == "v2" }
		q.Keep = keep
	}
	at := base - 1000
	for range 1 + r.IntN(9) {
		from := at + r.Int64N(2*86400_000)
		at = from + r.Int64N(5*86400_000)
		q.Spans = append(q.Spans, engine.TimeSpan{From: time.UnixMilli(from), To: time.UnixMilli(at)})
	}
	if r.IntN(3) == 0 {
		q.Spans[len(q.Spans)-1].To = time.Time{}
	}
	type key struct {
		event.Series
		span int
	}
	got := map[key]*engine.RowSums{}
	_, err := db.EachSums(t.Context(), q, func(row *engine.SumsRow) bool {
		of := key{row.Series, row.Span}
		require.Nil(t, got[of], "a series and span come once")
		got[of] = new(engine.RowSums)
		got[of].Merge(row.Sums, q.Want)
		return true
	})
	require.NoError(t, err)
	want := map[key][]*sumsRow{}
	for i := range rows {
		row := &rows[i]
		for n, s := range q.Spans {
			if keep(row.Series) && row.at >= s.From.UnixMilli() && (s.To.IsZero() || row.at < s.To.UnixMilli()) {
				want[key{row.Series, n}] = append(want[key{row.Series, n}], row)
			}
		}
	}
	require.Len(t, got, len(want))
	for of, rows := range want {
		requireSums(t, got[of], rows, q.Want)
	}
}

func requireSums(t *testing.T, s *engine.RowSums, rows []*sumsRow, want engine.SumsWant) {
	t.Helper()
	require.NotNil(t, s)
	var e, abs, squared, actual, predicted, most float64
	actuals, first, last := 0, int64(math.MaxInt64), int64(0)
	for _, row := range rows {
		if !row.known {
			continue
		}
		d := row.predicted - row.actual
		actuals++
		e, abs, squared, actual, predicted, most = e+d, abs+math.Abs(d), squared+d*d, actual+row.actual, predicted+row.predicted, max(most, math.Abs(d))
		first, last = min(first, row.at), max(last, row.at)
	}
	require.EqualValues(t, len(rows), s.Rows())
	require.EqualValues(t, actuals, s.Actuals())
	if actuals == 0 {
		return
	}
	low, high := s.Times(true)
	require.Equal(t, []int64{first, last}, []int64{low.UnixMilli(), high.UnixMilli()})
	require.Equal(t, []float64{e, abs, squared}, []float64{s.Sum(engine.Error), s.Sum(engine.AbsError), s.Sum(engine.SquaredError)})
	require.Equal(t, abs/float64(actuals), s.Mean(engine.AbsError))
	if want == engine.ErrorSums {
		return
	}
	require.Equal(t, []float64{actual, predicted, most}, []float64{s.Sum(engine.ActualValue), s.Sum(engine.PredictedValue), s.MaxAbsError()})
	if want == engine.AllSums {
		var q [1]float64
		s.AbsErrorQuantiles(q[:], 100)
		require.InDelta(t, most, q[0], most*0.01)
	}
}
