package httpapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

var (
	commentLine = regexp.MustCompile(`^# (HELP|TYPE) ([a-z0-9_]+) (.+)$`)
	sampleLine  = regexp.MustCompile(`^([a-z0-9_]+)((?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (NaN|[+-]Inf|-?[0-9][0-9.e+-]*)$`)
)

// scrape reads /metrics as Prometheus would and returns the samples by name and labels.
func scrape(t *testing.T, server *running) map[string]float64 {
	t.Helper()
	resp, body := server.do(t, "GET", "/metrics", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "text/plain; version=0.0.4; charset=utf-8", resp.Header.Get("Content-Type"))
	return parseExposition(t, body)
}

func parseExposition(t *testing.T, body string) map[string]float64 {
	t.Helper()
	samples, families, family := map[string]float64{}, map[string]bool{}, ""
	for line := range strings.Lines(body) {
		line = strings.TrimSuffix(line, "\n")
		if comment := commentLine.FindStringSubmatch(line); comment != nil {
			if comment[1] == "HELP" {
				require.False(t, families[comment[2]], "%s twice", comment[2])
				family = comment[2]
				families[family] = true
			}
			require.Equal(t, family, comment[2])
			continue
		}
		sample := sampleLine.FindStringSubmatch(line)
		require.NotNil(t, sample, "%q", line)
		require.True(t, strings.HasPrefix(sample[1], family), line)
		value, err := strconv.ParseFloat(sample[3], 64)
		require.NoError(t, err)
		require.NotContains(t, samples, sample[1]+sample[2])
		samples[sample[1]+sample[2]] = value
	}
	return samples
}

func TestMetrics(t *testing.T) {
	server := start(t, httpapi.Options{Version: "1.2.3", Commit: "abc"})
	server.do(t, "POST", events, strings.NewReader(goodLine+"\nnonsense"))
	server.do(t, "POST", events, strings.NewReader(goodLine), "Idempotency-Key", "k")
	server.do(t, "POST", events, strings.NewReader(goodLine), "Idempotency-Key", "k")
	server.do(t, "GET", "/v0/pipes/nope.json", nil)
	exchange(t, server.addr, "nonsense\r\n\r\n")
	samples := scrape(t, server)
	for name, want := range map[string]float64{
		`residual_build_info{version="1.2.3",commit="abc",goversion="` + runtime.Version() + `"}`: 1,
		`residual_http_requests_total{route="events",status="2xx"}`:                               3,
		`residual_http_requests_total{route="pipe",status="4xx"}`:                                 1,
		`residual_http_requests_total{route="refused",status="4xx"}`:                              1,
		`residual_http_request_seconds_count{route="events"}`:                                     3,
		`residual_http_request_seconds_bucket{route="events",le="+Inf"}`:                          3,
		`residual_http_rows_total`:                                                                2,
		`residual_http_body_bytes_total`:                                                          float64(3*len(goodLine) + len("\nnonsense")),
		`residual_http_batch_rows_bucket{le="1"}`:                                                 2,
		`residual_http_batch_rows_count`:                                                          2,
		`residual_http_quarantined_rows_total`:                                                    1,
		`residual_http_replayed_total`:                                                            1,
		`residual_http_body_bytes`:                                                                0,
		`residual_ready`:                                                                          1,
		`residual_degraded`:                                                                       0,
		`residual_rows_total`:                                                                     3,
		`residual_actuals_total{outcome="joined"}`:                                                11,
		`residual_actuals_total{outcome="corrected"}`:                                             12,
		`residual_actuals_total{outcome="orphaned"}`:                                              13,
		`residual_deleted_total`:                                                                  14,
		`residual_waiting_rows`:                                                                   15,
		`residual_orphans`:                                                                        16,
		`residual_quarantined_total{reason="missing"}`:                                            5,
		`residual_start_time_seconds`:                                                             float64(now.Unix()),
		`residual_model_gauges_left_out`:                                                          7,
		`residual_model_gauges_max`:                                                               500,
		`residual_model_gauges_failures_total`:                                                    0,
	} {
		require.Contains(t, samples, name)
		require.InEpsilon(t, want+1, samples[name]+1, 1e-15, name)
	}
	require.Positive(t, samples["residual_http_decode_seconds_total"])
	require.Equal(t, []any{engine.GaugesQuery{Max: 500}}, server.store.reports, "of the environments by default")
}

