package httpapi_test

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/zones"
)

var _ httpapi.ReportStore = (*fakeStore)(nil)

// reported remembers a query of a ReportStore.
func (f *fakeStore) reported(q any) error {
	f.pass("query")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reports = append(f.reports, q)
	return f.queryErr
}

var reportRead = engine.Read{Rows: 2048, Bytes: 49152}

func (f *fakeStore) EachReport(_ context.Context, q engine.ReportQuery, yield func(*engine.ReportRow) bool) (engine.Read, error) {
	return yieldAll([]engine.ReportRow{{Series: priceSeries, Measures: fullMeasures}, {Series: newSeries, Measures: emptyMeasures}}, yield), f.reported(q)
}

func (f *fakeStore) EachDriftReport(_ context.Context, q engine.DriftReportQuery, yield func(*engine.DriftReportRow) bool) (engine.Read, error) {
	return yieldAll(driftReportRows, yield), f.reported(q)
}

func (f *fakeStore) EachBucket(_ context.Context, q engine.TimeseriesQuery, yield func(*engine.TimeseriesRow) bool) (engine.Read, error) {
	return yieldAll([]engine.TimeseriesRow{
		{Series: priceSeries, Start: now.Add(-time.Hour), End: now, Measures: fullMeasures},
		{Series: priceSeries, Start: now, End: now.Add(time.Hour), Measures: emptyMeasures},
	}, yield), f.reported(q)
}

func (f *fakeStore) ListModels(_ context.Context, q engine.ModelsQuery, list engine.ModelsList, yield func(*engine.ModelRow) bool) (engine.ModelsPage, error) {
	f.mu.Lock()
	f.lists = append(f.lists, list)
	f.mu.Unlock()
	not := none(engine.NotAsked)
	rows := []engine.ModelRow{
		{
			DriftReportRow: driftReportRows[0], FirstEvent: now.AddDate(0, -3, 0), LastEvent: now,
			PredictionCount: 1000, ActualCount: 900, ActualCoverage: some(0.9), State: engine.StateDrift, LastActual: now.Add(-time.Hour), WeekAgoCount: some(110),
			Details: engine.ModelDetails{
				ActualLagP50: some(60), ActualLagP95: some(3600.5), ChangedAt: now.Add(-9 * time.Hour).Truncate(time.Hour), ChangeVersion: "v1", ChangeVersionFirst: now.Add(-20 * time.Hour),
				PreviousVersion: "v0", PreviousRecentMAE: none(engine.NoActuals),
				RecentAbsError: [4]engine.Value{some(1), some(2), some(3), some(4)}, ReferenceAbsError: [4]engine.Value{some(0.5), some(1.5), some(2.5), some(3.5)},
			},
		},
		{
			DriftReportRow: driftReportRows[1], FirstEvent: now.Add(-time.Minute), LastEvent: now, PredictionCount: 3, ActualCoverage: some(0), State: engine.StateWaiting,
			WeekAgoCount: none(engine.NoPredictions),
			Details: engine.ModelDetails{
				ActualLagP50: not, ActualLagP95: not, PreviousRecentMAE: not,
				RecentAbsError: [4]engine.Value{not, not, not, not}, ReferenceAbsError: [4]engine.Value{not, not, not, not},
			},
		},
	}
	read := yieldAll(rows, yield)
	totals := []engine.ModelTotal{{Environment: "*", State: engine.StateDrift, Versions: 1, Models: 1}, {Environment: "prod\"uction", State: engine.StateWaiting, Versions: 2, Models: 1}}
	return engine.ModelsPage{Matched: 17, Totals: totals, Read: read}, f.reported(q)
}

func (f *fakeStore) EachVerdict(_ context.Context, q engine.VerdictsQuery, yield func(*engine.VerdictRow) bool) (engine.Read, error) {
	return yieldAll([]engine.VerdictRow{
		{Series: priceSeries, Start: now.Add(-time.Hour), End: now, State: engine.StateDrift, Comparison: driftReportRows[0].Comparison},
		{Series: newSeries, Start: now.Add(-time.Hour), End: now, State: engine.StateNew, Comparison: driftReportRows[1].Comparison},
	}, yield), f.reported(q)
}

func (f *fakeStore) Gauges(_ context.Context, q engine.GaugesQuery) (engine.GaugesResult, error) {
	rows := gaugesRows
	if q.Max > 0 {
		rows = rows[:min(q.Max, len(rows))]
	}
	return engine.GaugesResult{Rows: rows, LeftOut: 7 + len(gaugesRows) - len(rows), Read: reportRead}, f.reported(q)
}

func some(f float64) engine.Value       { return engine.Value{Number: f} }
func none(why engine.Null) engine.Value { return engine.Value{Null: why} }
func side(n uint64, mae float64) engine.Side {
	return engine.Side{PredictionCount: 2 * n, ActualCount: n, ActualCoverage: some(0.5), MAE: some(mae), RMSE: some(2 * mae), Bias: some(-mae)}
}

