package httpapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// silenceNow is the time of the stores whose models fall silent.
var silenceNow = time.Date(2026, 11, 29, 14, 2, 1, 0, time.UTC)

// startStore serves an empty store of the engine.
func startStore(t *testing.T, opts httpapi.Options) *running {
	t.Helper()
	clock := func() time.Time { return silenceNow }
	db, err := engine.Open(t.TempDir(), engine.Options{Now: clock})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	opts.Now = clock
	return startWith(t, db, opts)
}

// predict sends n predictions of 5, one each step up to a time before now. off are their errors in turn; without any,
// they have no actual.
func predict(t *testing.T, server *running, series [3]string, ago, step time.Duration, n int, off ...float64) {
	t.Helper()
	var lines strings.Builder
	for i := range n {
		actual := ""
		if len(off) > 0 {
			actual = fmt.Sprintf(`, "actual_value": %g`, 5-off[i%len(off)])
		}
		at := silenceNow.Add(-ago - time.Duration(i)*step).Format(time.DateTime)
		fmt.Fprintf(&lines, `{"timestamp": %q, "model_id": %q, "model_version": %q, "environment": %q, `+
			`"prediction_id": "%s-%s-%d", "features": "{}", "predicted_value": 5%s}`+"\n",
			at, series[0], series[1], series[2], series[1], ago, i, actual)
	}
	resp, body := server.do(t, "POST", events, strings.NewReader(lines.String()))
	require.Equal(t, http.StatusAccepted, resp.StatusCode, body)
	require.Equal(t, fmt.Sprintf(`{"successful_rows":%d,"quarantined_rows":0}`, n), strings.TrimSpace(body))
}

// TestSilenceIsAValue has one model without events for 25 hours and one without actuals.
func TestSilenceIsAValue(t *testing.T) {
	server := startStore(t, httpapi.Options{})
	predict(t, server, [3]string{"c22-quiet", "v1", "production"}, 25*time.Hour, time.Hour, 100, 1)
	predict(t, server, [3]string{"c22-nolabel", "v1", "production"}, 5*time.Minute, time.Minute, 100)
	samples := modelSamples(scrape(t, server))
	quiet := `{model_id="c22-quiet",environment="production"}`
	noLabel := `{model_id="c22-nolabel",environment="production"}`
	for name, want := range map[string]float64{
		"predictions" + quiet:                         0,
		"actuals" + quiet:                             0,
		"reference_actuals" + quiet:                   100,
		"last_prediction_timestamp_seconds" + quiet:   float64(silenceNow.Add(-25 * time.Hour).Unix()),
		"predictions" + noLabel:                       100,
		"coverage" + noLabel:                          0,
		"versions_without_actuals" + noLabel:          1,
		"last_prediction_timestamp_seconds" + noLabel: float64(silenceNow.Add(-5 * time.Minute).Unix()),
		`status{model_id="c22-quiet",environment="production",status="insufficient_data"}`: 1,
		`status{model_id="c22-nolabel",environment="production",status="no_reference"}`:    1,
	} {
		require.Contains(t, samples, name)
		require.InDelta(t, want, samples[name], 0, name)
	}
	for _, unknown := range []string{"mae", "rmse", "drift", "drift_z"} {
		require.NotContains(t, samples, unknown+quiet)
		require.NotContains(t, samples, unknown+noLabel)
	}
	require.NotContains(t, samples, "coverage"+quiet)
}

// TestEnvironmentsOfGauges counts what an environment that is not asked for leaves out.
func TestEnvironmentsOfGauges(t *testing.T) {
	server := startStore(t, httpapi.Options{})
	predict(t, server, [3]string{"m", "v1", "prod"}, 0, time.Minute, 3, 1)
	samples := scrape(t, server)
	require.InDelta(t, 1, samples["residual_model_gauges_left_out"], 0)
	require.Empty(t, modelSamples(samples))

	server = startStore(t, httpapi.Options{ModelGaugesEnvironments: "prod*"})
	predict(t, server, [3]string{"m", "v1", "prod"}, 0, time.Minute, 3, 1)
	samples = scrape(t, server)
	require.InDelta(t, 0, samples["residual_model_gauges_left_out"], 0)
	require.InDelta(t, 3, samples[`residual_model_predictions{model_id="m",environment="prod"}`], 0)
}

