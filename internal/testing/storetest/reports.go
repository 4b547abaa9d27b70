package storetest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

func reportTests() []test {
	return []test{
		{"reports: every measure", everyMeasure},
		{"reports: numbers of any size", vastMeasures},
		{"reports: what is null and why", nullMeasures},
		{"reports: status", reportStatus},
		{"reports: which series have a row", reportedSeries},
		{"reports: totals are those of all rows", reportTotals},
	}
}

// values are predictions and actuals between which sums lose digits if they are not careful.
func values(n int) (predicted, actual []float64) {
	for i := range n {
		size := []float64{1, 1e-3, 1e6, 123.456}[i%4]
		a := size * (1 + math.Sin(float64(i)))
		predicted, actual = append(predicted, a+size*0.1*math.Cos(float64(7*i))), append(actual, a)
	}
	return predicted, actual
}

func everyMeasure(w *world) {
	const n = 1000
	predicted, actual := values(n)
	var rows []event.Event
	for i := range n {
		rows = append(rows, event.Event{
			Timestamp: at("00:00").Add(time.Duration(i) * time.Minute / 2), ModelID: "m", ModelVersion: "v1", Environment: "production", PredictionID: strconv.Itoa(i), Features: "{}",
			PredictedValue: predicted[i], ActualValue: actual[i], HasActual: true,
		})
	}
	rows = append(rows, event.Event{Timestamp: at("09:00"), ModelID: "m", ModelVersion: "v1", Environment: "production", PredictionID: "waits", Features: "{}", PredictedValue: 1e9})
	rows[5].ActualValue, actual[5] = 0, 0
	w.sendEvents(rows...)
	got := w.report(engine.ReportQuery{Model: "m"})
	require.EqualValues(w, n+1, got.PredictionCount)
	require.EqualValues(w, n, got.ActualCount)
	require.EqualValues(w, 1, got.MAPEExcluded)
	requireMeasures(w, predicted, actual, &got.Measures)
}

func vastMeasures(w *world) {
	w.send("actuals/v1/production a 10:00 1e200 1e200", "actuals/v1/production b 10:01 -3e200 -3e200", "errors/v1/production a 10:00 3e75 0", "errors/v1/production b 10:01 -1e75 0")
	w.send("one/v1/production a 10:00 1e200 1e200")
	for model, rows := range map[string]int{"actuals": 2, "one": 1} {
		got := w.report(engine.ReportQuery{Model: model})
		require.EqualValues(w, rows, got.ActualCount)
		require.Zero(w, got.MAE.Float64())
		require.Zero(w, got.RMSE.Float64())
	}
	w.send("tiny/v1/production a 10:00 1e-170 0", "tiny/v1/production b 10:01 2e-170 0", "least/v1/production a 10:00 1e-100 0")
	got := w.report(engine.ReportQuery{Model: "tiny"})
	require.InEpsilon(w, 1.5e-170, got.MAE.Float64(), 1e-12)
	require.InEpsilon(w, 1.5e-170, got.Bias.Float64(), 1e-12)
	got = w.report(engine.ReportQuery{Model: "least"})
	require.InEpsilon(w, 1e-100, got.RMSE.Float64(), 1e-12)
	got = w.report(engine.ReportQuery{Model: "errors"})
	require.InEpsilon(w, 2e75, got.MAE.Float64(), 1e-12)
	require.InEpsilon(w, math.Sqrt(5)*1e75, got.RMSE.Float64(), 1e-12)
}

// requireMeasures holds measures to what the formulas of docs/metrics.md make of some rows.
func requireMeasures(w *world, predicted, actual []float64, got *engine.Measures) {
	w.Helper()
	n := float64(len(actual))
	var e, abs, square, fourth, a, absA, mape, smape, largest, counted float64
	var sizes []float64
	for i := range actual {
		d := predicted[i] - actual[i]
		sizes = append(sizes, math.Abs(d))
		e, abs, square, fourth = e+d, abs+math.Abs(d), square+d*d, fourth+d*d*d*d
		a, absA = a+actual[i], absA+math.Abs(actual[i])
		if actual[i] != 0 {
			mape, counted = mape+math.Abs(d)/math.Abs(actual[i]), counted+1
		}
		smape += 2 * math.Abs(d) / (math.Abs(predicted[i]) + math.Abs(actual[i]))
		largest = max(largest, math.Abs(d))
	}
	var spread float64
	for _, v := range actual {
		spread += (v - a/n) * (v - a/n)
	}
	mse, mae := square/n, abs/n
	near := func(want float64, got engine.Value, within float64, name string) {
		w.Helper()
		require.Equal(w, engine.Present, got.Null, name)
		require.InEpsilon(w, want, got.Float64(), within, name)
	}
	near(mae, got.MAE, 1e-12, "mae")
	near(mse, got.MSE, 1e-12, "mse")
	near(math.Sqrt(mse), got.RMSE, 1e-12, "rmse")
	near(e/n, got.Bias, 1e-10, "bias") // the reference cancels
	near(100*mape/counted, got.MAPE, 1e-11, "mape")
	near(100*abs/absA, got.WMAPE, 1e-12, "wmape")
	near(100*smape/n, got.SMAPE, 1e-12, "smape")
	near(1-square/spread, got.R2, 1e-12, "r2")
	near(largest, got.MaxError, 0x1p-52, "max_error")
	near(math.Sqrt((mse-mae*mae)/n), got.MAEStandardError, 1e-10, "mae_standard_error")
	near(math.Sqrt((fourth/n-mse*mse)/(4*n*mse)), got.RMSEStandardError, 1e-10, "rmse_standard_error")
	slices.Sort(sizes)
	for q, v := range map[float64]engine.Value{0.5: got.AbsErrorP50, 0.9: got.AbsErrorP90, 0.95: got.AbsErrorP95, 0.99: got.AbsErrorP99} {
		near(sizes[int(math.Ceil(q*n))-1], v, 0.0101, fmt.Sprint("quantile ", q))
	}
}

