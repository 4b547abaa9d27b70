package httpapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

// TestOpenAPI compares the served document with testdata/openapi.json and holds it to the specification.
func TestOpenAPI(t *testing.T) {
	server := start(t, httpapi.Options{Version: "1.2.3"})
	resp, body := server.do(t, "GET", "/v0/pipes/openapi.json", nil)
	require.Equal(t, 200, resp.StatusCode)
	var got bytes.Buffer
	require.NoError(t, json.Indent(&got, []byte(body), "", "  "))
	name := filepath.Join("testdata", "openapi.json")
	if *rewrite {
		require.NoError(t, os.WriteFile(name, got.Bytes(), 0o600))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())

	document, err := openapi3.NewLoader().LoadFromData([]byte(body))
	require.NoError(t, err)
	require.NoError(t, document.Validate(t.Context()))
	require.True(t, document.IsOpenAPI31OrLater(), document.OpenAPI)
}

// TestAnswersFitTheOpenAPIDocument holds golden answers to the schemas that the document gives for them.
func TestAnswersFitTheOpenAPIDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "openapi.json"))
	require.NoError(t, err)
	document, err := openapi3.NewLoader().LoadFromData(text)
	require.NoError(t, err)
	fits := func(content openapi3.Content, golden string) error {
		t.Helper()
		schema := content.Get("application/json; charset=utf-8").Schema.Value
		return document.ValidateSchemaJSON(schema, goldenJSON(t, golden), openapi3.EnableJSONSchema2020())
	}
	for golden, pipe := range map[string]string{
		"metrics_json":          "model_performance_metrics",
		"metrics_none":          "model_performance_metrics",
		"drift_json":            "model_drift_detection",
		"report_json":           "model_performance_report",
		"drift_report_json":     "model_drift_report",
		"timeseries_json":       "model_performance_timeseries",
		"models_json":           "models",
		"quarantine_json":       "quarantine",
		"predictions_json":      "predictions",
		"predictions_columns":   "predictions",
		"report_jsoncompact":    "model_performance_report",
		"models_columns":        "models",
		"distribution_json":     "model_error_distribution",
		"status_json":           "status",
		"timeseries_series":     "model_performance_timeseries",
		"timeseries_series_all": "model_performance_timeseries",
	} {
		extension := ".json"
		if strings.HasSuffix(golden, "_jsoncompact") || golden == "models_columns" {
			extension = ".jsoncompact"
		}
		path := document.Paths.Value("/v0/pipes/" + pipe + extension)
		require.NotNil(t, path, "%s is not in the stored document; -rewrite makes it anew", pipe)
		require.NoError(t, fits(path.Get.Responses.Value("200").Value.Content, golden), golden)
	}
	refusal := document.Components.Responses["Error"].Value.Content
	require.NoError(t, fits(refusal, "metrics_bad_window"))
	require.Error(t, fits(refusal, "metrics_json"), "the validator lets anything through")
}

// goldenJSON is the body of a golden answer.
func goldenJSON(t *testing.T, golden string) (value any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "golden", golden+".txt"))
	require.NoError(t, err)
	_, message, _ := strings.Cut(string(text), "# answer\n")
	_, body, _ := strings.Cut(message, "\n\n")
	require.NoError(t, json.Unmarshal([]byte(body), &value))
	return value
}

// TestOpenAPITag holds that who has the document is told so, until the pipes or the rights of the token are others.
func TestOpenAPITag(t *testing.T) {
	dir := t.TempDir()
	all, one := create(t, dir, "all", "ADMIN"), create(t, dir, "one", "PIPES:READ:models")
	known, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	server := startWith(t, newFakeStore(), httpapi.Options{Tokens: known})
	ask := func(token, have string) (status int, tag string) {
		t.Helper()
		resp, _ := server.do(t, "GET", "/v0/pipes/openapi.json", nil, "Authorization", "Bearer "+token, "If-None-Match", have)
		return resp.StatusCode, resp.Header.Get("ETag")
	}
	status, ofAll := ask(all, "")
	require.Equal(t, 200, status)
	status, ofOne := ask(one, ofAll)
	require.Equal(t, 200, status)
	status, same := ask(all, ofAll)
	require.Equal(t, 304, status)
	require.Equal(t, ofAll, same)
	require.NoError(t, server.SetProject(nil, &fakeSet{fakeEndpoints}))
	for token, tag := range map[string]string{all: ofAll, one: ofOne} {
		status, next := ask(token, tag)
		require.Equal(t, 200, status)
		require.NotEqual(t, tag, next)
	}
}
