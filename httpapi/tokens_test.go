package httpapi_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// clock is a clock that a test moves.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time { return now.Add(time.Duration(c.nanos.Load())) }

// tick moves the clock to where the tokens are looked at again.
func (c *clock) tick() { c.nanos.Add(int64(time.Second)) }

// secured starts a server with the tokens of a directory and returns a clock that moves it.
func secured(t *testing.T, dir string) (*running, *clock) {
	t.Helper()
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	c := &clock{}
	return start(t, httpapi.Options{Tokens: tokens, Now: c.now}), c
}

func create(t *testing.T, dir, name string, scopes ...string) string {
	t.Helper()
	token, err := httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: name, Scopes: scopes, Created: now})
	require.NoError(t, err)
	return token
}

// silentAgent has nothing to say.
type silentAgent struct{}

func (silentAgent) Serve(*fasthttp.RequestCtx, string) {}

// TestRoutesTimesScopes asks every route with every kind of token: what is not granted is denied. A route that is not
// in its table fails it.
func TestRoutesTimesScopes(t *testing.T) {
	dir := t.TempDir()
	const (
		adminScope  = "ADMIN"
		appendScope = "DATASOURCES:APPEND:ml_model_predictions"
		readScope   = "DATASOURCES:READ:ml_model_predictions"
		otherAppend = "DATASOURCES:APPEND:ml_model_actuals"
		otherRead   = "DATASOURCES:READ:ml_model_actuals"
		deployScope = "WORKSPACE:DEPLOY"
	)
	scopes := []string{adminScope, appendScope, readScope, otherAppend, otherRead, deployScope}
	granted := map[string][]string{ // by method and target; ADMIN always is
		"POST " + events: {appendScope},
		"POST /v0/datasources?format=csv&name=ml_model_predictions": {appendScope},
		"POST /v0/events?name=ml_model_actuals":                     {otherAppend},
		"POST /v0/datasources?format=csv&name=ml_model_actuals":     {otherAppend},
		"GET /metrics":     {"PIPES:READ:model_performance_metrics"},
		"POST /v0/backups": nil,
		"GET /v0/tokens":   nil,
		"POST /v0/tokens?name=further&scope=ADMIN": nil,
		"POST /v1/deploy":                          {deployScope},
		"POST /v1/build":                           {deployScope},
		"GET /v1/deployments":                      {deployScope},
		"GET /examples/query.http?pipe=model_performance_metrics": {"PIPES:READ:model_performance_metrics"},
	}
	everyToken := []string{"GET /mcp", "POST /mcp", "GET /v0/jobs", "GET /v0/datasources", "GET /v0/pipes", "GET /v0/pipes/openapi.json", "GET /v0/sql?q=a", "POST /v0/sql?q=a"}
	for _, path := range httpapi.WorkspacePaths() {
		if path != "/examples/query.http" {
			everyToken = append(everyToken, "GET "+path)
		}
	}
	open := []string{"GET /health", "OPTIONS " + events}
	for _, route := range httpapi.Surface() {
		method, pipe, isPipe := strings.Cut(route, " /v0/pipes/")
		if !isPipe || pipe == "openapi.json" {
			continue
		}
		scope := "PIPES:READ:" + pipe
		scopes = append(scopes, scope)
		for _, method := range []string{method, "HEAD"} {
			granted[method+" /v0/pipes/"+pipe+".json"] = []string{scope}
			if source, ok := strings.CutSuffix(pipe, "_quarantine"); ok {
				granted[method+" /v0/pipes/"+pipe+".json"] = []string{scope, "DATASOURCES:READ:" + source}
			}
		}
	}
	tokens := map[string]string{}
	for i, scope := range scopes {
		if _, ok := tokens[scope]; !ok {
			tokens[scope] = create(t, dir, fmt.Sprintf("t%d", i), scope)
		}
	}
	for _, route := range everyToken {
		granted[route] = scopes
	}
	for _, route := range open {
		granted[route] = scopes
	}
	known, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	server := startWith(t, &backupsStore{&actualsStore{fakeStore: newFakeStore()}, openStore(t)}, httpapi.Options{Tokens: known, Deployments: &fakeDeployments{}, Agent: silentAgent{}})
	require.NoError(t, server.SetProject(nil, &fakeSet{}))

	for route, allowed := range granted {
		method, target, _ := strings.Cut(route, " ")
		ask := func(headers ...string) (forbidden bool) {
			resp, body := server.do(t, method, target, http.NoBody, headers...)
			forbidden = resp.StatusCode == http.StatusForbidden
			if forbidden && method != "HEAD" {
				require.NotEmpty(t, errorText(t, body))
			}
			noForm := resp.StatusCode == http.StatusBadRequest && (target == "/v1/deploy" || target == "/v1/build")
			require.True(t, forbidden || resp.StatusCode < 300 || noForm, "%s: %d %s", route, resp.StatusCode, body)
			return forbidden
		}
		closed := !slices.Contains(open, route)
		require.Equal(t, closed, ask(), "%s without a token", route)
		require.Equal(t, closed, ask("Authorization", "Bearer p.wrong"), "%s with a wrong token", route)
		require.Equal(t, closed, ask("Authorization", "Basic "+tokens[adminScope]), "%s with another scheme", route)
		for scope, token := range tokens {
			require.Equal(t, scope != adminScope && !slices.Contains(allowed, scope), ask("Authorization", "Bearer "+token), "%s with %s", route, scope)
		}
	}
	for _, route := range httpapi.Surface() {
		asked := slices.ContainsFunc(slices.Collect(maps.Keys(granted)), func(target string) bool {
			path, _, _ := strings.Cut(target, "?")
			return path == route || strings.TrimSuffix(path, ".json") == route
		})
		require.True(t, asked, "%s is in no row", route)
	}
	// A route that does not exist tells so only those who may ask at all.
	resp, _ := server.do(t, "GET", "/v0/secret", nil)
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
	resp, _ = server.do(t, "GET", "/v0/secret", nil, "Authorization", "Bearer "+tokens[otherAppend])
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestCatalogShowsWhatTheTokenMayUse checks the three lists.
func TestCatalogShowsWhatTheTokenMayUse(t *testing.T) {
	dir := t.TempDir()
	drift := create(t, dir, "drift", "PIPES:READ:model_drift_detection")
	appender := create(t, dir, "appender", "DATASOURCES:APPEND:ml_model_predictions")
	server, _ := secured(t, dir)
	list := func(target, token string) string {
		_, body := server.do(t, "GET", target, nil, "Authorization", "Bearer "+token)
		return body
	}
	require.Contains(t, list("/v0/pipes", drift), `"name":"model_drift_detection"`)
	require.NotContains(t, list("/v0/pipes", drift), `"name":"model_performance_metrics"`)
	require.Contains(t, list("/v0/pipes/openapi.json", drift), `/v0/pipes/model_drift_detection.json`)
	require.NotContains(t, list("/v0/pipes/openapi.json", drift), `model_performance_metrics`)
	require.JSONEq(t, `{"datasources":[]}`, list("/v0/datasources", drift))
	require.JSONEq(t, `{"pipes":[]}`, list("/v0/pipes", appender))
	require.Contains(t, list("/v0/datasources", appender), `"name":"ml_model_predictions"`)
}

func TestTokenInTheQueryString(t *testing.T) {
	dir := t.TempDir()
	token := create(t, dir, "admin", "ADMIN")
	server, _ := secured(t, dir)
	resp, _ := server.do(t, "GET", "/v0/pipes?token="+token, nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	resp, _ = server.do(t, "GET", "/v0/pipes?token="+token, nil, "Authorization", "Bearer wrong")
	require.Equal(t, http.StatusForbidden, resp.StatusCode, "the header goes first")
	resp, _ = server.do(t, "GET", "/v0/pipes?token="+token+"&token="+token, nil)
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	resp, _ = server.do(t, "GET", "/v0/pipes", nil, "Authorization", "bearer  "+token)
	require.Equal(t, http.StatusOK, resp.StatusCode, "schemes have no case")
}

// TestTokensFollowTheirFile revokes and creates under a running server.
func TestTokensFollowTheirFile(t *testing.T) {
	dir := t.TempDir()
	first := create(t, dir, "first", "ADMIN")
	server, c := secured(t, dir)
	status := func(token string) int {
		resp, _ := server.do(t, "GET", "/v0/pipes", nil, "Authorization", "Bearer "+token)
		return resp.StatusCode
	}
	require.Equal(t, http.StatusOK, status(first))

	second := create(t, dir, "second", "ADMIN")
	c.tick()
	require.Equal(t, http.StatusOK, status(second))
	require.NoError(t, httpapi.TokensIn(dir).Revoke("first"))
	c.tick()
	require.Equal(t, http.StatusForbidden, status(first))
	require.Equal(t, http.StatusOK, status(second))

	// A file that cannot be read leaves the known tokens in place.
	file := filepath.Join(dir, "tokens.json")
	good, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	c.tick()
	require.Equal(t, http.StatusOK, status(second))
	require.Contains(t, server.logs.String(), "tokens could not be read again")
	require.NoError(t, os.WriteFile(file, good, 0o600))

	// Once there were tokens, having none denies everybody, and so does a file that is gone.
	require.NoError(t, httpapi.TokensIn(dir).Revoke("second"))
	c.tick()
	require.Equal(t, http.StatusForbidden, status(second))
	require.NoError(t, os.Remove(file))
	c.tick()
	require.Equal(t, http.StatusForbidden, status(second))
	require.Equal(t, http.StatusForbidden, status(""))
}

// TestFirstTokenClosesAnOpenServer creates the first token while the server runs without any.
func TestFirstTokenClosesAnOpenServer(t *testing.T) {
	dir := t.TempDir()
	server, c := secured(t, dir)
	resp, _ := server.do(t, "GET", "/v0/pipes", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	create(t, dir, "admin", "ADMIN")
	c.tick()
	resp, _ = server.do(t, "GET", "/v0/pipes", nil)
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
}

func TestTokenCommands(t *testing.T) {
	dir := t.TempDir()
	tokens, err := httpapi.TokensIn(dir).List()
	require.NoError(t, err)
	require.Empty(t, tokens)
	loaded, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	require.False(t, loaded.Defined())

	token := create(t, dir, "ci", "PIPES:READ:models", "DATASOURCES:READ:ml_model_actuals")
	require.Greater(t, len(token), 40)
	require.NoError(t, loaded.Reload())
	require.True(t, loaded.Defined())
	tokens, err = httpapi.TokensIn(dir).List()
	require.NoError(t, err)
	require.Len(t, tokens, 1)
	require.Equal(t, "ci", tokens[0].Name)
	require.Equal(t, []string{"PIPES:READ:models", "DATASOURCES:READ:ml_model_actuals"}, tokens[0].Scopes)
	require.True(t, tokens[0].Created.Equal(now))
	info, err := os.Stat(filepath.Join(dir, "tokens.json"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())

	f := func(name string, err error, text string) {
		t.Helper()
		require.ErrorIs(t, err, httpapi.ErrToken, name)
		require.ErrorContains(t, err, text, name)
	}
	_, err = httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "ci", Scopes: []string{"ADMIN"}})
	f("same name", err, "one named ci exists")
	_, err = httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "a b", Scopes: []string{"ADMIN"}})
	f("bad name", err, "'a b'")
	_, err = httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "x", Scopes: nil})
	f("no scope", err, "at least one scope")
	_, err = httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "x", Scopes: []string{"PIPES:READ:"}})
	f("bad scope", err, "PIPES:READ:")
	_, err = httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "x", Scopes: []string{"ADMIN", "PIPES:READ:nope"}})
	f("unknown pipe", err, "'PIPES:READ:nope' is of something that does not exist")
	_, err = httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "x", Scopes: []string{"DATASOURCES:APPEND:nope"}})
	f("unknown data source", err, "is for ml_model_predictions, ml_model_actuals")
	_, err = httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "x", Scopes: []string{"admin"}})
	f("scope in lower case", err, "'admin'")
	f("unknown name", httpapi.TokensIn(dir).Revoke("x"), "there is none named 'x'")
	require.NoFileExists(t, filepath.Join(dir, "tokens.json.new"))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokens.json.new"), nil, 0o600))
	_, err = httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "x", Scopes: []string{"ADMIN"}})
	f("a command that runs", err, "another command is changing the tokens")
	require.FileExists(t, filepath.Join(dir, "tokens.json.new"))
}