// nullMeasures has a window for each reason why there is no number.
func nullMeasures(w *world) {
	w.send("none/v1/production old -3d/11:00 1 1", "waits/v1/production a 11:00 1 ?", "one/v1/production a 11:00 3 1", "zero/v1/production a 11:00 1 0", "zero/v1/production b 11:00 2 0",
		"constant/v1/production a 11:00 1 5", "constant/v1/production b 11:00 2 5", "perfect/v1/production a 11:00 5 5", "perfect/v1/production b 11:00 6 6")
	f := func(model, status, reason string) engine.Measures {
		w.Helper()
		r := w.report(engine.ReportQuery{Model: model, Version: "v1", Floor: engine.Floor{Actuals: 1}})
		require.Equal(w, status, r.Status.String(), model)
		require.Equal(w, reason, r.Reason, model)
		return r.Measures
	}
	m := f("none", "no_data", "no predictions in the window")
	require.Equal(w, engine.NoPredictions, m.ActualCoverage.Null)
	require.Equal(w, engine.NoActuals, m.MAE.Null)
	m = f("waits", "no_data", "no actuals in the window")
	require.Equal(w, short(0), value(m.ActualCoverage))
	require.Equal(w, engine.NoActuals, m.AbsErrorP50.Null)
	m = f("one", "ok", "r2: fewer than two actuals; "+
		"mae_standard_error: fewer than two actuals; rmse_standard_error: fewer than two actuals")
	require.Equal(w, []string{"2", "2", "2", "200", "200", "100", "2"}, []string{
		value(m.MAE), value(m.RMSE), value(m.Bias), value(m.MAPE), value(m.WMAPE), value(m.SMAPE), value(m.MaxError),
	})
	m = f("zero", "ok", "mape: every actual is zero; "+
		"wmape: every actual is zero; r2: all actuals are the same")
	require.EqualValues(w, 2, m.MAPEExcluded)
	m = f("constant", "ok", "r2: all actuals are the same")
	require.Equal(w, engine.ConstantActual, m.R2.Null)
	m = f("perfect", "ok", "")
	require.Equal(w, []string{"0", "0", "1"}, []string{value(m.MAE), value(m.RMSE), value(m.R2)})
}

func reportStatus(w *world) {
	var rows []string
	for i := range 40 {
		rows = append(rows, fmt.Sprintf("m/v1/production %d 11:00 %d %s", i, 10+i%2, map[bool]string{true: "9", false: "?"}[i < 30]))
	}
	w.send(rows...)
	f := func(floor engine.Floor, want, reason string) {
		w.Helper()
		r := w.report(engine.ReportQuery{Model: "m", Version: "v1", Floor: floor})
		require.Equal(w, want, r.Status.String())
		if reason != "" {
			require.Contains(w, r.Reason, reason)
		}
		require.Equal(w, "0.75", value(r.ActualCoverage))
		require.EqualValues(w, 40, r.PredictionCount)
	}
	f(engine.Floor{}, "ok", "")
	f(engine.Floor{Actuals: 31}, "insufficient_data", "30 actuals, fewer than 31")
	f(engine.Floor{Coverage: 0.76}, "insufficient_data", "coverage 0.75, below 0.76")
	w.actuals("m 0 -")
	f2 := w.report(engine.ReportQuery{Model: "m", Version: "v1"})
	require.Equal(w, "insufficient_data", f2.Status.String())
}

func reportedSeries(w *world) {
	w.send("m/v1/production a -3d/11:00 1 1", "m/v2/production b 11:00 1 1", "m/v3/production c 13:00 1 1", "m/v1/staging d 11:00 1 1")
	f := func(q engine.ReportQuery, want ...string) {
		w.Helper()
		q.Model, q.Version, q.Environment = "m", "*", "*"
		var got []string
		for _, r := range w.reports(q) {
			got = append(got, fmt.Sprintf("%s %d", seriesText(r.Model, r.Version, r.Environment), r.PredictionCount))
		}
		require.Equal(w, want, got)
	}
	f(engine.ReportQuery{}, "m/v1/production 0", "m/v1/staging 1", "m/v2/production 1", "m/v3/production 1")
	f(engine.ReportQuery{From: at("10:00"), To: at("12:00")}, "m/v1/production 0", "m/v1/staging 1", "m/v2/production 1")
	f(engine.ReportQuery{AsOf: at("10:59")}, "m/v1/production 0")
}

func reportTotals(w *world) {
	predicted, actual := values(400)
	var rows []event.Event
	for i := range predicted {
		rows = append(rows, event.Event{
			Timestamp: at("08:00").Add(time.Duration(i) * time.Second), ModelID: fmt.Sprint("m", i%7), ModelVersion: fmt.Sprint("v", i%3), Environment: "production", PredictionID: strconv.Itoa(i),
			Features: "{}", PredictedValue: predicted[i], ActualValue: actual[i], HasActual: true,
		})
	}
	w.sendEvents(rows...)
	got := w.report(engine.ReportQuery{Model: "*", Version: "*", Across: engine.ModelColumn | engine.VersionColumn})
	require.Equal(w, event.Series{Model: "*", Version: "*", Environment: "production"}, got.Series)
	requireMeasures(w, predicted, actual, &got.Measures)
}
