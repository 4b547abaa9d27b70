// Package openapi holds the served document to the OpenAPI specification, and the golden answers to the document. It
// is a module of its own, so that the validator and what it needs stay out of the product's.
package openapi

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func load(t *testing.T) *openapi3.T {
	t.Helper()
	document, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func TestDocumentIsValid(t *testing.T) {
	document := load(t)
	if err := document.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !document.IsOpenAPI31OrLater() {
		t.Fatalf("the document says OpenAPI %s", document.OpenAPI)
	}
}

func TestAnswersFitTheDocument(t *testing.T) {
	document := load(t)
	for golden, path := range map[string]string{
		"metrics_json":    "/v0/pipes/model_performance_metrics.json",
		"metrics_none":    "/v0/pipes/model_performance_metrics.json",
		"drift_json":      "/v0/pipes/model_drift_detection.json",
		"quarantine_json": "/v0/pipes/quarantine.json",
	} {
		content := document.Paths.Value(path).Get.Responses.Value("200").Value.Content
		schema := content.Get("application/json; charset=utf-8").Schema.Value
		if err := document.ValidateSchemaJSON(schema, answer(t, golden), openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s: %v", golden, err)
		}
	}
	refusal := document.Components.Responses["Error"].Value.Content.Get("application/json; charset=utf-8").Schema.Value
	if err := document.ValidateSchemaJSON(refusal, answer(t, "metrics_bad_window"), openapi3.EnableJSONSchema2020()); err != nil {
		t.Error(err)
	}
	if err := document.ValidateSchemaJSON(refusal, answer(t, "metrics_json"), openapi3.EnableJSONSchema2020()); err == nil {
		t.Error("the validator lets anything through")
	}
}

// answer is the body of a golden answer.
func answer(t *testing.T, golden string) any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "golden", golden+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, message, _ := strings.Cut(string(text), "# answer\n")
	_, body, _ := strings.Cut(message, "\n\n")
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
