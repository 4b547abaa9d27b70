package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/segment"
)

// kept are rows that are kept elsewhere.
type kept struct {
	rows []event.Event
	// asked counts how often sums were asked for, everything how often those of all rows were.
	asked, everything int
}

func (k *kept) spans() (spans []engine.SeriesSpan) {
	numbers := make(map[event.Series]int)
	for i := range k.rows {
		e := &k.rows[i]
		s, at := event.Series{Model: e.ModelID, Version: e.ModelVersion, Environment: e.Environment}, e.Timestamp.UnixMilli()
		j, ok := numbers[s]
		if !ok {
			numbers[s] = len(spans)
			spans = append(spans, engine.SeriesSpan{Series: s, First: at, Last: at})
			continue
		}
		spans[j].First, spans[j].Last = min(spans[j].First, at), max(spans[j].Last, at)
	}
	return spans
}

// Sums adds up row by row.
func (k *kept) Sums(_ context.Context, q *engine.Cells) error {
	k.asked++
	if q.Only == nil && q.Own == nil && q.Spans[0].From == 0 {
		k.everything++
	}
	own := make(map[event.Series]engine.OwnCells)
	for _, x := range q.Own {
		own[x.Series] = x
	}
	for i := range k.rows {
		e := &k.rows[i]
		of, at := event.Series{Model: e.ModelID, Version: e.ModelVersion, Environment: e.Environment}, e.Timestamp.UnixMilli()
		bounds, spans := q.Bounds, q.Spans
		if q.Own != nil {
			bounds, spans = own[of].Bounds, own[of].Spans
		}
		cell, found := slices.BinarySearch(bounds, at)
		if !found {
			cell--
		}
		within := false
		for _, s := range spans {
			within = within || s.From <= at && at < s.To
		}
		if !within {
			continue
		}
		if q.Counted {
			if c := q.Count(of, cell); c != nil {
				one := segment.Counts{Rows: 1, MinTime: at, MaxTime: at}
				if e.HasActual && !q.Rows {
					one.Actuals, one.ActualMinTime, one.ActualMaxTime = 1, at, at
				}
				c.AddCounts(&one)
			}
			continue
		}
		a := q.Add(of, cell)
		if a == nil {
			continue
		}
		a.Add(at, e.PredictedValue, e.ActualValue, e.HasActual)
		if e.HasActual {
			a.Sketches.Add(e.PredictedValue, e.ActualValue, segment.NoLag)
		}
	}
	return nil
}

// TestQuestionsElsewhere asks the same of a store and of rows that are kept elsewhere.
func TestQuestionsElsewhere(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 0))
	for range 3 {
		db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
		k := &kept{rows: rowsElsewhere(r)}
		var b event.Batch
		for _, e := range k.rows {
			require.NoError(t, b.Add(e, db.Rules()))
		}
		_, err := db.Append(context.Background(), &b)
		require.NoError(t, err)
		for range 12 {
			askBoth(t, r, db, func() *engine.Questions {
				return engine.NewQuestions(k.spans(), k, func() time.Time { return testNow })
			})
		}
		k.asked = 0
		q := engine.NewQuestions(k.spans(), k, func() time.Time { return testNow })
		_, err = q.EachReport(context.Background(), engine.ReportQuery{Model: "*", Version: "*", Environment: "*"}, func(*engine.ReportRow) bool { return true })
		require.NoError(t, err)
		require.Equal(t, 1, k.asked, "sums of all series come at once")
	}
}