var (
	priceSeries = event.Series{Model: "price", Version: "v1", Environment: "production"}
	newSeries   = event.Series{Model: "price", Version: "v2 \"new\"", Environment: "production"}

	fullMeasures = engine.Measures{
		PredictionCount: 200, ActualCount: 100, ActualCoverage: some(0.5), RMSE: some(2.5), MAE: some(2), MSE: some(6.25), Bias: some(-1),
		MAPE: none(engine.ZeroActuals), MAPEExcluded: 100, WMAPE: none(engine.ZeroActuals), SMAPE: some(200), R2: none(engine.ConstantActual),
		AbsErrorP50: some(1.75), AbsErrorP90: some(3), AbsErrorP95: some(4.5), AbsErrorP99: some(10), ActualLagP50: some(3600.5), ActualLagP95: some(86400),
		MaxError: some(1e300), MAEStandardError: some(0.15), RMSEStandardError: some(0.25), Reason: "mape: every actual is zero",
	}
	emptyMeasures = engine.Measures{
		ActualCoverage: none(engine.NoPredictions), RMSE: none(engine.NoActuals), MAE: none(engine.NoActuals), MSE: none(engine.NoActuals),
		Bias: none(engine.NoActuals), MAPE: none(engine.NoActuals), WMAPE: none(engine.NoActuals), SMAPE: none(engine.NoActuals),
		R2: none(engine.NoActuals), MaxError: none(engine.NoActuals), MAEStandardError: none(engine.NoActuals), RMSEStandardError: none(engine.NoActuals),
		AbsErrorP50: none(engine.NoActuals), AbsErrorP90: none(engine.NoActuals), AbsErrorP95: none(engine.NoActuals), AbsErrorP99: none(engine.NoActuals),
		ActualLagP50: none(engine.NoActuals), ActualLagP95: none(engine.NoActuals),
		Status: engine.ReportNoData, Reason: "no predictions in the window",
	}
	gaugesRows = []engine.GaugesRow{
		{
			Model: "price_prediction_model", Environment: "production", LastPrediction: now.Add(-1500 * time.Millisecond),
			PredictionCount: 12345678901234567890, ActualCount: 100, ActualCoverage: some(0.5), VersionsWithoutActuals: 2,
			RMSE: some(2.6000000000000014), MAE: none(engine.BeyondFloat64), Drift: driftReportRows[0],
		},
		{
			Model: "quote\" back\\ tab\t é", Environment: "prod,\"x\"", LastPrediction: now.Add(-25 * time.Hour),
			ActualCoverage: none(engine.NoPredictions), RMSE: none(engine.NoActuals), MAE: none(engine.NoActuals),
			Drift: driftReportRows[1],
		},
	}
	driftReportRows = []engine.DriftReportRow{
		{Series: priceSeries, Comparison: engine.Comparison{
			Recent: side(100, 2.5), Reference: side(400, 2), RelativeChange: some(0.25), Z: some(3.5), CI95Low: some(0.25), CI95High: some(0.75),
			Direction: engine.Worse, MinDetectableChange: some(0.195), Status: engine.DriftFound,
			RMSEShift: engine.Shift{RelativeChange: some(0.125), Z: some(2.5), Status: engine.DriftWarning},
			BiasShift: engine.Shift{RelativeChange: some(-0.25), Z: none(engine.ConstantErrors), Status: engine.DriftFound},
		}, AnalysisTimestamp: now, RecentFrom: now.Add(-6 * time.Hour)},
		{Series: newSeries, Comparison: engine.Comparison{
			Recent: side(100, 2.5), RelativeChange: none(engine.NoReference), Z: none(engine.NoReference), CI95Low: none(engine.NoReference),
			CI95High: none(engine.NoReference), MinDetectableChange: none(engine.NoReference),
			RMSEShift: engine.Shift{RelativeChange: none(engine.NoReference), Z: none(engine.NoReference), Status: engine.DriftNoReference},
			BiasShift: engine.Shift{RelativeChange: none(engine.NoReference), Z: none(engine.NoReference), Status: engine.DriftNoReference},
			Status:    engine.DriftNoReference, Reason: "no actuals in the reference",
		}, AnalysisTimestamp: now, RecentFrom: now.Add(-6 * time.Hour), ReferenceVersion: "v1"},
	}
)

