package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// TestParametersBecomeQueries asks both endpoints in each way and looks at what reached the store.
func TestParametersBecomeQueries(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse("2006-01-02 15:04:05.999", text)
		require.NoError(t, err)
		return parsed
	}
	metrics := engine.MetricsQuery{Model: "default_model", Version: "latest", Environment: "production", Window: 24 * time.Hour}
	drift := engine.DriftQuery{Model: "default_model", Version: "*", Environment: "production", Recent: 6 * time.Hour, Historical: 168 * time.Hour}
	withMetrics := func(change func(*engine.MetricsQuery)) engine.MetricsQuery {
		q := metrics
		change(&q)
		return q
	}
	withDrift := func(change func(*engine.DriftQuery)) engine.DriftQuery {
		q := drift
		change(&q)
		return q
	}
	for _, c := range []struct {
		name       string
		parameters url.Values
		want       any
	}{
		{"defaults", url.Values{}, metrics},
		{"unknown ones", url.Values{"utm_source": {"DEV"}, "Model_ID": {"x"}}, metrics},
		{
			"all",
			url.Values{"model_id": {"*"}, "model_version": {"*"}, "environment": {"*"}, "time_window": {"48"}},
			engine.MetricsQuery{Model: "*", Version: "*", Environment: "*", Window: 48 * time.Hour},
		},
		{"strange names", url.Values{"model_id": {"a&b=c+d%20\n"}, "environment": {"é"}}, withMetrics(func(q *engine.MetricsQuery) {
			q.Model, q.Environment = "a&b=c+d%20\n", "é"
		})},
		{"plus sign", url.Values{"time_window": {"+1"}}, withMetrics(func(q *engine.MetricsQuery) { q.Window = time.Hour })},
		{"no hours", url.Values{"time_window": {"0"}}, withMetrics(func(q *engine.MetricsQuery) { q.Window = 1 })},
		{"negative hours", url.Values{"time_window": {"-3"}}, withMetrics(func(q *engine.MetricsQuery) { q.Window = -3 * time.Hour })},
		{"most hours", url.Values{"time_window": {"2147483647"}}, withMetrics(func(q *engine.MetricsQuery) { q.Window = 2562047 * time.Hour })},
		{"fewest hours", url.Values{"time_window": {"-2147483648"}}, withMetrics(func(q *engine.MetricsQuery) { q.Window = -2562047 * time.Hour })},
		{"from and to", url.Values{"from": {"2025-04-26 17:55:44"}, "to": {"2025-04-27T00:00:00.25Z"}}, withMetrics(func(q *engine.MetricsQuery) {
			q.From, q.To = at("2025-04-26 17:55:44"), at("2025-04-27 00:00:00.25")
		})},
		{"a zone", url.Values{"as_of": {"2025-04-26T19:55:44.5+02:00"}}, withMetrics(func(q *engine.MetricsQuery) { q.AsOf = at("2025-04-26 17:55:44.5") })},
		{"the first second", url.Values{"from": {"1970-01-01 00:00:00"}}, withMetrics(func(q *engine.MetricsQuery) { q.From = at("1970-01-01 00:00:00") })},
		{"the last second", url.Values{"as_of": {"2106-02-07 06:28:15"}}, withMetrics(func(q *engine.MetricsQuery) { q.AsOf = at("2106-02-07 06:28:15") })},
		{"a client that names itself", url.Values{"from": {"ts-sdk"}}, metrics},

		{"grouped by", url.Values{"group_by": {"model_id, environment"}}, withMetrics(func(q *engine.MetricsQuery) { q.Across = engine.VersionColumn })},
		{"a total", url.Values{"group_by": {""}, "model_id": {"a,team_*"}}, withMetrics(func(q *engine.MetricsQuery) {
			q.Model, q.Across = "a,team_*", engine.ModelColumn|engine.VersionColumn|engine.EnvironmentColumn
		})},

		{"drift defaults", url.Values{}, drift},
		{"drift grouped by", url.Values{"group_by": {"model_id"}}, withDrift(func(q *engine.DriftQuery) { q.Across = engine.VersionColumn | engine.EnvironmentColumn })},
		{"drift", url.Values{
			"model_id": {"m"}, "model_version": {"v"}, "environment": {"e"}, "recent_window_hours": {"1"}, "historical_window_hours": {"2"},
			"as_of": {"2025-04-26 17:55:44"},
		}, engine.DriftQuery{Model: "m", Version: "v", Environment: "e", Recent: time.Hour, Historical: 2 * time.Hour, AsOf: at("2025-04-26 17:55:44")}},
		{"drift without hours", url.Values{"recent_window_hours": {"0"}}, withDrift(func(q *engine.DriftQuery) { q.Recent = 1 })},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := start(t, httpapi.Options{})
			target := "/v0/pipes/model_performance_metrics.json"
			if _, ok := c.want.(engine.DriftQuery); ok {
				target = "/v0/pipes/model_drift_detection.json"
			}
			resp, body := server.do(t, "GET", target+"?"+c.parameters.Encode(), nil)
			require.Equal(t, http.StatusOK, resp.StatusCode, body)
			resp, body = server.do(t, "POST", target, strings.NewReader(c.parameters.Encode()), "Content-Type", "application/x-www-form-urlencoded")
			require.Equal(t, http.StatusOK, resp.StatusCode, body)
			var got []any
			for _, q := range server.store.metrics {
				got = append(got, q)
			}
			for _, q := range server.store.drifts {
				got = append(got, q)
			}
			require.Equal(t, []any{c.want, c.want}, got)
		})
	}
}

func TestParametersInJSONAndQueryTogether(t *testing.T) {
	server := start(t, httpapi.Options{})
	resp, body := server.do(t, "POST", "/v0/pipes/model_performance_metrics.json?environment=staging", strings.NewReader(` {"model_id": "m", "time_window": 7, "model_version": null} `))
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	require.Equal(t, engine.MetricsQuery{Model: "m", Version: "latest", Environment: "staging", Window: 7 * time.Hour}, server.store.metrics[0])
	resp, body = server.do(t, "POST", "/v0/pipes/model_performance_metrics.json?model_id=a", strings.NewReader(`{"model_id": "b"}`))
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Equal(t, "the parameter model_id is given more than once", errorText(t, body))
	resp, _ = server.do(t, "POST", "/v0/pipes/model_performance_metrics.json", strings.NewReader(`{"time_window": 1.5}`))
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	resp, _ = server.do(t, "POST", "/v0/pipes/model_performance_metrics.json", strings.NewReader(`{} {}`))
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
}

// TestQuarantineQueries looks at what reaches the store of the three pipes.
func TestQuarantineQueries(t *testing.T) {
	server := start(t, httpapi.Options{})
	for _, target := range []string{
		"/v0/pipes/quarantine.json",
		"/v0/pipes/quarantine.json?name=ml_model_predictions&limit=10000",
		"/v0/pipes/ml_model_predictions_quarantine.json?limit=1&name=ignored",
	} {
		resp, body := server.do(t, "GET", target, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
	}
	require.Equal(t, []engine.QuarantineQuery{
		{Limit: 100}, {Source: "ml_model_predictions", Limit: 10_000}, {Source: "ml_model_predictions", Limit: 1},
	}, server.store.quarantines)
}