// TestSeriesStay lets a version drift, another take over, and the error fall: in /metrics and in the answers of pipes a
// verdict or a newer version ends no series.
func TestSeriesStay(t *testing.T) {
	server := startStore(t, httpapi.Options{})
	v1, v2 := [3]string{"m", "v1", "production"}, [3]string{"m", "v2", "production"}
	const verdict = `status{model_id="m",environment="production",status=%q}`
	known := map[string]bool{}
	look := func(drift, mae float64) {
		t.Helper()
		samples := modelSamples(scrape(t, server))
		require.InDelta(t, drift, samples[fmt.Sprintf(verdict, "drift")], 0)
		require.InDelta(t, 1-drift, samples[fmt.Sprintf(verdict, "ok")], 0)
		require.InDelta(t, mae, samples[`mae{model_id="m",environment="production"}`], 1e-9)
		names := slices.Collect(maps.Keys(samples))
		for _, path := range []string{
			"/v0/pipes/model_performance_metrics.prometheus?model_id=m",
			"/v0/pipes/model_drift_report.prometheus?model_id=m&model_version=v1",
		} {
			_, body := server.do(t, "GET", path, nil)
			names = slices.AppendSeq(names, maps.Keys(parseExposition(t, body)))
		}
		for _, name := range names {
			known[name] = true
		}
		require.Len(t, names, len(known), "no series came or went")
	}
	predict(t, server, v1, 7*time.Hour, time.Hour, 150, 1, 2)
	predict(t, server, v1, 0, time.Minute, 200, 3, 4)
	const v1MAE = (200*3.5 + 18*1.5) / (200 + 18) // 18 of the hourly rows are of the last day
	look(1, v1MAE)
	predict(t, server, v2, time.Second, time.Minute, 1)
	look(1, v1MAE)
	predict(t, server, v2, 2*time.Second, time.Minute, 2, 1)
	look(1, 1) // the latest version with actuals
	predict(t, server, v1, 30*time.Second, time.Second, 20_000, 1, 2)
	look(0, 1)
}

// TestReferenceWithoutError has no ratio to an error of zero, and the reports say so; the endpoint of the tutorial has no
// row.
func TestReferenceWithoutError(t *testing.T) {
	server := startStore(t, httpapi.Options{})
	predict(t, server, [3]string{"m", "v1", "production"}, 7*time.Hour, time.Hour, 150, 0)
	predict(t, server, [3]string{"m", "v1", "production"}, 0, time.Minute, 200, 0, 1)
	samples := modelSamples(scrape(t, server))
	of := `{model_id="m",environment="production"}`
	require.NotContains(t, samples, "drift"+of)
	require.Positive(t, samples["drift_z"+of])
	require.InDelta(t, 126, samples["reference_actuals"+of], 0, "those of the gap are left out")
	require.InDelta(t, 200, samples["recent_actuals"+of], 0)
	require.InDelta(t, 1, samples[`status{model_id="m",environment="production",status="drift"}`], 0)

	_, body := server.do(t, "GET", "/v0/pipes/model_drift_detection.csv?model_id=m", nil)
	require.Empty(t, body)
	for _, pipe := range []string{"model_drift_report", "models"} {
		_, body = server.do(t, "GET", "/v0/pipes/"+pipe+".json?model_id=m", nil)
		require.Contains(t, body, `"rows": 1,`)
		require.Contains(t, body, `"status": "drift"`)
		require.Contains(t, body, `"relative_change": null`)
		require.Contains(t, body, `"reference_mae": 0,`)
		require.Contains(t, body, `"reason": "relative_change: the reference mae is zero"`)
	}
}
