package httpapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

// TestTokensOverHTTP makes tokens, lists and revokes them.
func TestTokensOverHTTP(t *testing.T) {
	dir := t.TempDir()
	admin := []string{"Authorization", "Bearer " + create(t, dir, "admin", "ADMIN")}
	s, _ := secured(t, dir)
	labels := labels()
	labels.Grants = []httpapi.Grant{{Token: "app", Append: true}}
	require.NoError(t, s.SetDatasources([]httpapi.Datasource{labels}))
	f := func(method, target string, status int) string {
		t.Helper()
		resp, text := s.do(t, method, target, nil, admin...)
		require.Equal(t, status, resp.StatusCode, text)
		return text
	}
	var made struct {
		Name, Token string
		Scopes      []map[string]string
	}
	text := f("POST", "/v0/tokens?name=app&origin=C&scope=PIPES:READ:models&scope=DATASOURCES:READ:ml_model_predictions", 200)
	require.NoError(t, json.Unmarshal([]byte(text), &made))
	require.Equal(t, []map[string]string{
		{"type": "PIPES:READ", "resource": "models"}, {"type": "DATASOURCES:READ", "resource": "ml_model_predictions"}, {"type": "DATASOURCES:APPEND", "resource": "labels"},
	}, made.Scopes)
	app := []string{"Authorization", "Bearer " + made.Token}
	resp, _ := s.do(t, "GET", "/v0/pipes", nil, app...)
	require.Equal(t, http.StatusOK, resp.StatusCode, "it counts at once")

	list := f("GET", "/v0/tokens", 200)
	require.Contains(t, list, `{"id":"admin","name":"admin","token":"","scopes":[{"type":"ADMIN"}]}`)
	require.NotContains(t, list, made.Token)
	require.NotContains(t, f("GET", "/v0/tokens/app", 200), made.Token)
	f("GET", "/v0/tokens/none", 404)
	for target, want := range map[string]string{
		"/v0/tokens?name=app&scope=ADMIN":                     "one named app exists",
		"/v0/tokens?name=other":                               "at least one scope is needed",
		"/v0/tokens?scope=ADMIN":                              "the name '' must be",
		"/v0/tokens?name=x&scope=PIPES:READ:none":             "does not exist",
		"/v0/tokens?name=x&scope=NONE":                        "is unknown",
		"/v0/tokens?name=x&scope=ADMIN&expiration_time=17000": "JSON Web Tokens are not made here",
	} {
		require.Contains(t, errorText(t, f("POST", target, 400)), want)
	}
	for _, c := range [][2]string{{"GET", "/v0/tokens"}, {"POST", "/v0/tokens?name=y&scope=ADMIN"}, {"DELETE", "/v0/tokens/admin"}, {"GET", "/v0/tokens/app"}} {
		resp, _ := s.do(t, c[0], c[1], nil, app...)
		require.Equal(t, http.StatusForbidden, resp.StatusCode, c)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokens.json.new"), nil, 0o600))
	require.NotContains(t, f("POST", "/v0/tokens?name=y&scope=ADMIN", 503), dir)
	require.NotContains(t, f("DELETE", "/v0/tokens/app", 503), dir)
	require.NoError(t, os.Remove(filepath.Join(dir, "tokens.json.new")))
	f("DELETE", "/v0/tokens/app", 200)
	f("DELETE", "/v0/tokens/app", 404)
	resp, _ = s.do(t, "GET", "/v0/pipes", nil, app...)
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
}

// TestTokensOfAnOpenServer makes none: the first would close the server to everybody else.
func TestTokensOfAnOpenServer(t *testing.T) {
	s := start(t, httpapi.Options{})
	resp, text := s.do(t, "POST", "/v0/tokens?name=x&scope=ADMIN", nil)
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
	require.Contains(t, errorText(t, text), "the first is made on its machine")
	_, text = s.do(t, "GET", "/v0/tokens", nil)
	require.Contains(t, text, `"scopes":[{"type":"ADMIN"}]`)
}