// TestManyBucketsElsewhere has more cells than are asked for at once: they come some series at a time, of all buckets.
func TestManyBucketsElsewhere(t *testing.T) {
	const series, hours = 150, 136 // 20,000 cells are asked for at once
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	k := new(kept)
	var b event.Batch
	for i := range 4 * series {
		e := event.Event{
			Timestamp: testNow.Add(-time.Duration(i) * 13 * time.Minute), ModelID: fmt.Sprintf("m%d", i%series), ModelVersion: "v1", Environment: "production", PredictionID: strconv.Itoa(i), Features: "{}",
			PredictedValue: float64(i), HasActual: true,
		}
		k.rows = append(k.rows, e)
		require.NoError(t, b.Add(e, db.Rules()))
	}
	_, err := db.Append(context.Background(), &b)
	require.NoError(t, err)
	for model, asked := range map[string]int{"*": 2, "m1": 1} {
		q := engine.TimeseriesQuery{ReportQuery: engine.ReportQuery{Model: model, Version: "*", Window: (hours - 1) * time.Hour}}
		want, err := db.Timeseries(context.Background(), q)
		require.NoError(t, err)
		var got []engine.TimeseriesRow
		k.asked = 0
		_, err = engine.NewQuestions(k.spans(), k, func() time.Time { return testNow }).EachBucket(context.Background(), q, func(row *engine.TimeseriesRow) bool { got = append(got, *row); return true })
		require.NoError(t, err)
		require.Equal(t, want.Rows, got)
		require.Equal(t, asked, k.asked, model)
	}
}

// TestReachingBackElsewhere: recent windows that reach back to different hours have nothing but the rows of their own series asked for.
func TestReachingBackElsewhere(t *testing.T) {
	const models, each = 12, 100
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	k := new(kept)
	var b event.Batch
	for i := range models * each {
		model := i % models
		e := event.Event{
			Timestamp: testNow.Add(-time.Duration(i/models*(model+1)) * 3 * time.Minute), ModelID: fmt.Sprintf("m%d", model), ModelVersion: "v1", Environment: "production", PredictionID: strconv.Itoa(i), Features: "{}",
			PredictedValue: float64(i), HasActual: true,
		}
		k.rows = append(k.rows, e)
		require.NoError(t, b.Add(e, db.Rules()))
	}
	_, err := db.Append(context.Background(), &b)
	require.NoError(t, err)
	q := engine.ModelsQuery{Model: "*", Version: "*", Recent: time.Hour, RecentMinActuals: 50}
	want, err := db.Models(context.Background(), q)
	require.NoError(t, err)
	var got []engine.ModelRow
	_, err = engine.NewQuestions(k.spans(), k, func() time.Time { return testNow }).ListModels(context.Background(), q, engine.ModelsList{}, func(row *engine.ModelRow) bool { got = append(got, *row); return true })
	require.NoError(t, err)
	require.Equal(t, want.Rows, got)
	require.LessOrEqual(t, k.everything, 1, "all rows are added up for each series")
}

