package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/workload"
)

// goldenCase is one request as bytes and what must hold before it is sent. Its answer is in testdata/golden.
type goldenCase struct {
	name    string
	request string
	// prepare changes the server's store.
	prepare func(*fakeStore)
	// options are those of the server, if they are not those of most tests.
	options func(*testing.T) httpapi.Options
}

func get(target string, headers ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + lines(headers) + "\r\n"
}

func post(target, body string, headers ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s",
		target, len(body), lines(headers), body)
}

func lines(headers []string) string {
	if len(headers) == 0 {
		return ""
	}
	return strings.Join(headers, "\r\n") + "\r\n"
}

// goodLine is one event on one line.
const goodLine = `{"timestamp":"2025-04-26T17:55:44.123Z","model_id":"m","prediction_id":"p","features":{"a":1},"predicted_value":1,"actual_value":null,"model_version":"v","environment":"production"}`

const events = "/v0/events?name=ml_model_predictions"

func failing(err error) func(*fakeStore) {
	return func(f *fakeStore) { f.appendErr, f.queryErr = err, err }
}

var goldenCases = []goldenCase{
	{name: "events_tutorial", request: post(events+"&utm_source=DEV", workload.TutorialBody, "Content-Type: application/x-www-form-urlencoded", "Authorization: Bearer $TB_ADMIN_TOKEN")},
	{name: "events_wait", request: post(events+"&wait=true", workload.TutorialLines)},
	{name: "events_some_bad", request: post(events, goodLine+"\n{\"timestamp\":1}\n\nnonsense\n"+goodLine)},
	{name: "events_empty_body", request: post(events, "")},
	{name: "events_no_body", request: "POST " + events + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"},
	{name: "events_chunked", request: "POST " + events + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" +
		fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(goodLine), goodLine)},
	{name: "events_expect", request: post(events, goodLine, "Expect: 100-continue")},
	{name: "events_http10", request: strings.Replace(post(events, goodLine), "HTTP/1.1", "HTTP/1.0", 1)},
	{name: "events_format_json_array", request: post(events+"&format=json", "[\n"+goodLine+",\n"+goodLine+"]")},
	{name: "events_format_json_malformed", request: post(events+"&format=json", goodLine+"\n"+goodLine)},
	{name: "events_bom_crlf", request: post(events, "\xef\xbb\xbf"+goodLine+"\r\n"+goodLine+"\r\n")},
	{name: "events_unknown_format", request: post(events+"&format=xml", goodLine)},
	{name: "events_bad_wait", request: post(events+"&wait=maybe", goodLine)},
	{name: "events_without_name", request: post("/v0/events", goodLine)},
	{name: "events_empty_name", request: post("/v0/events?name=", goodLine)},
	{name: "events_unknown_source", request: post("/v0/events?name=nope%0a%00%22", goodLine)},
	{name: "events_name_twice", request: post(events+"&name=ml_model_predictions", goodLine)},
	{name: "events_get", request: get(events)},
	{name: "events_key", request: post(events, goodLine, "Idempotency-Key: load-7")},
	{name: "events_key_replayed", request: post(events, goodLine, "Idempotency-Key: seen"), prepare: remember("seen", goodLine)},
	{name: "events_key_conflict", request: post(events, goodLine+" ", "Idempotency-Key: seen"), prepare: remember("seen", goodLine)},
	{name: "events_replaced", request: post(events, goodLine+"\n"+goodLine), prepare: replacing},
	{name: "events_replaced_key_replayed", request: post(events, goodLine, "Idempotency-Key: seen"), prepare: func(f *fakeStore) {
		replacing(f)
		remember("seen", goodLine)(f)
	}},
	{name: "upload_replaced", request: post("/v0/datasources?name=ml_model_predictions&format=ndjson", workload.TutorialLines), prepare: replacing},
	{name: "events_key_empty", request: post(events, goodLine, "Idempotency-Key: ")},
	{name: "events_key_long", request: post(events, goodLine, "Idempotency-Key: "+strings.Repeat("k", 129))},
	{name: "events_full", request: post(events, goodLine), prepare: failing(engine.ErrFull)},
	{name: "events_no_space", request: post(events, goodLine), prepare: failing(fmt.Errorf("append: %w", engine.ErrNoSpace))},
	{name: "events_degraded", request: post(events, goodLine), prepare: failing(engine.ErrDegraded)},
	{name: "events_outcome_unknown", request: post(events, goodLine), prepare: failing(engine.ErrOutcomeUnknown)},
	{name: "events_unavailable", request: post(events, goodLine), prepare: failing(engine.ErrUnavailable)},
	{name: "events_closed", request: post(events, goodLine), prepare: failing(engine.ErrClosed)},
	{name: "events_too_large_for_log", request: post(events, goodLine), prepare: failing(engine.ErrTooLarge)},
	{name: "events_our_bug", request: post(events, goodLine), prepare: failing(errors.New("/secret/path: exploded"))},
	{name: "events_unknown_encoding", request: post(events, goodLine, "Content-Encoding: br")},
	{name: "events_nested_encoding", request: post(events, goodLine, "Content-Encoding: gzip, gzip")},
	{name: "events_broken_gzip", request: post(events, goodLine, "Content-Encoding: gzip")},
	{name: "events_broken_zstd", request: post(events, goodLine, "Content-Encoding: zstd")},
	{name: "events_actuals_absent", request: post("/v0/events?name=ml_model_actuals", `{"model_id":"m"}`)},

	{name: "events_gzip", request: post(events, packed(gzip.NewWriter, goodLine), "Content-Encoding: gzip")},
	{name: "events_zstd", request: post(events, packed(zstdWriter, goodLine), "Content-Encoding: zstd")},
	{name: "events_slow_head", request: "POST " + events + " HTTP/1.1\r\nHost: local", options: limited(httpapi.Limits{HeaderTimeout: 20 * time.Millisecond})},
	{name: "events_slow_body", request: head + "Content-Length: 100\r\n\r\n{", options: limited(httpapi.Limits{BodyTimeout: 20 * time.Millisecond})},
	{name: "events_too_large", request: head + "Content-Length: 67108865\r\n\r\n{"},
	{name: "events_too_large_chunked", request: head + "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n", options: limited(httpapi.Limits{BodyBytesMax: 4})},
	{name: "events_length_and_chunks", request: head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{name: "events_refused_before_body", request: head + "Content-Length: 67108865\r\nExpect: 100-continue\r\n\r\n"},
	{name: "events_quota", request: post(events, goodLine), options: limited(httpapi.Limits{RequestsPerSecond: 100})},
	{name: "events_quota_spent", request: strings.Replace(post(events, goodLine), "Connection: close\r\n", "", 1) + post(events, goodLine), options: limited(httpapi.Limits{RequestsPerSecond: 1})},
	{name: "events_long_head", request: post(events, goodLine, "X: "+strings.Repeat("x", 9<<10))},
	{name: "events_long_query", request: post(events+"&x="+strings.Repeat("x", 9<<10), goodLine)},
	{name: "token_missing", request: post(events, goodLine), options: withToken("ADMIN")},
	{name: "token_wrong", request: post(events, goodLine, "Authorization: Bearer p.wrong"), options: withToken("ADMIN")},
	{name: "token_scheme", request: post(events, goodLine, "Authorization: Basic "+knownToken), options: withToken("ADMIN")},
	{name: "token_scope", request: post(events, goodLine, "Authorization: Bearer "+knownToken), options: withToken("PIPES:READ:models")},
	{name: "token_enough", request: post(events, goodLine, "Authorization: Bearer "+knownToken), options: withToken("DATASOURCES:APPEND:ml_model_predictions")},
	{name: "token_as_parameter", request: get("/v0/pipes?token=" + knownToken), options: withToken("PIPES:READ:models")},
	{name: "token_twice", request: get("/v0/pipes?token=a&token=b"), options: withToken("ADMIN")},

	{name: "metrics_parquet", request: get("/v0/pipes/model_performance_metrics.parquet")},
	{name: "metrics_every", request: get("/v0/pipes/model_performance_metrics.csv?model_id=*&model_version=*&environment=*")},
	{name: "metrics_from_to", request: get("/v0/pipes/model_performance_metrics.csv?from=2025-04-01+00:00:00&to=2025-04-02T00:00:00Z")},
	{name: "metrics_as_of", request: get("/v0/pipes/model_performance_metrics.csv?as_of=2025-04-01T02:00:00.5%2B02:00")},
	{name: "metrics_json", request: get("/v0/pipes/model_performance_metrics.json?model_id=price_prediction_model&model_version=v1.2.3&environment=production&time_window=48&utm_source=DEV")},
	{name: "metrics_csv", request: get("/v0/pipes/model_performance_metrics.csv")},
	{name: "metrics_csvwithnames", request: get("/v0/pipes/model_performance_metrics.csvwithnames")},
	{name: "metrics_ndjson", request: get("/v0/pipes/model_performance_metrics.ndjson")},
	{name: "metrics_prometheus", request: get("/v0/pipes/model_performance_metrics.prometheus")},
	{name: "metrics_none", request: get("/v0/pipes/model_performance_metrics.json?model_id=absent")},
	{name: "metrics_none_csvwithnames", request: get("/v0/pipes/model_performance_metrics.csvwithnames?model_id=absent")},
	{name: "metrics_none_ndjson", request: get("/v0/pipes/model_performance_metrics.ndjson?model_id=absent")},
	{name: "metrics_empty_model", request: get("/v0/pipes/model_performance_metrics.json?model_id=")},
	{name: "metrics_head", request: strings.Replace(get("/v0/pipes/model_performance_metrics.json"), "GET", "HEAD", 1)},
	{name: "metrics_absolute_target", request: get("http://localhost/v0/pipes/model_performance_metrics.csv")},
	{name: "metrics_post_form", request: post("/v0/pipes/model_performance_metrics.csv", "model_id=m&time_window=1", "Content-Type: application/x-www-form-urlencoded")},
	{name: "metrics_post_json", request: post("/v0/pipes/model_performance_metrics.csv", `{"model_id":"m","time_window":1,"environment":null}`, "Content-Type: application/json")},
	{name: "metrics_post_json_nested", request: post("/v0/pipes/model_performance_metrics.csv", `{"model_id":["m"]}`)},
	{name: "metrics_post_json_broken", request: post("/v0/pipes/model_performance_metrics.csv", `{"model_id":`)},
	{name: "metrics_post_too_large", request: post("/v0/pipes/model_performance_metrics.csv", "model_id="+strings.Repeat("m", 65<<10))},
	{name: "metrics_bad_window", request: get("/v0/pipes/model_performance_metrics.json?time_window=abc")},
	{name: "metrics_window_range", request: get("/v0/pipes/model_performance_metrics.json?time_window=2147483648")},
	{name: "metrics_window_empty", request: get("/v0/pipes/model_performance_metrics.json?time_window=")},
	{name: "metrics_bad_from", request: get("/v0/pipes/model_performance_metrics.json?from=1745690144")},
	{name: "metrics_bad_to", request: get("/v0/pipes/model_performance_metrics.json?to=1969-12-31+23:59:59")},
	{name: "metrics_bad_as_of", request: get("/v0/pipes/model_performance_metrics.json?as_of=%3Cscript%3E%E2%80%AE" + strings.Repeat("x", 100))},
	{name: "metrics_contradiction", request: get("/v0/pipes/model_performance_metrics.json?to=2025-04-26+00:00:00"), prepare: failing(fmt.Errorf("%w: to is given without from", engine.ErrQuery))},
	{name: "metrics_model_twice", request: get("/v0/pipes/model_performance_metrics.json?model_id=a&model_id=b")},
	{name: "metrics_sdk_from", request: get("/v0/pipes/model_performance_metrics.csv?from=ts-sdk")},
	{name: "metrics_unknown_format", request: get("/v0/pipes/model_performance_metrics.xml")},
	{name: "metrics_no_format", request: get("/v0/pipes/model_performance_metrics")},
	{name: "metrics_delete", request: strings.Replace(get("/v0/pipes/model_performance_metrics.json"), "GET", "DELETE", 1)},
	{name: "metrics_timeout", request: get("/v0/pipes/model_performance_metrics.json"), prepare: failing(fmt.Errorf("query: %w", context.DeadlineExceeded))},

	{name: "drift_json", request: get("/v0/pipes/model_drift_detection.json?model_id=price_prediction_model&environment=production&recent_window_hours=6&historical_window_hours=168")},
	{name: "drift_csv", request: get("/v0/pipes/model_drift_detection.csv")},
	{name: "drift_csvwithnames", request: get("/v0/pipes/model_drift_detection.csvwithnames")},
	{name: "drift_ndjson", request: get("/v0/pipes/model_drift_detection.ndjson")},
	{name: "drift_prometheus", request: get("/v0/pipes/model_drift_detection.prometheus")},
	{name: "drift_parquet", request: get("/v0/pipes/model_drift_detection.parquet")},
	{name: "drift_as_of_version", request: get("/v0/pipes/model_drift_detection.csv?as_of=2025-04-01+00:00:00&model_version=v1.2.3")},
	{name: "drift_bad_window", request: get("/v0/pipes/model_drift_detection.json?recent_window_hours=6.5")},

	{name: "report_json", request: get("/v0/pipes/model_performance_report.json?model_id=*")},
	{name: "report_csv", request: get("/v0/pipes/model_performance_report.csv")},
	{name: "report_csvwithnames", request: get("/v0/pipes/model_performance_report.csvwithnames")},
	{name: "report_ndjson", request: get("/v0/pipes/model_performance_report.ndjson")},
	{name: "report_prometheus", request: get("/v0/pipes/model_performance_report.prometheus")},
	{name: "report_parquet", request: get("/v0/pipes/model_performance_report.parquet")},
	{name: "report_bad_coverage", request: get("/v0/pipes/model_performance_report.json?min_coverage=1.5")},
	{name: "report_bad_actuals", request: get("/v0/pipes/model_performance_report.json?min_actuals=0")},
	{name: "drift_report_json", request: get("/v0/pipes/model_drift_report.json")},
	{name: "drift_report_csv", request: get("/v0/pipes/model_drift_report.csv")},
	{name: "drift_report_ndjson", request: get("/v0/pipes/model_drift_report.ndjson")},
	{name: "drift_report_prometheus", request: get("/v0/pipes/model_drift_report.prometheus")},
	{name: "drift_report_csvwithnames", request: get("/v0/pipes/model_drift_report.csvwithnames")},
	{name: "drift_report_parquet", request: get("/v0/pipes/model_drift_report.parquet")},
	{name: "drift_report_bad_reference", request: get("/v0/pipes/model_drift_report.json?reference=pinned:yesterday")},
	{name: "drift_report_bad_gate", request: get("/v0/pipes/model_drift_report.json?drift_z=NaN")},
	{name: "timeseries_json", request: get("/v0/pipes/model_performance_timeseries.json")},
	{name: "timeseries_csv", request: get("/v0/pipes/model_performance_timeseries.csv")},
	{name: "timeseries_ndjson", request: get("/v0/pipes/model_performance_timeseries.ndjson")},
	{name: "timeseries_parquet", request: get("/v0/pipes/model_performance_timeseries.parquet")},
	{name: "timeseries_csvwithnames", request: get("/v0/pipes/model_performance_timeseries.csvwithnames")},
	{name: "timeseries_prometheus", request: get("/v0/pipes/model_performance_timeseries.prometheus")},
	{name: "timeseries_bad_interval", request: get("/v0/pipes/model_performance_timeseries.json?interval=2h")},
	{name: "timeseries_bad_timezone", request: get("/v0/pipes/model_performance_timeseries.json?timezone=Atlantis")},
	{name: "connectors_json", request: get("/v0/pipes/connectors.json"), options: fetching},
	{name: "connectors_jsoncompact", request: get("/v0/pipes/connectors.jsoncompact"), options: fetching},
	{name: "connectors_csv", request: get("/v0/pipes/connectors.csv"), options: fetching},
	{name: "connectors_csvwithnames", request: get("/v0/pipes/connectors.csvwithnames"), options: fetching},
	{name: "connectors_ndjson", request: get("/v0/pipes/connectors.ndjson"), options: fetching},
	{name: "connectors_parquet", request: get("/v0/pipes/connectors.parquet"), options: fetching},
	{name: "models_json", request: get("/v0/pipes/models.json")},
	{name: "models_csv", request: get("/v0/pipes/models.csv")},
	{name: "models_ndjson", request: get("/v0/pipes/models.ndjson")},
	{name: "models_parquet", request: get("/v0/pipes/models.parquet")},
	{name: "models_csvwithnames", request: get("/v0/pipes/models.csvwithnames")},
	{name: "models_totals", request: get("/v0/pipes/models.json?q=pri+V1&state=drift,new&live=true&order=attention&desc=1&limit=1&skip=2&totals=true&details=true")},
	{name: "models_bad_state", request: get("/v0/pipes/models.json?state=drift,dead")},
	{name: "models_bad_order", request: get("/v0/pipes/models.json?order=worst")},
	{name: "models_bad_limit", request: get("/v0/pipes/models.json?limit=-1")},
	{name: "models_name_twice", request: get("/v0/pipes/models.json?model_id=a&model_id.eq=b")},
	{name: "verdicts_json", request: get("/v0/pipes/model_verdicts.json")},
	{name: "verdicts_csv", request: get("/v0/pipes/model_verdicts.csv")},
	{name: "verdicts_jsoncompact", request: get("/v0/pipes/model_verdicts.jsoncompact")},
	{name: "verdicts_csvwithnames", request: get("/v0/pipes/model_verdicts.csvwithnames")},
	{name: "verdicts_ndjson", request: get("/v0/pipes/model_verdicts.ndjson")},
	{name: "verdicts_parquet", request: get("/v0/pipes/model_verdicts.parquet")},
	{name: "drift_report_bad_weeks", request: get("/v0/pipes/model_drift_report.json?reference=seasonal:0")},
	{name: "drift_report_no_version", request: get("/v0/pipes/model_drift_report.json?reference=version:v9"), prepare: failing(fmt.Errorf("%w: the reference is a version that no model asked about has: \"v9\"", engine.ErrQuery))},
	{name: "models_prometheus", request: get("/v0/pipes/models.prometheus")},

	{name: "predictions_json", request: get("/v0/pipes/predictions.json?feature.rooms>=3&limit=2")},
	{name: "predictions_csv", request: get("/v0/pipes/predictions.csv?order=abs_error")},
	{name: "predictions_csvwithnames", request: get("/v0/pipes/predictions.csvwithnames?limit=0")},
	{name: "predictions_ndjson", request: get("/v0/pipes/predictions.ndjson?limit=0")},
	{name: "predictions_parquet", request: get("/v0/pipes/predictions.parquet?actuals=known")},
	{name: "predictions_columns", request: get("/v0/pipes/predictions.json?columns=residual,prediction_id")},
	{name: "predictions_none", request: get("/v0/pipes/predictions.json?model_id=absent")},
	{name: "predictions_prometheus", request: get("/v0/pipes/predictions.prometheus")},
	{name: "predictions_bad_order", request: get("/v0/pipes/predictions.json?order=worst")},
	{name: "predictions_bad_columns", request: get("/v0/pipes/predictions.json?columns=timestamp,error")},
	{name: "predictions_bad_actuals", request: get("/v0/pipes/predictions.json?actuals=yes")},
	{name: "predictions_bad_condition", request: get("/v0/pipes/predictions.json?feature.amount%3E")},
	{name: "predictions_bad_limit", request: get("/v0/pipes/predictions.json?limit=-1")},

	{name: "quarantine_json", request: get("/v0/pipes/quarantine.json?limit=2")},
	{name: "quarantine_csv", request: get("/v0/pipes/quarantine.csv")},
	{name: "quarantine_csvwithnames", request: get("/v0/pipes/quarantine.csvwithnames")},
	{name: "quarantine_ndjson", request: get("/v0/pipes/quarantine.ndjson")},
	{name: "quarantine_parquet", request: get("/v0/pipes/quarantine.parquet")},
	{name: "quarantine_of_source", request: get("/v0/pipes/ml_model_predictions_quarantine.ndjson")},
	{name: "quarantine_of_source_json", request: get("/v0/pipes/ml_model_predictions_quarantine.json")},
	{name: "quarantine_of_source_csv", request: get("/v0/pipes/ml_model_predictions_quarantine.csv")},
	{name: "quarantine_of_source_csvwithnames", request: get("/v0/pipes/ml_model_predictions_quarantine.csvwithnames")},
	{name: "quarantine_of_source_parquet", request: get("/v0/pipes/ml_model_predictions_quarantine.parquet")},
	{name: "quarantine_of_actuals", request: get("/v0/pipes/ml_model_actuals_quarantine.json")},
	{name: "quarantine_unknown_source", request: get("/v0/pipes/quarantine.json?name=nope")},
	{name: "quarantine_prometheus", request: get("/v0/pipes/quarantine.prometheus")},
	{name: "quarantine_limit", request: get("/v0/pipes/quarantine.json?limit=10001")},

	{name: "metrics_jsoncompact", request: get("/v0/pipes/model_performance_metrics.jsoncompact")},
	{name: "drift_jsoncompact", request: get("/v0/pipes/model_drift_detection.jsoncompact")},
	{name: "report_jsoncompact", request: get("/v0/pipes/model_performance_report.jsoncompact")},
	{name: "drift_report_jsoncompact", request: get("/v0/pipes/model_drift_report.jsoncompact")},
	{name: "timeseries_jsoncompact", request: get("/v0/pipes/model_performance_timeseries.jsoncompact")},
	{name: "models_jsoncompact", request: get("/v0/pipes/models.jsoncompact")},
	{name: "predictions_jsoncompact", request: get("/v0/pipes/predictions.jsoncompact")},
	{name: "quarantine_jsoncompact", request: get("/v0/pipes/quarantine.jsoncompact")},
	{name: "quarantine_of_source_jsoncompact", request: get("/v0/pipes/ml_model_predictions_quarantine.jsoncompact")},
	{name: "models_columns", request: get("/v0/pipes/models.jsoncompact?columns=status,model_id,relative_change&digits=3")},
	{name: "metrics_columns_prometheus", request: get("/v0/pipes/model_performance_metrics.prometheus?columns=rmse&digits=2")},
	{name: "metrics_columns_ndjson", request: get("/v0/pipes/model_performance_metrics.ndjson?columns=mae,model_id")},
	{name: "metrics_bad_columns", request: get("/v0/pipes/model_performance_metrics.json?columns=mae,rmes")},
	{name: "metrics_columns_twice", request: get("/v0/pipes/model_performance_metrics.json?columns=mae,mae")},
	{name: "metrics_bad_digits", request: get("/v0/pipes/model_performance_metrics.json?digits=18")},

	{name: "timeseries_series", request: get("/v0/pipes/model_performance_timeseries.jsoncompact?layout=series&columns=mae,actual_count,status&digits=6")},
	{name: "timeseries_series_all", request: get("/v0/pipes/model_performance_timeseries.json?layout=series")},
	{name: "timeseries_series_none", request: get("/v0/pipes/model_performance_timeseries.json?layout=series&model_id=")},
	{name: "timeseries_series_csv", request: get("/v0/pipes/model_performance_timeseries.csv?layout=series")},
	{name: "timeseries_bad_layout", request: get("/v0/pipes/model_performance_timeseries.json?layout=columns")},
	{name: "status_json", request: get("/v0/pipes/status.json?columns=status,reason,version,uptime_seconds,rows_last_hour,memory_limit_bytes,refused_quota")},
	{name: "status_jsoncompact", request: get("/v0/pipes/status.jsoncompact?columns=status,reason,rows_last_minute,rejected_kept")},
	{name: "status_csv", request: get("/v0/pipes/status.csv?columns=status,models")},
	{name: "status_csvwithnames", request: get("/v0/pipes/status.csvwithnames?columns=status,series")},
	{name: "status_ndjson", request: get("/v0/pipes/status.ndjson?columns=status,reason"), prepare: func(f *fakeStore) {
		f.health = engine.Health{Ready: true, Degraded: true, Reason: "the log failed"}
	}},
	{name: "status_parquet", request: get("/v0/pipes/status.parquet?columns=status,orphans")},
	{name: "status_prometheus", request: get("/v0/pipes/status.prometheus?columns=status,waiting_rows")},
	{name: "predictions_sample", request: get("/v0/pipes/predictions.csv?order=sample&seed=7&limit=2")},
	{name: "predictions_bad_seed", request: get("/v0/pipes/predictions.csv?order=sample&seed=x")},
	{name: "distribution_json", request: get("/v0/pipes/model_error_distribution.json?of=error&reference_from=2025-04-20T00:00:00Z&reference_to=2025-04-25T00:00:00Z")},
	{name: "distribution_jsoncompact", request: get("/v0/pipes/model_error_distribution.jsoncompact?of=error&reference_from=2025-04-20T00:00:00Z&reference_to=2025-04-25T00:00:00Z")},
	{name: "distribution_csv", request: get("/v0/pipes/model_error_distribution.csv?of=error&reference_from=2025-04-20T00:00:00Z&reference_to=2025-04-25T00:00:00Z")},
	{name: "distribution_csvwithnames", request: get("/v0/pipes/model_error_distribution.csvwithnames?of=error&reference_from=2025-04-20T00:00:00Z&reference_to=2025-04-25T00:00:00Z")},
	{name: "distribution_ndjson", request: get("/v0/pipes/model_error_distribution.ndjson?of=error&reference_from=2025-04-20T00:00:00Z&reference_to=2025-04-25T00:00:00Z")},
	{name: "distribution_parquet", request: get("/v0/pipes/model_error_distribution.parquet?of=error&reference_from=2025-04-20T00:00:00Z&reference_to=2025-04-25T00:00:00Z")},
	{name: "distribution_predicted", request: get("/v0/pipes/model_error_distribution.csv?of=predicted&buckets=5")},
	{name: "distribution_bad_of", request: get("/v0/pipes/model_error_distribution.json?of=errors")},
	{name: "distribution_bad_buckets", request: get("/v0/pipes/model_error_distribution.json?buckets=4")},
	{name: "distribution_bad_reference", request: get("/v0/pipes/model_error_distribution.json?reference_from=2025-04-20T00:00:00Z")},
	{name: "pipe_unknown", request: get("/v0/pipes/nope.json")},
	{name: "route_unknown", request: get("/v1/nope")},
	{name: "pipes", request: get("/v0/pipes")},
	{name: "datasources", request: get("/v0/datasources")},
	{name: "health", request: get("/health")},
	{name: "health_commit", request: get("/health"), options: func(*testing.T) httpapi.Options { return httpapi.Options{Commit: "0123456789ab"} }},
	{name: "health_degraded", request: get("/health"), prepare: func(f *fakeStore) {
		f.health = engine.Health{Ready: true, Degraded: true, Reason: "the log failed"}
	}},
	{name: "health_starting", request: get("/health"), prepare: func(f *fakeStore) { f.health = engine.Health{Reason: "reading the log"} }},
	{name: "preflight", request: strings.Replace(get(events, "Origin: http://localhost:3000", "Access-Control-Request-Method: POST"), "GET", "OPTIONS", 1)},
	{name: "cors", request: get("/health", "Origin: http://127.0.0.1:3000")},
	{name: "cors_foreign_origin", request: get("/health", "Origin: https://evil.example")},
	{name: "foreign_host", request: strings.Replace(get("/health"), "Host: localhost", "Host: rebound.example:7181", 1)},

	{name: "upload_csv", request: post("/v0/datasources?name=ml_model_predictions&mode=append&format=csv", csvFile)},
	{name: "upload_ndjson", request: post("/v0/datasources?name=ml_model_predictions&format=ndjson", workload.TutorialLines)},
	{name: "upload_multipart", request: post("/v0/datasources?name=ml_model_predictions&mode=append",
		"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nignored\r\n--b\r\nContent-Disposition: form-data; name=\"csv\"; filename=\"rows.ndjson\"\r\n\r\n"+goodLine+"\r\n--b--\r\n",
		"Content-Type: multipart/form-data; boundary=b")},
	{name: "upload_multipart_empty", request: post("/v0/datasources?name=ml_model_predictions", "--b--\r\n", "Content-Type: multipart/form-data; boundary=b")},
	{name: "upload_multipart_cut", request: post("/v0/datasources?name=ml_model_predictions&format=csv",
		"--b\r\nContent-Disposition: form-data; name=\"csv\"\r\n\r\n1,2", "Content-Type: multipart/form-data; boundary=b")},
	{name: "upload_replace", request: post("/v0/datasources?name=ml_model_predictions&mode=replace", "x")},
	{name: "upload_url", request: post("/v0/datasources?name=ml_model_predictions&url=http://example.com/x.csv", "")},
	{name: "upload_url_form", request: post("/v0/datasources?name=ml_model_predictions&format=csv", "url=http%3A%2F%2Fexample.com%2Fx.csv", "Content-Type: application/x-www-form-urlencoded")},
	{name: "upload_unknown_format", request: post("/v0/datasources?name=ml_model_predictions&format=orc", "x")},
	{name: "upload_bad_delimiter", request: post("/v0/datasources?name=ml_model_predictions&format=csv&dialect_delimiter=ab", "x")},
	{name: "upload_broken_parquet", request: post("/v0/datasources?name=ml_model_predictions&format=parquet", "PAR1nonsensePAR1")},
}

const csvFile = `timestamp,model_id,prediction_id,features,predicted_value,actual_value,model_version,environment
2025-04-26 17:55:44,m,p1,"{""a"": 1}",1.5,2,v1,production
2025-04-26 17:55:45,m,"p
2",{},1.5,,v1,production
2025-04-26 17:55:46,m,p3,{},abc,2,v1,production
2025-04-26 17:55:47,m,p4,{},1
2025-04-26 17:55:48,m,p5,{},-1e3,\N,v1,production
`

// replacing has the store say of each append that a row of it was there.
func replacing(f *fakeStore) { f.replaced = 1 }

// remember makes the store know an idempotency key for a body.
func remember(id, body string) func(*fakeStore) {
	return func(f *fakeStore) {
		f.keys[id] = engine.Key{ID: id, Hash: httpapi.HashOf("ml_model_predictions", "ndjson", body)}
	}
}

var (
	dateLine  = regexp.MustCompile(`(?m)^Date: .*\r\n`)
	retryLine = regexp.MustCompile(`(?m)^Retry-After: (\d+)`)
	resetLine = regexp.MustCompile(`(?m)^X-Ratelimit-Reset: (\d+)`)
)

// withoutChance returns an answer as it would be at another time, with the least that its Retry-After may be.
func withoutChance(t *testing.T, answer string) string {
	t.Helper()
	answer = dateLine.ReplaceAllString(answer, "")
	retry, reset := retryLine.FindStringSubmatch(answer), resetLine.FindStringSubmatch(answer)
	if retry != nil && reset != nil {
		requireRetryAfter(t, reset[1], retry[1])
		answer = retryLine.ReplaceAllLiteralString(answer, "Retry-After: "+reset[1])
	}
	return answer
}

// requireRetryAfter holds a Retry-After between its least and twice as much.
func requireRetryAfter(t *testing.T, least, got string) {
	t.Helper()
	from, err := strconv.Atoi(least)
	require.NoError(t, err)
	seconds, err := strconv.Atoi(got)
	require.NoError(t, err)
	require.True(t, from <= seconds && seconds <= 2*from, "%d of %d", seconds, from)
}

func TestGolden(t *testing.T) {
	for _, c := range goldenCases {
		t.Run(c.name, func(t *testing.T) {
			opts := httpapi.Options{}
			if c.options != nil {
				opts = c.options(t)
			}
			opts.Version = "1.2.3"
			server := start(t, opts)
			if c.prepare != nil {
				c.prepare(server.store)
			}
			answer := withoutChance(t, exchange(t, server.addr, c.request))
			got := "# request\n" + readable(c.request) + "\n# answer\n" + readable(parquetAsText(t, answer))
			name := filepath.Join("testdata", "golden", c.name+".txt")
			if *rewrite {
				require.NoError(t, os.WriteFile(name, []byte(got), 0o600))
				return
			}
			want, err := os.ReadFile(name)
			require.NoError(t, err, "run the test with -rewrite to make it")
			require.Equal(t, string(want), got)
		})
	}
}

// TestGoldenFilesAreAllUsed finds files that no case has any more.
func TestGoldenFilesAreAllUsed(t *testing.T) {
	known := map[string]bool{}
	for _, c := range goldenCases {
		known[c.name+".txt"] = true
	}
	entries, err := os.ReadDir(filepath.Join("testdata", "golden"))
	require.NoError(t, err)
	require.Len(t, entries, len(goldenCases))
	for _, entry := range entries {
		require.True(t, known[entry.Name()], entry.Name())
	}
}

// TestGoldenCoversTheSurface finds what is on the surface and in no golden case: a pipe in a format, a route, a status.
func TestGoldenCoversTheSurface(t *testing.T) {
	var requests, answers strings.Builder
	for _, c := range goldenCases {
		requests.WriteString(c.request)
		content, err := os.ReadFile(filepath.Join("testdata", "golden", c.name+".txt"))
		require.NoError(t, err)
		answers.Write(content)
	}
	var listed struct {
		Pipes []struct {
			Name    string
			Formats []string
		}
	}
	_, body := start(t, httpapi.Options{}).do(t, "GET", "/v0/pipes", nil)
	require.NoError(t, json.Unmarshal([]byte(body), &listed))
	require.Len(t, listed.Pipes, 13)
	for _, pipe := range listed.Pipes {
		for _, format := range pipe.Formats {
			require.Regexp(t, `GET /v0/pipes/`+pipe.Name+`\.`+format+`[ ?]`, requests.String())
		}
	}
	for _, route := range []string{"POST /v0/events?", "POST /v0/datasources?", "GET /v0/datasources ", "GET /v0/pipes ", "GET /health ", "OPTIONS ", "HEAD "} {
		require.Contains(t, requests.String(), route)
	}
	for _, status := range []int{200, 202, 204, 400, 403, 404, 405, 408, 413, 414, 415, 422, 429, 431, 500, 503} {
		require.Contains(t, answers.String(), fmt.Sprintf("\nHTTP/1.1 %d ", status))
	}
}

// fetching are the options of a server with connectors.
func fetching(*testing.T) httpapi.Options { return httpapi.Options{Connectors: twoConnectors()} }

// limited are the options of a server with limits of its own.
func limited(limits httpapi.Limits) func(*testing.T) httpapi.Options {
	return func(*testing.T) httpapi.Options { return httpapi.Options{Limits: limits} }
}

// knownToken is the token of a server with the options of withToken, which are those of a server that asks for one.
const knownToken = "p.known"

func withToken(scope string) func(*testing.T) httpapi.Options {
	return func(t *testing.T) httpapi.Options {
		t.Helper()
		dir := t.TempDir()
		file := fmt.Sprintf(`{"tokens":[{"name":"app","sha256":"%x","scopes":[%q],"created":"2025-01-01T00:00:00Z"}]}`,
			sha256.Sum256([]byte(knownToken)), scope)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "tokens.json"), []byte(file), 0o600))
		tokens, err := httpapi.TokensIn(dir).Load()
		require.NoError(t, err)
		return httpapi.Options{Tokens: tokens}
	}
}

