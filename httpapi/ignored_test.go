package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

func TestMisspeltParametersAreNamed(t *testing.T) {
	server := start(t, httpapi.Options{})
	target := "/v0/pipes/model_performance_metrics.json"
	for query, want := range map[string]string{
		"model=x":                     "model",
		"time_windw=48":               "time_windw",
		"time_windw=48&model_id=m":    "time_windw",
		"model=x&time_windw=1":        "model, time_windw",
		"modelId=x":                   "modelId",
		"Model_ID=x":                  "Model_ID",
		"model-version=x":             "model-version",
		"version=v1":                  "version",
		"env=staging":                 "env",
		"environmnt=staging":          "environmnt",
		"time_window_hours=1":         "time_window_hours",
		"modl_id=x":                   "modl_id",
		"groupby=model_id":            "groupby",
		"form=2026-01-01":             "form",
		"window=1":                    "window",
		"recent_window=1":             "recent_window",
		"m%0D%0Aodel_id=x":            "m%0D%0Aodel_id",
		"utm_source=DEV&utm_term=x":   "",
		"cli_version=5.0.3&from=cli":  "",
		"token=x&__tb__semver=1":      "",
		"recent_window_hours=1":       "",
		"t=1&x=2&id=3&frm=1":          "frm",
		"model_id=m&time_window=1":    "",
		"a_name_that_nobody_gave=1":   "",
		strings.Repeat("model", 1000): "",
	} {
		resp, body := server.do(t, "GET", target+"?"+query, nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		require.Equal(t, want, resp.Header.Get("X-Ignored-Parameters"), query)
		resp, body = server.do(t, "POST", target, strings.NewReader(query))
		require.Equal(t, http.StatusOK, resp.StatusCode, body)
		require.Equal(t, want, resp.Header.Get("X-Ignored-Parameters"), query)
	}
	resp, _ := server.do(t, "POST", target, strings.NewReader(`{"modl_id": "x", "time_window": 5}`))
	require.Equal(t, "modl_id", resp.Header.Get("X-Ignored-Parameters"))
	resp, _ = server.do(t, "GET", target+"?time_windw=1&time_window=abc", nil)
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Equal(t, "time_windw", resp.Header.Get("X-Ignored-Parameters"), "an error names them too")
	resp, _ = server.do(t, "GET", target+"?model=x", nil, "Origin", "http://localhost:3000")
	require.Contains(t, resp.Header.Get("Access-Control-Expose-Headers"), "X-Ignored-Parameters")
}

// TestWhatClientsSendAsFrom holds the start of a window apart from the name of a client.
func TestWhatClientsSendAsFrom(t *testing.T) {
	server := start(t, httpapi.Options{})
	target := "/v0/pipes/model_performance_metrics.json?from="
	for _, name := range []string{
		"cli", "ts-sdk", "python-sdk", "sdk-python", "sdk-ts", "php_sdk", "ui", "mcp", "vscode", "CLI", "go-sdk/1.2.0", "tb.cli",
		"residual", "dbt2tb",
	} {
		resp, body := server.do(t, "GET", target+url.QueryEscape(name), nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", name, body)
		require.True(t, server.store.metrics[len(server.store.metrics)-1].From.IsZero())
	}
	for _, moment := range []string{
		"", "2026-99-99", "2026-11-31", "2026", "1764547200", "-3600", "now", "now-1h", "yesterday", "Today", "last-week",
		"nov-30-2026", "12:00", "T12:00:00", "Nov 30", "2026-11-01T00:00:00+01:00", "a b", "é", "sdk 2", strings.Repeat("x", 65),
	} {
		resp, body := server.do(t, "GET", target+url.QueryEscape(moment), nil)
		if moment == "2026-11-01T00:00:00+01:00" {
			require.Equal(t, http.StatusOK, resp.StatusCode, body)
			continue
		}
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, "%q: %s", moment, body)
		require.Contains(t, errorText(t, body), "the parameter from")
	}
	resp, body := server.do(t, "GET", target+"cli&from=2026-11-01+00:00:00&from=ts-sdk", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	require.Equal(t, 2026, server.store.metrics[len(server.store.metrics)-1].From.Year(), "a client's name is not a second value")
	resp, _ = server.do(t, "GET", target+"2026-11-01+00:00:00&from=2026-11-02+00:00:00", nil)
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	for _, query := range []string{"as_of=cli", "from=2026-11-01+00:00:00&to=ts-sdk"} {
		resp, _ = server.do(t, "GET", "/v0/pipes/model_performance_metrics.json?"+query, nil)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, "clients put their name into from alone")
	}
}

// TestParametersThatAreRefused would be ignored at the cost of an answer that is not what was asked for.
func TestParametersThatAreRefused(t *testing.T) {
	server := start(t, httpapi.Options{})
	target := "/v0/pipes/model_performance_metrics.json"
	for _, query := range []string{"q=SELECT+count()+FROM+_", "page=0&page_size=5", "page=1", "page_size=5"} {
		resp, body := server.do(t, "GET", target+"?"+query, nil)
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, query)
		require.Contains(t, errorText(t, body), strings.Split(query, "=")[0])
		resp, _ = server.do(t, "POST", target, strings.NewReader(query))
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, query)
	}
	for _, body := range []string{"select count() from _", "SELECT *\nFROM _ WHERE model_id = 'a'", "% select 1"} {
		resp, answer := server.do(t, "POST", target, strings.NewReader(body), "Content-Type", "text/plain")
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, body)
		require.Contains(t, errorText(t, answer), "neither a form nor one JSON object")
	}
	resp, body := server.do(t, "POST", target, strings.NewReader("model_id=a&time_window=1\n"))
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
}
