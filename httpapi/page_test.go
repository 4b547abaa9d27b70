package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi"
)

// onePage is a page of one file, which also claims paths that are not its to have.
type onePage struct{}

func (onePage) Has(path []byte) bool {
	switch string(path) {
	case "/", "/health", "/metrics", "/v0/x", "/v0/pipes/models.html":
		return true
	case "/panics":
		return true
	}
	return false
}

func (onePage) Serve(ctx *fasthttp.RequestCtx) {
	if string(ctx.Path()) == "/panics" {
		panic("a page")
	}
	ctx.SetContentType("text/html; charset=utf-8")
	ctx.SetBodyString("<!doctype html>")
}

func (onePage) Lost(ctx *fasthttp.RequestCtx) bool {
	if string(ctx.Path()) == "/unsaid" {
		return false
	}
	ctx.SetContentType("text/html; charset=utf-8")
	ctx.SetStatusCode(fasthttp.StatusNotFound)
	ctx.SetBodyString("<!doctype html>lost")
	return true
}

// TestLostBrowser answers a browser at an address where nothing is with the page, and programs with JSON as ever.
func TestLostBrowser(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, "ops", "ADMIN")
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	server := start(t, httpapi.Options{Page: onePage{}, Tokens: tokens})
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	f := func(method, path, accept string, status int, page bool) {
		t.Helper()
		resp, body := server.do(t, method, path, nil, "Accept", accept)
		require.Equal(t, status, resp.StatusCode, body)
		require.Equal(t, page, resp.Header.Get("Content-Security-Policy") != "")
		require.Equal(t, page, strings.HasSuffix(body, "lost"), body)
		require.Equal(t, page, resp.Header.Get("Cache-Control") == "no-cache")
	}
	f("GET", "/mistyped?id=x", browser, http.StatusNotFound, true)
	f("GET", "/mistyped", "*/*", http.StatusForbidden, false)
	f("GET", "/mistyped", "application/json", http.StatusForbidden, false)
	f("POST", "/mistyped", browser, http.StatusForbidden, false)
	f("GET", "/unsaid", browser, http.StatusNotFound, false)
	f("GET", "/v0/mistyped", browser, http.StatusForbidden, false)
	f("GET", "/v1/mistyped", browser, http.StatusForbidden, false)
	f("GET", "/metrics", browser, http.StatusForbidden, false)
	resp, _ := start(t, httpapi.Options{}).do(t, "GET", "/mistyped", nil, "Accept", browser)
	require.Equal(t, "application/json; charset=utf-8", resp.Header.Get("Content-Type"), "a server without a page has none")
}

// TestPage has the server's own routes go before those of a page, and every file of it under the headers that keep it to itself.
func TestPage(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, "ops", "ADMIN")
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	server := start(t, httpapi.Options{Page: onePage{}, Tokens: tokens})
	resp, body := server.do(t, "GET", "/", nil, "Origin", "https://elsewhere.example")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "<!doctype html>", body)
	require.Equal(t, http.Header{
		"Content-Type": {"text/html; charset=utf-8"}, "Content-Length": {"15"}, "Date": resp.Header["Date"],
		"Content-Security-Policy":    {"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"},
		"Referrer-Policy":            {"no-referrer"},
		"Cross-Origin-Opener-Policy": {"same-origin"}, "Cross-Origin-Resource-Policy": {"same-origin"},
		"X-Frame-Options": {"DENY"}, "X-Content-Type-Options": {"nosniff"}, "Cache-Control": {"no-cache"},
	}, resp.Header)
	resp, body = server.do(t, "HEAD", "/", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Empty(t, body)
	for path, status := range map[string]int{
		"/health": http.StatusOK, "/metrics": http.StatusForbidden, "/v0/x": http.StatusForbidden, "/v0/pipes/models.html": http.StatusForbidden,
		"/nothing": http.StatusForbidden, "/panics": http.StatusInternalServerError,
	} {
		resp, body = server.do(t, "GET", path, nil)
		require.Equal(t, status, resp.StatusCode, path)
		require.True(t, strings.HasPrefix(body, "{"), body)
		require.Empty(t, resp.Header.Get("Content-Security-Policy"))
	}
	resp, _ = server.do(t, "POST", "/", nil)
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	require.Equal(t, "GET, HEAD, OPTIONS", resp.Header.Get("Allow"))
	resp, _ = start(t, httpapi.Options{}).do(t, "GET", "/", nil)
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
	resp, _ = startWith(t, nil, httpapi.Options{Page: onePage{}}).do(t, "GET", "/", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode, "the store is not open yet")
}

// TestLinksToThePage opens the page of a server without tokens from a link elsewhere. Nothing else of it may be asked by a page
// from elsewhere, and nothing under the name of another machine.
func TestLinksToThePage(t *testing.T) {
	server := start(t, httpapi.Options{Page: onePage{}})
	f := func(status int, target, host string, headers ...string) {
		t.Helper()
		request := strings.Replace(get(target, headers...), "Host: localhost", "Host: "+host, 1)
		require.Contains(t, exchange(t, server.addr, request), "HTTP/1.1 "+statusLine(status))
	}
	link := []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}
	f(http.StatusOK, "/", "localhost", link...)
	f(http.StatusForbidden, "/", "residual.example", link...)
	f(http.StatusForbidden, "/v0/pipes", "localhost", link...)
	f(http.StatusForbidden, "/", "localhost", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe")
	f(http.StatusForbidden, "/", "localhost", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script")
	f(http.StatusForbidden, "/", "localhost", append(link, "Origin: https://evil.example")...)
}