func zstdWriter(w io.Writer) *zstd.Encoder {
	encoder, err := zstd.NewWriter(w)
	if err != nil {
		panic(err)
	}
	return encoder
}

// packed compresses a text.
func packed[W io.WriteCloser](writer func(io.Writer) W, text string) string {
	var b strings.Builder
	w := writer(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// parquetAsText replaces a Parquet file after a head by its schema and its rows.
func parquetAsText(t *testing.T, answer string) string {
	t.Helper()
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	if !strings.Contains(head, "application/vnd.apache.parquet") {
		return answer
	}
	if strings.Contains(head, "Transfer-Encoding: chunked") {
		whole, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(body)))
		require.NoError(t, err)
		body = string(whole)
	}
	file, err := parquet.OpenFile(strings.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n\n%s\n", regexp.MustCompile(`Content-Length: \d+`).ReplaceAllString(head, "Content-Length: ..."), file.Schema())
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		for {
			var row [1]parquet.Row
			n, err := rows.ReadRows(row[:])
			if n == 1 {
				fmt.Fprintf(&text, "%+v\n", row[0])
			}
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
		}
		require.NoError(t, rows.Close())
	}
	return text.String()
}

// exchange sends bytes on a connection of its own and returns all that comes back.
func exchange(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, _ = io.WriteString(conn, request)
	var answer bytes.Buffer
	// The server may end the connection before it read everything; what it said counts.
	_, _ = io.Copy(&answer, conn)
	return answer.String()
}

// exchangeHalf is exchange for a client that says it has nothing more to send.
func exchangeHalf(t *testing.T, addr, request string) string {
	t.Helper()
	conn := dial(t, addr)
	_, _ = io.WriteString(conn, request)
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

// readable makes bytes fit for a text file that is read by people: long values are cut, what does not print is quoted.
func readable(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	for line := range strings.Lines(s) {
		if len(line) > 4000 {
			line = fmt.Sprintf("%s ... %d bytes\n", line[:60], len(line))
		}
		for _, r := range line {
			if r != '\n' && r != '\t' && (r < ' ' || r == '\ufffd' || r == '\u202e') {
				fmt.Fprintf(&b, `\u%04x`, r)
				continue
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
