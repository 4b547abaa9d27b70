package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// TestPagesFromElsewhere asks a server without tokens as browsers do for pages of all origins, and under all names. With
// tokens nothing of this matters.
func TestPagesFromElsewhere(t *testing.T) {
	open := start(t, httpapi.Options{})
	dir := t.TempDir()
	bearer := "Authorization: Bearer " + create(t, dir, "ops", "ADMIN")
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	closed := start(t, httpapi.Options{Tokens: tokens})
	f := func(status int, host string, headers ...string) {
		t.Helper()
		request := strings.Replace(get("/v0/pipes", headers...), "Host: localhost", "Host: "+host, 1)
		require.Contains(t, exchange(t, open.addr, request), "HTTP/1.1 "+statusLine(status))
		request = strings.Replace(request, "\r\n\r\n", "\r\n"+bearer+"\r\n\r\n", 1)
		require.Contains(t, exchange(t, closed.addr, request), "HTTP/1.1 200 OK")
	}
	for _, host := range []string{"localhost", "LOCALHOST:7181", "localhost.", "Localhost.:80", "127.0.0.1", "127.8.8.8:1", "[::1]:7181"} {
		f(http.StatusOK, host)
	}
	for _, host := range []string{"localhost..", "localhost.example", "xlocalhost", "127.0.0.1.example", "10.0.0.1"} {
		f(http.StatusForbidden, host)
	}
	for _, site := range []string{"same-origin", "same-site", "none"} {
		f(http.StatusOK, "localhost", "Sec-Fetch-Site: "+site)
	}
	f(http.StatusForbidden, "localhost", "Sec-Fetch-Site: cross-site")
	f(http.StatusForbidden, "localhost", "Sec-Fetch-Site: something")
	f(http.StatusForbidden, "localhost", "Sec-Fetch-Site: cross-site", "Origin: https://evil.example")
	f(http.StatusForbidden, "localhost", "Sec-Fetch-Site: cross-site", "Origin: null")
	// To a browser, a page of 127.0.0.1 is from another site than localhost.
	f(http.StatusOK, "localhost", "Sec-Fetch-Site: cross-site", "Origin: http://127.0.0.1:3000")
}

func statusLine(status int) string {
	if status == http.StatusOK {
		return "200 OK"
	}
	return "403 Forbidden"
}

// formulaStore has texts that begin as formulas do.
type formulaStore struct{ *fakeStore }

func (formulaStore) EachReject(_ context.Context, _ engine.QuarantineQuery, yield func(*engine.QuarantineRow) bool) (engine.Read, error) {
	var result engine.QuarantineResult
	for _, line := range []string{"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "1=1", "", "=" + strings.Repeat("1", 5000)} {
		result.Rows = append(result.Rows, engine.QuarantineRow{ImportID: "=i", Line: []byte(line), InsertedAt: now})
	}
	return yieldRejects(result.Rows, yield), nil
}

// TestFormulas holds the format with names to texts that no spreadsheet calculates, and the one without to exact ones.
func TestFormulas(t *testing.T) {
	server := startWith(t, formulaStore{newFakeStore()}, httpapi.Options{})
	const prefix, suffix = `,"2025-04-27 12:00:00",\N` + "\n", `"[]","[]",`
	long := "=" + strings.Repeat("1", 5000)
	_, body := server.do(t, "GET", "/v0/pipes/ml_model_predictions_quarantine.csvwithnames", nil)
	names, body, _ := strings.Cut(body, "\n")
	require.Equal(t, `"c__error_column","c__error","c__import_id","line","insertion_date","c__place"`, names)
	row := func(id, line string) string { return suffix + `"` + id + `","` + line + `"` + prefix }
	require.Equal(t, row("'=i", "'=cmd|' /C calc'!A0")+row("'=i", "'+1")+row("'=i", "'-1")+row("'=i", "'@SUM(1)")+
		row("'=i", "'\t=1")+row("'=i", "'\r=1")+row("'=i", "1=1")+row("'=i", "")+row("'=i", "'"+long), body)
	_, body = server.do(t, "GET", "/v0/pipes/ml_model_predictions_quarantine.csv", nil)
	require.Equal(t, row("=i", "=cmd|' /C calc'!A0")+row("=i", "+1")+row("=i", "-1")+row("=i", "@SUM(1)")+
		row("=i", "\t=1")+row("=i", "\r=1")+row("=i", "1=1")+row("=i", "")+row("=i", long), body)
}

// TestKeysOfHolders sends different bodies under one idempotency key: each token's holder, and each data source, has keys
// of its own, and a token that replaces another under its name has that one's.
func TestKeysOfHolders(t *testing.T) {
	dir := t.TempDir()
	first, second := create(t, dir, "first", "ADMIN"), create(t, dir, "second", "ADMIN")
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	db, err := engine.Open(t.TempDir(), engine.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	server := startWith(t, db, httpapi.Options{Tokens: tokens})
	f := func(token, source, body string, status int, replayed bool) {
		t.Helper()
		resp, answer := server.do(t, "POST", "/v0/events?name="+source, strings.NewReader(body), "Authorization", "Bearer "+token, "Idempotency-Key", "batch-1")
		require.Equal(t, status, resp.StatusCode, answer)
		require.Equal(t, replayed, resp.Header.Get("Idempotent-Replayed") == "true")
	}
	const other, actual = "{}", `{"model_id":"m","prediction_id":"p","actual_value":1}`
	for _, replayed := range []bool{false, true} {
		f(first, "ml_model_predictions", goodLine, http.StatusAccepted, replayed)
		f(second, "ml_model_predictions", other, http.StatusAccepted, replayed)
		f(first, "ml_model_actuals", actual, http.StatusAccepted, replayed)
	}
	f(first, "ml_model_predictions", other, http.StatusUnprocessableEntity, false)
	f(second, "ml_model_predictions", goodLine, http.StatusUnprocessableEntity, false)

	require.NoError(t, httpapi.TokensIn(dir).Revoke("first"))
	rotated := create(t, dir, "first", "ADMIN")
	require.NoError(t, tokens.Reload())
	f(rotated, "ml_model_predictions", goodLine, http.StatusAccepted, true)
}

// TestKeysOfOlderStores holds the keys of a server without tokens to what they were before keys had holders.
func TestKeysOfOlderStores(t *testing.T) {
	server := start(t, httpapi.Options{})
	for _, key := range []string{"batch-1", strings.Repeat("k", httpapi.KeyBytesMax)} {
		resp, _ := server.do(t, "POST", events, strings.NewReader(goodLine), "Idempotency-Key", key)
		require.Equal(t, http.StatusAccepted, resp.StatusCode)
		require.Contains(t, server.store.keys, key)
	}
	const forged = "sha256:x"
	resp, _ := server.do(t, "POST", events, strings.NewReader(goodLine), "Idempotency-Key", forged)
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	require.NotContains(t, server.store.keys, forged, "it could be another holder's")
	for key := range server.store.keys {
		require.LessOrEqual(t, len(key), engine.KeyBytesMax)
	}
}