// TestManyModelsElsewhere asks about thousands of models in every way: what is asked for does not grow with them, whatever windows they lead to.
func TestManyModelsElsewhere(t *testing.T) {
	const models = 9000/race.Share + 300
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	k := new(kept)
	var b event.Batch
	add := func(model int, version string, ago time.Duration, known bool) {
		e := event.Event{
			Timestamp: testNow.Add(-ago), ModelID: fmt.Sprintf("m%d", model), ModelVersion: version, Environment: "production", PredictionID: strconv.Itoa(len(k.rows)), Features: "{}",
			PredictedValue: float64(len(k.rows) % 17), HasActual: known,
		}
		k.rows = append(k.rows, e)
		require.NoError(t, b.Add(e, db.Rules()))
	}
	for model := range models {
		add(model, "v1", time.Duration(1+model%100)*time.Hour, model%3 > 0)
		if model%50 > 0 {
			continue
		}
		for i := range 120 { // some that reach back, some that are silent, some whose actuals have stopped, some that drift
			add(model, "v1", time.Duration(model%200+i*5)*time.Hour/2, model%100 > 0 || i > 20)
			add(model, "v2", time.Duration(i*10)*time.Minute, model%150 > 0 || i > 90)
			if ago := time.Duration(i) * 20 * time.Minute; i < 60 {
				add(model, "v3", ago, false)
			} else {
				add(model, "v3", 9*24*time.Hour+ago, true)
			}
		}
	}
	_, err := db.Append(context.Background(), &b)
	require.NoError(t, err)
	for _, c := range []struct {
		name  string
		query engine.ModelsQuery
		list  engine.ModelsList
		asked int
	}{
		{"plain", engine.ModelsQuery{}, engine.ModelsList{}, 12},
		{"some", engine.ModelsQuery{}, engine.ModelsList{Order: engine.OrderAttention, Limit: 50, Live: true, Totals: true}, 14},
		{"the first", engine.ModelsQuery{AsOf: testNow.Add(-30 * time.Hour)}, engine.ModelsList{Order: engine.OrderAge, Limit: 100, Totals: true}, 14},
		{"the last", engine.ModelsQuery{}, engine.ModelsList{Order: engine.OrderLast, Limit: 100}, 14},
		{"some against a week ago", engine.ModelsQuery{Reference: engine.Reference{Weeks: 1}}, engine.ModelsList{Order: engine.OrderWeek, Limit: 100, Totals: true}, 18},
		{"details", engine.ModelsQuery{}, engine.ModelsList{Details: true}, 20},
		{"reaching", engine.ModelsQuery{Recent: time.Hour, RecentMinActuals: 10}, engine.ModelsList{}, 18},
		{"seasonal", engine.ModelsQuery{Recent: time.Hour, RecentMinActuals: 10, Reference: engine.Reference{Weeks: 2}}, engine.ModelsList{Details: true}, 24},
		{"previous", engine.ModelsQuery{Recent: time.Hour, RecentMinActuals: 10, Reference: engine.Reference{Previous: true}}, engine.ModelsList{}, 18},
		{"by model", engine.ModelsQuery{Across: engine.VersionColumn, Recent: time.Hour, RecentMinActuals: 10}, engine.ModelsList{Details: true}, 24},
		{"by environment", engine.ModelsQuery{Across: engine.VersionColumn | engine.ModelColumn, RecentMinActuals: 10}, engine.ModelsList{}, 18},
		{"details of all", engine.ModelsQuery{Version: "latest", Across: engine.EnvironmentColumn | engine.VersionColumn | engine.ModelColumn}, engine.ModelsList{Details: true, Totals: true}, 18},
		{"one version", engine.ModelsQuery{Version: "v1"}, engine.ModelsList{Words: []string{"1"}}, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want, got []engine.ModelRow
			wantPage, err := db.ListModels(context.Background(), c.query, c.list, func(row *engine.ModelRow) bool { want = append(want, *row); return true })
			require.NoError(t, err)
			k.asked = 0
			gotPage, err := engine.NewQuestions(k.spans(), k, func() time.Time { return testNow }).ListModels(context.Background(), c.query, c.list, func(row *engine.ModelRow) bool { got = append(got, *row); return true })
			require.NoError(t, err)
			require.Len(t, got, len(want))
			for i := range want {
				if want[i] != got[i] {
					require.Equal(t, want[i], got[i])
				}
			}
			require.Equal(t, wantPage.Totals, gotPage.Totals)
			require.LessOrEqual(t, k.asked, c.asked)
		})
	}
	t.Run("gauges", func(t *testing.T) {
		want, err := db.Gauges(t.Context(), engine.GaugesQuery{Max: models})
		require.NoError(t, err)
		k.asked = 0
		got, err := engine.NewQuestions(k.spans(), k, func() time.Time { return testNow }).Gauges(t.Context(), engine.GaugesQuery{Max: models})
		require.NoError(t, err)
		require.Len(t, got.Rows, len(want.Rows))
		for i := range want.Rows {
			if want.Rows[i] != got.Rows[i] {
				require.Equal(t, want.Rows[i], got.Rows[i])
			}
		}
		require.LessOrEqual(t, k.asked, 8)
	})
}