func TestBrokenTokensFile(t *testing.T) {
	for name, content := range map[string]string{
		"not JSON":      `{`,
		"unknown field": `{"tokens":[{"name":"a","token":"x"}]}`,
		"short hash":    `{"tokens":[{"name":"a","sha256":"00","scopes":["ADMIN"]}]}`,
		"bad scope":     `{"tokens":[{"name":"a","sha256":"` + strings.Repeat("00", 32) + `","scopes":["ALL"]}]}`,
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "tokens.json"), []byte(content), 0o600))
		_, err := httpapi.TokensIn(dir).Load()
		require.Error(t, err, name)
	}
}

// TestCanary sends a token everywhere a client may put one and finds it nowhere: not in answers, logs, metrics or
// files.
func TestCanary(t *testing.T) {
	dir := t.TempDir()
	token := create(t, dir, "canary", "ADMIN")
	server, _ := secured(t, dir)
	server.store.change(func(f *fakeStore) { f.panics = "token " + token })
	answers := []string{}
	for _, request := range []string{
		get("/v0/pipes?token=" + token),
		get("/v0/pipes/model_performance_metrics.json?time_window="+token, "Authorization: Bearer "+token),
		get("/v0/pipes/model_performance_metrics.json?token=" + token),
		get("/v0/pipes/nope.json", "Authorization: Bearer "+token),
		get("/v0/pipes/x", "Authorization: Bearer x"+token),
		get("/v0/pipes/x", "Authorization: Basic "+token),
		get("/v0/pipes/x", "Authorization: Bearer "+token+"\x01"),
		get("/v0/pipes//x?token="+token, "X: y"),
		get("http:?token=" + token),
		"GET /x?token=" + token + "\r\n\r\n",
		"GET /x\x00?token=" + token + " HTTP/1.1\r\n\r\n",
		"GET /x HTTP/1.1\r\nAuthorization Bearer " + token + "\r\n\r\n",
		"GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token + "\r\nX: " + strings.Repeat("a", 40<<10) + "\r\n\r\n",
		"GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token,
		post(events+"&token="+token, goodLine),
		post(events, goodLine, "Authorization: Bearer "+token, "Idempotency-Key: k\x7f"),
		post("/v0/pipes/model_performance_metrics.json", "token="+token),
	} {
		answers = append(answers, exchangeHalf(t, server.addr, request))
	}
	server.store.change(func(f *fakeStore) { f.panics = nil })
	answers = append(answers, exchange(t, server.addr, get("/metrics?token="+token)))
	files := []string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			files = append(files, string(data))
		}
		return err
	}))
	shownToTheSender := 0
	for i, answer := range answers {
		if strings.Contains(answer, token) {
			shownToTheSender++
			require.Equal(t, 1, i, "only the value of a wrong parameter is repeated, to who sent it")
		}
	}
	require.Equal(t, 1, shownToTheSender)
	require.Contains(t, server.logs.String(), "token=canary", "the name of a token is logged")
	require.NotContains(t, server.logs.String(), token)
	require.NotContains(t, strings.Join(files, "\n"), token)
	require.Contains(t, answers[len(answers)-1], "residual_http_requests_total")
}