// TestParametersBecomeReportQueries looks at what reaches the store of the four pipes.
func TestParametersBecomeReportQueries(t *testing.T) {
	berlin, err := zones.Load("Europe/Berlin")
	require.NoError(t, err)
	at := func(day int) time.Time { return time.Date(2025, 4, day, 0, 0, 0, 0, time.UTC) }
	report := engine.ReportQuery{
		Model: "default_model", Version: "latest", Environment: "production", Window: 24 * time.Hour, Floor: engine.Floor{Actuals: 30},
	}
	drift := engine.DriftReportQuery{
		Model: "default_model", Version: "*", Environment: "production", Recent: 6 * time.Hour, Historical: 168 * time.Hour, Gates: engine.DefaultGates(),
		Gap: 24 * time.Hour, Zone: time.UTC,
	}
	chosen := drift
	chosen.Offset, chosen.AsOf, chosen.Reference = 12*time.Hour, at(20), engine.Reference{From: at(1), To: at(8)}
	chosen.Gates = engine.Gates{DriftZ: 4, DriftChange: 0.5, WarningZ: 3, WarningChange: 0, MinRecent: 1, MinReference: 2, MinCoverage: 0.9}
	version := drift
	version.Reference.Version = "v1,2"
	previous := drift
	previous.Reference.Previous = true
	pinned := drift
	pinned.Reference = engine.Reference{From: at(1), To: at(8), Version: "v;1"}
	seasonal := drift
	seasonal.Reference.Weeks, seasonal.Zone, seasonal.RecentMinActuals, seasonal.Gap = 4, berlin, 100, time.Nanosecond
	literal := drift
	literal.Model, literal.Version, literal.Environment = "*", "latest", "a,b"
	literal.Literal = engine.ModelColumn | engine.VersionColumn | engine.EnvironmentColumn
	models := drift
	models.Model, models.Environment = "*", "*"
	bounded := report
	bounded.From, bounded.To, bounded.AsOf, bounded.Floor = at(1), at(2), at(3), engine.Floor{Actuals: 5, Coverage: 0.25}
	for _, c := range []struct {
		pipe       string
		parameters url.Values
		want       any
	}{
		{"model_performance_report", nil, report},
		{"model_performance_report", url.Values{
			"from": {"2025-04-01 00:00:00"}, "to": {"2025-04-02 00:00:00"}, "as_of": {"2025-04-03 00:00:00"}, "min_actuals": {"5"}, "min_coverage": {"0.25"},
		}, bounded},
		{"model_drift_report", nil, drift},
		{"model_drift_report", url.Values{
			"offset": {"12"}, "as_of": {"2025-04-20 00:00:00"}, "reference": {"pinned:2025-04-01 00:00:00,2025-04-08T00:00:00Z"},
			"drift_z": {"4"}, "drift_change": {"0.5"}, "warning_z": {"3"}, "warning_change": {"0"},
			"min_recent": {"1"}, "min_reference": {"2"}, "min_coverage": {"0.9"},
		}, chosen},
		{"model_drift_report", url.Values{"reference": {"version:v1,2"}}, version},
		{"model_drift_report", url.Values{"reference": {"version:previous"}}, previous},
		{"model_drift_report", url.Values{"reference": {"pinned:2025-04-01 00:00:00,2025-04-08 00:00:00;version:v;1"}}, pinned},
		{"model_drift_report", url.Values{"reference": {"seasonal:4"}, "timezone": {"Europe/Berlin"}, "recent_min_actuals": {"100"}, "gap": {"0"}}, seasonal},
		{"model_drift_report", url.Values{"model_id.eq": {"*"}, "model_version.eq": {"latest"}, "environment.eq": {"a,b"}}, literal},
		{"model_verdicts", url.Values{"time_window": {"24"}, "interval": {"6h"}}, engine.VerdictsQuery{
			ModelsQuery: engine.ModelsQuery(drift), Window: 24 * time.Hour, Interval: engine.Interval6Hours,
		}},
		{"model_performance_timeseries", nil, engine.TimeseriesQuery{ReportQuery: report, Zone: time.UTC}},
		{"model_performance_timeseries", url.Values{"interval": {"1w"}, "timezone": {"Europe/Berlin"}}, engine.TimeseriesQuery{
			ReportQuery: report, Interval: engine.IntervalWeek, Zone: berlin,
		}},
		{"models", nil, engine.ModelsQuery(models)},
	} {
		server := start(t, httpapi.Options{})
		resp, body := server.do(t, "GET", "/v0/pipes/"+c.pipe+".json?"+c.parameters.Encode(), nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		require.Equal(t, []any{c.want}, server.store.reports)
	}
}

// TestReportsNeedAStoreThatHasThem serves a store without them.
func TestReportsNeedAStoreThatHasThem(t *testing.T) {
	server := startWith(t, struct{ httpapi.Store }{newFakeStore()}, httpapi.Options{})
	for _, pipe := range []string{"model_performance_report", "model_drift_report", "model_performance_timeseries", "models", "model_verdicts"} {
		resp, _ := server.do(t, "GET", "/v0/pipes/"+pipe+".json", nil)
		require.Equal(t, http.StatusNotFound, resp.StatusCode)
		_, body := server.do(t, "GET", "/v0/pipes", nil)
		require.NotContains(t, body, `"`+pipe+`"`)
	}
}

// TestNullsInParquet reads NULL and numbers back.
func TestNullsInParquet(t *testing.T) {
	server := start(t, httpapi.Options{})
	_, body := server.do(t, "GET", "/v0/pipes/model_performance_report.parquet", nil)
	type row struct {
		RMSE *float64 `parquet:"rmse,optional"`
	}
	rows, err := parquet.Read[row](bytes.NewReader([]byte(body)), int64(len(body)))
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, 2.5, *rows[0].RMSE)
	require.Nil(t, rows[1].RMSE)
}

// yieldAll hands rows on until yield has enough.
func yieldAll[R any](rows []R, yield func(*R) bool) engine.Read {
	for i := range rows {
		if !yield(&rows[i]) {
			break
		}
	}
	return reportRead
}