// TestReferenceWithinTotalsElsewhere has totals of versions whose newest rows are those of the version that they are compared with.
func TestReferenceWithinTotalsElsewhere(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	k := new(kept)
	var b event.Batch
	for i := range 6 * 1800 {
		e := event.Event{
			Timestamp: testNow.Add(-time.Duration(i/6) * 10 * time.Minute), ModelID: fmt.Sprintf("m%d", i%6), ModelVersion: "v1", Environment: "production", PredictionID: strconv.Itoa(i), Features: "{}",
			PredictedValue: float64(i % 13), HasActual: true,
		}
		if i/6 > 60 {
			e.ModelVersion = "v2"
		}
		k.rows = append(k.rows, e)
		require.NoError(t, b.Add(e, db.Rules()))
	}
	_, err := db.Append(t.Context(), &b)
	require.NoError(t, err)
	q, list := engine.ModelsQuery{Across: engine.VersionColumn, Reference: engine.Reference{Version: "v1"}}, engine.ModelsList{Limit: 10, Totals: true}
	var want, got []engine.ModelRow
	wantPage, err := db.ListModels(t.Context(), q, list, func(row *engine.ModelRow) bool { want = append(want, *row); return true })
	require.NoError(t, err)
	gotPage, err := engine.NewQuestions(k.spans(), k, func() time.Time { return testNow }).ListModels(t.Context(), q, list, func(row *engine.ModelRow) bool { got = append(got, *row); return true })
	require.NoError(t, err)
	require.Len(t, want, 6)
	require.Equal(t, want, got)
	require.Equal(t, wantPage.Totals, gotPage.Totals)
}

// TestManyComparisonsElsewhere has recent windows of many models reach back, each as far as it must.
func TestManyComparisonsElsewhere(t *testing.T) {
	const models = 300
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	k := new(kept)
	var b event.Batch
	for i := range 60 * models {
		model := i % models
		e := event.Event{
			Timestamp: testNow.Add(-time.Duration(i/models) * time.Duration(1+model%40) * 5 * time.Minute), ModelID: fmt.Sprintf("m%d", model), ModelVersion: fmt.Sprintf("v%d", i%2), Environment: "production",
			PredictionID: strconv.Itoa(i), Features: "{}", PredictedValue: float64(i % 13), HasActual: i%5 > 0,
		}
		k.rows = append(k.rows, e)
		require.NoError(t, b.Add(e, db.Rules()))
	}
	_, err := db.Append(context.Background(), &b)
	require.NoError(t, err)
	for _, across := range []engine.Columns{0, engine.VersionColumn} {
		q := engine.DriftReportQuery{Model: "*", Across: across, Recent: time.Hour, RecentMinActuals: 15}
		want, err := db.DriftReport(context.Background(), q)
		require.NoError(t, err)
		var got []engine.DriftReportRow
		k.asked = 0
		_, err = engine.NewQuestions(k.spans(), k, func() time.Time { return testNow }).EachDriftReport(context.Background(), q, func(row *engine.DriftReportRow) bool { got = append(got, *row); return true })
		require.NoError(t, err)
		require.Equal(t, want.Rows, got)
		require.LessOrEqual(t, k.asked, 4)
	}
}

// rowsElsewhere are rows of a few models over some weeks, without two of one identity.
func rowsElsewhere(r *rand.Rand) (rows []event.Event) {
	for i := range 50 + r.IntN(1500) {
		actual := 10 + r.NormFloat64()
		e := event.Event{
			Timestamp: testNow.Add(-time.Duration(r.Int64N(int64(80 * 24 * time.Hour)))).Truncate(time.Millisecond), ModelID: fmt.Sprintf("m%d", r.IntN(3)), PredictionID: strconv.Itoa(i), Features: "{}",
			PredictedValue: actual + r.NormFloat64(), HasActual: r.IntN(6) > 0,
			ModelVersion: [...]string{"v1", "v2", "v3", "latest"}[r.IntN(3+r.IntN(2))], Environment: [...]string{"production", "staging"}[r.IntN(8)/7],
		}
		if e.HasActual {
			e.ActualValue = actual
		}
		rows = append(rows, e)
	}
	return rows
}