// TestCanaryThroughTheSuite sends every golden and every hostile request with a token, as a header and as a parameter,
// to a server on a store of its own: the token comes back in no answer, and stands in no log, metric or file.
func TestCanaryThroughTheSuite(t *testing.T) {
	dir := t.TempDir()
	token := create(t, dir, "canary", "ADMIN")
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	db, err := engine.Open(filepath.Join(dir, "store"), engine.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	server := startWith(t, db, httpapi.Options{Tokens: tokens, Now: time.Now, Limits: httpapi.Limits{BodyBytesMax: 1 << 20}})

	requests := []string{}
	for i := range goldenCases {
		requests = append(requests, goldenCases[i].request)
	}
	for i := range hostileCases {
		requests = append(requests, hostileCases[i].request)
	}
	host, target := regexp.MustCompile(`\r\n(Host:)`), regexp.MustCompile(`^(\S+ )([^ ?]*)\??`)
	answered := map[string]bool{}
	for _, request := range requests {
		for _, sent := range []string{
			host.ReplaceAllString(request, "\r\nAuthorization: Bearer "+token+"\r\n$1"),
			target.ReplaceAllString(request, "${1}${2}?token="+token+"&"),
		} {
			answer := exchangeHalf(t, server.addr, sent)
			require.NotContains(t, answer, token, sent)
			status, _, _ := strings.Cut(strings.TrimPrefix(answer, "HTTP/1.1 "), " ")
			answered[status] = true
		}
	}
	for _, status := range []string{"200", "202", "400", "404", "413", "431"} {
		require.True(t, answered[status], status)
	}
	require.Contains(t, server.logs.String(), "token=canary")
	require.NotContains(t, server.logs.String(), token)
	_, metrics := server.do(t, "GET", "/metrics", nil, "Authorization", "Bearer "+token)
	require.Contains(t, metrics, "residual_rows_total")
	require.NotContains(t, metrics, token)
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(data), token, path)
		return nil
	}))
	require.Greater(t, files, 3)
}

// TestTokensAreStoredAsHashes reads the file as a thief would.
func TestTokensAreStoredAsHashes(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, "a", "ADMIN")
	create(t, dir, "b", "ADMIN")
	data, err := os.ReadFile(filepath.Join(dir, "tokens.json"))
	require.NoError(t, err)
	var content struct{ Tokens []map[string]any }
	require.NoError(t, json.Unmarshal(data, &content))
	require.Len(t, content.Tokens, 2)
	for _, token := range content.Tokens {
		require.Len(t, token, 4)
		require.Len(t, token["sha256"], 64)
	}
	require.NotEqual(t, content.Tokens[0]["sha256"], content.Tokens[1]["sha256"])
}
