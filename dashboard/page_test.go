package dashboard

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"regexp"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"github.com/tsenart/vegeta/v12/lib/plot"
	"github.com/valyala/fasthttp"
)

// codeBytesMax is what all code and styles take at most, compressed, charts and all.
const codeBytesMax = 80_000

// ask serves a GET of a path that the page has.
func ask(t *testing.T, p *Page, path string, headers ...string) *fasthttp.Response {
	t.Helper()
	require.True(t, p.Has([]byte(path)), path)
	var ctx fasthttp.RequestCtx
	ctx.Request.SetRequestURI(path)
	for i := 0; i < len(headers); i += 2 {
		ctx.Request.Header.Set(headers[i], headers[i+1])
	}
	p.Serve(&ctx)
	return &ctx.Response
}

func TestEveryRouteIsTheSameFile(t *testing.T) {
	p := New()
	first := ask(t, p, "/")
	require.Equal(t, "text/html; charset=utf-8", string(first.Header.ContentType()))
	require.Equal(t, "no-cache", string(first.Header.Peek("Cache-Control")))
	for _, route := range Routes {
		require.Equal(t, first.Body(), ask(t, p, route).Body())
	}
	require.False(t, p.Has([]byte("/assets/main.js")), "assets have the digest in their path")
	require.False(t, p.Has([]byte("/elsewhere")))

	again := ask(t, p, "/", "If-None-Match", string(first.Header.Peek("ETag")))
	require.Equal(t, fasthttp.StatusNotModified, again.StatusCode())
	require.Empty(t, again.Body())
	require.Equal(t, fasthttp.StatusOK, ask(t, p, "/", "If-None-Match", `"other", W/"more"`).StatusCode())
}

// TestLost: where nothing is there is the page, with the status that says so, whatever the browser has already.
func TestLost(t *testing.T) {
	p := New()
	first := ask(t, p, "/")
	var ctx fasthttp.RequestCtx
	ctx.Request.SetRequestURI("/elsewhere")
	ctx.Request.Header.SetBytesV("If-None-Match", first.Header.Peek("ETag"))
	require.True(t, p.Lost(&ctx))
	require.Equal(t, fasthttp.StatusNotFound, ctx.Response.StatusCode())
	require.Equal(t, first.Body(), ctx.Response.Body())
	require.Empty(t, ctx.Response.Header.Peek("ETag"))
}

// TestIndexNamesWhatThereIs: each file that index.html names exists, and nothing in it needs more than 'self'.
func TestIndexNamesWhatThereIs(t *testing.T) {
	p := New()
	html := string(ask(t, p, "/").Body())
	named := regexp.MustCompile(`(?:href|src)="(/assets/[^"]*)"`).FindAllStringSubmatch(html, -1)
	require.Len(t, named, 3)
	for _, m := range named {
		answer := ask(t, p, m[1])
		require.Equal(t, fasthttp.StatusOK, answer.StatusCode())
		require.Contains(t, string(answer.Header.Peek("Cache-Control")), "immutable")
		require.Equal(t, kinds[path.Ext(m[1])], string(answer.Header.ContentType()))
	}
	require.NotRegexp(t, `(?i)<script[^>]*>[^<]|<style| style=| on[a-z]+="|https?://`, html)
}

// TestCodeReachesNobody: no markup from text, no code from text, no other host.
func TestCodeReachesNobody(t *testing.T) {
	entries, err := static.ReadDir("static")
	require.NoError(t, err)
	for _, entry := range entries {
		body, err := static.ReadFile("static/" + entry.Name())
		require.NoError(t, err)
		require.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`, string(body), entry.Name())
		if entry.Name() != "dom.js" && entry.Name() != "icon.svg" { // the name of SVG is no address
			require.NotRegexp(t, `https?://`, string(bareModule(body)), entry.Name())
		}
	}
}

func TestCompressedFormsAreTheFile(t *testing.T) {
	p := New()
	plain := ask(t, p, "/").Body()
	for _, coding := range []string{"gzip", "zstd"} {
		answer := ask(t, p, "/", "Accept-Encoding", "br, "+coding)
		require.Equal(t, coding, string(answer.Header.ContentEncoding()))
		require.Equal(t, "Accept-Encoding", string(answer.Header.Peek("Vary")))
		require.Equal(t, plain, decompressed(t, coding, answer.Body()))
	}
	for _, refusing := range []string{"gzip;q=0, zstd;q=0.0", "identity", "br", "", "gzip;level=9"} {
		require.Empty(t, ask(t, p, "/", "Accept-Encoding", refusing).Header.ContentEncoding(), refusing)
	}
}

func decompressed(t *testing.T, coding string, body []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	if coding == "gzip" {
		r, err = gzip.NewReader(bytes.NewReader(body))
	} else {
		var z *zstd.Decoder
		z, err = zstd.NewReader(bytes.NewReader(body))
		r = z
	}
	require.NoError(t, err)
	plain, err := io.ReadAll(r)
	require.NoError(t, err)
	return plain
}

// TestCodeIsSmall adds up all that there is.
func TestCodeIsSmall(t *testing.T) {
	content, err := contents()
	require.NoError(t, err)
	sum := 0
	for name, body := range content {
		size := len(gzipOf(body))
		t.Logf("%s: %d bytes, %d gzip", name, len(body), size)
		sum += size
	}
	t.Logf("%d bytes of code and styles, gzip", sum)
	require.Less(t, sum, codeBytesMax)
}

// TestChartsAreTheKnownRelease holds uPlot 1.6.32 to the bytes that its makers published to npm.
func TestChartsAreTheKnownRelease(t *testing.T) {
	for name, want := range map[string]string{
		"uPlot.min.js":  "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
		"uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
	} {
		f, err := plot.Assets.Open(name)
		require.NoError(t, err)
		body, err := io.ReadAll(f)
		require.NoError(t, err)
		sum := sha256.Sum256(body)
		require.Equal(t, want, hex.EncodeToString(sum[:]), name)
	}
}