// askBoth asks one question of each kind.
func askBoth(t *testing.T, r *rand.Rand, db *engine.DB, elsewhere func() *engine.Questions) {
	t.Helper()
	ctx := context.Background()
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	model, version, environment := pick("m0", "m1", "*", "m1,m2", "none", "m*"), pick("", "latest", "v1", "*", "v2,latest"), pick("", "*", "staging")
	across := engine.Columns(r.IntN(8))
	hours := time.Duration(1+r.IntN(400)) * time.Hour
	var asOf time.Time
	if r.IntN(2) == 0 {
		asOf = testNow.Add(-time.Duration(r.Int64N(int64(100 * time.Hour))))
	}

	var wantMetrics, gotMetrics []engine.MetricsRow
	metrics := engine.MetricsQuery{Model: model, Version: version, Environment: environment, Across: across, Window: hours, AsOf: asOf}
	_, err := db.EachMetrics(ctx, metrics, func(row *engine.MetricsRow) bool { wantMetrics = append(wantMetrics, *row); return true })
	require.NoError(t, err)
	_, err = elsewhere().EachMetrics(ctx, metrics, func(row *engine.MetricsRow) bool { gotMetrics = append(gotMetrics, *row); return true })
	require.NoError(t, err)
	require.Equal(t, wantMetrics, gotMetrics, "%+v", metrics)

	drift := engine.DriftQuery{Model: model, Version: version, Environment: environment, Across: across, Recent: hours / 4, Historical: hours, AsOf: asOf}
	wantDrift, err := db.Drift(ctx, drift)
	require.NoError(t, err)
	gotDrift, err := elsewhere().Drift(ctx, drift)
	require.NoError(t, err)
	require.Equal(t, wantDrift.Rows, gotDrift.Rows, "%+v", drift)

	report := engine.ReportQuery{Model: model, Version: version, Environment: environment, Across: across, Window: hours, AsOf: asOf}
	wantReport, err := db.Report(ctx, report)
	require.NoError(t, err)
	var gotReport []engine.ReportRow
	_, err = elsewhere().EachReport(ctx, report, func(row *engine.ReportRow) bool { gotReport = append(gotReport, *row); return true })
	require.NoError(t, err)
	require.Equal(t, wantReport.Rows, gotReport, "%+v", report)

	series := engine.TimeseriesQuery{ReportQuery: report}
	wantSeries, err := db.Timeseries(ctx, series)
	require.NoError(t, err)
	var gotSeries []engine.TimeseriesRow
	_, err = elsewhere().EachBucket(ctx, series, func(row *engine.TimeseriesRow) bool { gotSeries = append(gotSeries, *row); return true })
	require.NoError(t, err)
	require.Equal(t, wantSeries.Rows, gotSeries, "%+v", series)

	compared := engine.DriftReportQuery{Model: model, Version: version, Environment: environment, Across: across, AsOf: asOf, RecentMinActuals: uint64(r.IntN(2) * 40)}
	switch r.IntN(4) {
	case 0:
		compared.Reference.Weeks = 1 + r.IntN(3)
	case 1:
		compared.Reference.Previous = true
		compared.Across &^= engine.VersionColumn
	}
	wantCompared, err := db.DriftReport(ctx, compared)
	require.NoError(t, err)
	var gotCompared []engine.DriftReportRow
	_, err = elsewhere().EachDriftReport(ctx, compared, func(row *engine.DriftReportRow) bool { gotCompared = append(gotCompared, *row); return true })
	require.NoError(t, err)
	require.Equal(t, wantCompared.Rows, gotCompared, "%+v", compared)

	list := engine.ModelsList{Details: r.IntN(2) == 0, Live: r.IntN(2) == 0, Totals: true, Order: engine.OrderAttention, Limit: 5 * r.IntN(2)}
	list.Order = engine.ModelsOrder(r.IntN(len(engine.ModelsOrders())))
	var wantModels, gotModels []engine.ModelRow
	wantPage, err := db.ListModels(ctx, engine.ModelsQuery(compared), list, func(row *engine.ModelRow) bool { wantModels = append(wantModels, *row); return true })
	require.NoError(t, err)
	gotPage, err := elsewhere().ListModels(ctx, engine.ModelsQuery(compared), list, func(row *engine.ModelRow) bool { gotModels = append(gotModels, *row); return true })
	require.NoError(t, err)
	require.Equal(t, wantModels, gotModels, "%+v", compared)
	require.Equal(t, wantPage.Totals, gotPage.Totals)

	verdicts := engine.VerdictsQuery{ModelsQuery: engine.ModelsQuery(compared), Window: 12 * time.Hour}
	var wantVerdicts, gotVerdicts []engine.VerdictRow
	_, err = db.EachVerdict(ctx, verdicts, func(row *engine.VerdictRow) bool { wantVerdicts = append(wantVerdicts, *row); return true })
	require.NoError(t, err)
	_, err = elsewhere().EachVerdict(ctx, verdicts, func(row *engine.VerdictRow) bool { gotVerdicts = append(gotVerdicts, *row); return true })
	require.NoError(t, err)
	require.Equal(t, wantVerdicts, gotVerdicts)

	gauges := engine.GaugesQuery{Environments: "*", AsOf: asOf}
	wantGauges, err := db.Gauges(ctx, gauges)
	require.NoError(t, err)
	gotGauges, err := elsewhere().Gauges(ctx, gauges)
	require.NoError(t, err)
	require.Equal(t, wantGauges.Rows, gotGauges.Rows)
	require.Equal(t, wantGauges.LeftOut, gotGauges.LeftOut)
}