// TestMetricsAreBounded asks for what does not exist in many ways: no name that a client chose becomes a label.
func TestMetricsAreBounded(t *testing.T) {
	server := start(t, httpapi.Options{})
	before := len(scrape(t, server))
	for i := range 50 {
		server.do(t, "GET", fmt.Sprintf("/v0/pipes/x%d.json", i), nil)
		server.do(t, fmt.Sprintf("METHOD%d", i), "/v0/events?name=x", nil)
		server.do(t, "POST", fmt.Sprintf("/v0/events?name=x%d", i), nil)
		server.do(t, "GET", fmt.Sprintf("/%d", i), nil)
	}
	require.LessOrEqual(t, len(scrape(t, server)), before+8)
}

// statsStore has stats of the test's own.
type statsStore struct {
	*fakeStore

	stats engine.Stats
}

func (s *statsStore) Stats() engine.Stats { return s.stats }

// TestEveryStatIsScraped gives each field of the store's stats a value of its own and looks for it in /metrics.
func TestEveryStatIsScraped(t *testing.T) {
	store := &statsStore{fakeStore: newFakeStore()}
	next := int64(1000)
	values := map[string]string{}
	var fill func(name string, v reflect.Value)
	fill = func(name string, v reflect.Value) {
		next++
		values[name] = strconv.FormatInt(next, 10)
		switch v.Kind() {
		case reflect.Struct:
			delete(values, name)
			for i := range v.NumField() {
				fill(name+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Array:
			delete(values, name)
			for i := 1; i < v.Len(); i++ { // no reason is the first one
				fill(fmt.Sprintf("%s[%d]", name, i), v.Index(i))
			}
		case reflect.Int, reflect.Int64:
			if v.Type() == reflect.TypeFor[time.Duration]() {
				v.SetInt(next * int64(time.Second))
				return
			}
			v.SetInt(next)
		case reflect.Uint64:
			v.SetUint(uint64(next))
		case reflect.Slice, reflect.Bool:
			delete(values, name) // of a histogram, and what says which of the others are known
		default:
			t.Fatalf("%s is a %s", name, v.Kind())
		}
	}
	fill("Stats", reflect.ValueOf(&store.stats).Elem())
	delete(values, "Stats.Log.Syncs.Count")             // stands in for the sum of its counts
	maps.DeleteFunc(values, func(name, _ string) bool { // Prometheus makes these of the counters
		return strings.HasPrefix(name, "Stats.LastMinute.") || strings.HasPrefix(name, "Stats.LastHour.") || strings.HasPrefix(name, "Stats.LastDay.")
	})
	server := startWith(t, store, httpapi.Options{})
	_, body := server.do(t, "GET", "/metrics", nil)
	require.Greater(t, len(values), 30)
	for name, value := range values {
		require.Regexp(t, `(?m) `+value+`$`, body, name)
	}
}

func TestPrometheusAnswersParse(t *testing.T) {
	server := start(t, httpapi.Options{})
	for _, pipe := range []string{"model_performance_metrics", "model_drift_detection"} {
		_, body := server.do(t, "GET", "/v0/pipes/"+pipe+".prometheus", nil)
		require.NotEmpty(t, parseExposition(t, body))
	}
}

// TestRequestLog reads the line that each request leaves at debug.
func TestRequestLog(t *testing.T) {
	server := start(t, httpapi.Options{})
	server.do(t, "POST", events+"&token=secret", strings.NewReader(goodLine))
	server.do(t, "BREW", "/v0/events", nil)
	require.Eventually(t, func() bool {
		return strings.Count(server.logs.String(), "msg=request ") == 2
	}, time.Minute, time.Millisecond)
	lines := strings.Split(server.logs.String(), "\n")
	require.Regexp(t, `level=DEBUG msg=request method=POST path=/v0/events status=202 took=\S+ bytes=43 remote=127.0.0.1:\d+ token=""$`, lines[0])
	require.Contains(t, lines[1], "method=other path=/v0/events status=405")
}

// TestCORSWithTokens lets any page ask that has a token.
func TestCORSWithTokens(t *testing.T) {
	dir := t.TempDir()
	token := create(t, dir, "page", "DATASOURCES:APPEND:ml_model_predictions")
	server, _ := secured(t, dir)
	resp, _ := server.do(t, "OPTIONS", events, nil, "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Equal(t, "*", resp.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, resp.Header.Get("Access-Control-Allow-Headers"), "Authorization")
	resp, _ = server.do(t, "POST", events+"&token="+token, strings.NewReader(goodLine), "Origin", "https://shop.example")
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	require.Equal(t, "*", resp.Header.Get("Access-Control-Allow-Origin"))
	require.Empty(t, resp.Header.Get("Access-Control-Allow-Credentials"))
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := httpapi.New(nil, httpapi.Options{Limits: httpapi.Limits{ConnsMax: -1, HeaderTimeout: -1, BodyBytesMax: 2, InFlightBytesMax: 1}})
	require.ErrorContains(t, err, "HeaderTimeout must be positive")
	require.ErrorContains(t, err, "ConnsMax must be positive")
	require.ErrorContains(t, err, "InFlightBytesMax is 1; it must be at least BodyBytesMax, 2")
	for _, rate := range []int{-1, 1_000_001} {
		_, err = httpapi.New(nil, httpapi.Options{Limits: httpapi.Limits{RequestsPerSecond: rate}})
		require.ErrorContains(t, err, "RequestsPerSecond is")
	}
}

// TestStatsOfRowsElsewhere has a store that knows little of its rows: what it does not know is no 0.
func TestStatsOfRowsElsewhere(t *testing.T) {
	known := []string{"rejected_kept", "rows", "models", "series", "months", "disk_bytes"}
	gauges := []string{"residual_quarantine_lines", "residual_sealed_rows", "residual_models", "residual_series", "residual_months", `residual_store_bytes{kind="packs"}`}
	never := []string{"waiting_rows", "orphans", "rejected_kept_limit", "model_series_most", "unsealed_bytes", "remembered_actuals_bytes", "idempotency_keys", "log_bytes", "log_free_bytes", "disk_days_left", "log_sync_p99_seconds"}
	neverGauges := []string{
		"residual_waiting_rows", "residual_orphans", "residual_idempotency_keys", "residual_models_max", "residual_head_bytes", "residual_log_records_total", "residual_rows_replaced_total",
		`residual_store_bytes{kind="log"}`, `residual_store_free_bytes{of="log"}`,
	}
	store := &statsStore{fakeStore: newFakeStore()}
	server := startWith(t, store, httpapi.Options{})
	f := func(stats engine.Stats, measured bool, free any) {
		t.Helper()
		store.stats = stats
		status, samples := statusOf(t, server), scrape(t, server)
		for i := range known {
			require.Equal(t, measured, status[known[i]] != nil, known[i])
			_, ok := samples[gauges[i]]
			require.Equal(t, measured, ok, gauges[i])
		}
		require.Equal(t, free, status["disk_free_bytes"])
		_, ok := samples[`residual_store_free_bytes{of="data"}`]
		require.Equal(t, free != nil, ok)
		for _, name := range never {
			require.Nil(t, status[name], name)
		}
		for _, name := range neverGauges {
			require.NotContains(t, samples, name)
		}
		require.Equal(t, 7.0, status["rows_last_minute"])
		require.InDelta(t, 8, samples["residual_rows_total"], 0)
	}
	stored := engine.Traffic{Rows: 7}
	f(engine.Stats{Elsewhere: true, Unmeasured: true, Rows: 8, LastMinute: stored, Disk: engine.Disk{Free: -1, LogFree: -1}}, false, nil)
	f(engine.Stats{Elsewhere: true, Rows: 8, LastMinute: stored, Disk: engine.Disk{Packs: 9, Free: -1, LogFree: -1}}, true, nil)
	f(engine.Stats{Elsewhere: true, Rows: 8, LastMinute: stored, Disk: engine.Disk{Packs: 9, Free: 10, LogFree: -1}}, true, 10.0)
}
