package httpapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

// TestOpenAPI compares the served document with testdata/openapi/openapi.json and has the module there validate it.
func TestOpenAPI(t *testing.T) {
	server := start(t, httpapi.Options{Version: "1.2.3"})
	resp, body := server.do(t, "GET", "/v0/pipes/openapi.json", nil)
	require.Equal(t, 200, resp.StatusCode)
	var got bytes.Buffer
	require.NoError(t, json.Indent(&got, []byte(body), "", "  "))

	dir := filepath.Join("testdata", "openapi")
	name := filepath.Join(dir, "openapi.json")
	if *rewrite {
		require.NoError(t, os.WriteFile(name, got.Bytes(), 0o600))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())

	validate := exec.CommandContext(t.Context(), "go", "test", "-count=1", ".")
	validate.Dir = dir
	output, err := validate.CombinedOutput()
	require.NoError(t, err, string(output))
}