// firstCells keeps what was asked for first.
type firstCells struct {
	kept
	cells *engine.Cells
}

func (f *firstCells) Sums(ctx context.Context, q *engine.Cells) error {
	if f.cells == nil {
		f.cells = &engine.Cells{Bounds: q.Bounds, Spans: q.Spans, Want: q.Want, Only: q.Only}
	}
	return f.kept.Sums(ctx, q)
}

// TestAheadElsewhere holds what a query says that it asks for first to what it does, and answers by sight of the rows in the cells alone.
func TestAheadElsewhere(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 0))
	ctx, now := context.Background(), func() time.Time { return testNow }
	rows := rowsElsewhere(r)
	for range 50 {
		metrics := engine.MetricsQuery{
			Model: []string{"m0", "*"}[r.IntN(2)], Version: []string{"v1", "*", "latest"}[r.IntN(3)], Environment: []string{"", "*", "staging"}[r.IntN(3)], Window: time.Duration(1+r.IntN(400)) * time.Hour,
		}
		drift := engine.DriftQuery{Model: metrics.Model, Version: metrics.Version, Environment: metrics.Environment, Recent: metrics.Window, Historical: 3 * metrics.Window}
		for i, ask := range []func(q *engine.Questions) any{
			func(q *engine.Questions) (rows any) {
				var all []engine.MetricsRow
				_, err := q.EachMetrics(ctx, metrics, func(row *engine.MetricsRow) bool { all = append(all, *row); return true })
				require.NoError(t, err)
				return all
			},
			func(q *engine.Questions) any {
				result, err := q.Drift(ctx, drift)
				require.NoError(t, err)
				return result.Rows
			},
		} {
			ahead := []engine.Ahead{metrics.Ahead(testNow), drift.Ahead(testNow)}[i]
			require.Equal(t, metrics.Version != "latest", ahead.BySight)
			f := &firstCells{kept: kept{rows: rows}}
			want := ask(engine.NewQuestions(f.spans(), f, now))
			named := kept{rows: slices.DeleteFunc(slices.Clone(rows), func(e event.Event) bool {
				return ahead.Version != "" && e.ModelVersion != ahead.Version || ahead.Environment != "" && e.Environment != ahead.Environment
			})}
			require.Equal(t, metrics.Environment == "*", ahead.Environment == "")
			if f.cells != nil {
				require.Equal(t, ahead.Cells, f.cells)
			} else {
				require.False(t, slices.ContainsFunc(named.rows, func(e event.Event) bool {
					return (metrics.Model == "*" || e.ModelID == metrics.Model) && e.Timestamp.UnixMilli() >= ahead.Cells.Spans[0].From
				}), "nothing is asked for, though a row is in the window")
			}
			require.Equal(t, want, ask(engine.NewQuestions(f.spans(), &named, now)), "the sums of those alone are needed that the query names")
			if ahead.BySight {
				seen := kept{rows: slices.DeleteFunc(slices.Clone(named.rows), func(e event.Event) bool { return e.Timestamp.UnixMilli() < ahead.Cells.Spans[0].From })}
				require.Equal(t, want, ask(engine.NewQuestions(seen.spans(), f, now)))
			}
		}
	}
}
