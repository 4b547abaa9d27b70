package httpapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
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
		// What may be meant to bound a token is never passed over.
		"/v0/tokens?name=x&scope=PIPES:READ:models&model=team_a":                  "the parameter 'model' is unknown here, which looks like models; no token was made",
		"/v0/tokens?name=x&scope=PIPES:READ:models&filter=a":                      "the parameter 'filter' is unknown here; no token was made",
		"/v0/tokens?name=x&scope=PIPES:READ:models&models=":                       "have no name",
		"/v0/tokens?name=x&scope=PIPES:READ:models&models=team_a,":                "have no name",
		"/v0/tokens?name=x&scope=PIPES:READ:models&models=*":                      "are all there are",
		"/v0/tokens?name=x&scope=PIPES:READ:models&models=*_a":                    "have a star before their end",
		"/v0/tokens?name=x&scope=ADMIN&models=team_a":                             "cannot be bounded to models",
		"/v0/tokens?name=x&scope=WORKSPACE:DEPLOY&models=team_a":                  "cannot be bounded to models",
		"/v0/tokens?name=x&scope=PIPES:READ:models&models=a&scope=ADMIN&models=b": "cannot be bounded to models",
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

// TestBoundedTokenOverHTTP makes tokens that are bounded to models, by the address and by the body, and sees no others with them.
func TestBoundedTokenOverHTTP(t *testing.T) {
	dir := t.TempDir()
	admin := []string{"Authorization", "Bearer " + create(t, dir, "admin", "ADMIN")}
	s, _ := secured(t, dir)
	f := func(target, body string) {
		t.Helper()
		resp, text := s.do(t, "POST", target, strings.NewReader(body), admin...)
		require.Equal(t, http.StatusOK, resp.StatusCode, text)
		require.Contains(t, text, `"models":["team_a_*","solo","duo"]`)
		var made struct{ ID, Token string }
		require.NoError(t, json.Unmarshal([]byte(text), &made))
		resp, text = s.do(t, "GET", "/v0/pipes/model_performance_metrics.csv", nil, "Authorization", "Bearer "+made.Token)
		require.Equal(t, http.StatusOK, resp.StatusCode, text)
		require.Equal(t, "team_a_*,solo,duo", s.store.metrics[len(s.store.metrics)-1].Within)
		_, shown := s.do(t, "GET", "/v0/tokens/"+made.ID, nil, admin...)
		require.Contains(t, shown, `"models":["team_a_*","solo","duo"]`)
	}
	f("/v0/tokens?name=one&scope=PIPES:READ:model_performance_metrics&models=team_a_*,solo&models=duo", "")
	f("/v0/tokens?name=two", "scope=PIPES:READ:model_performance_metrics&models=team_a_*,solo,duo")
	f("/v0/tokens", `{"name":"three","scope":"PIPES:READ:model_performance_metrics","models":"team_a_*,solo,duo"}`)
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
