package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"
)

var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file is one file in the forms in which it is sent.
type file struct {
	plain []byte
	kind  string
	etag  string // of what may change under its name
	// forever is set where the name has the digest of the content.
	forever    bool
	gzip, zstd compressed
}

type compressed struct {
	once sync.Once
	body []byte
}

func newIndex(body []byte) *file {
	sum := sha256.Sum256(body)
	return &file{plain: body, kind: kinds[".html"], etag: `W/"` + hex.EncodeToString(sum[:8]) + `"`}
}

func (f *file) serve(ctx *fasthttp.RequestCtx) {
	header := &ctx.Response.Header
	header.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	if f.forever {
		header.Set(fasthttp.HeaderCacheControl, "public, max-age=31536000, immutable")
	} else {
		header.Set(fasthttp.HeaderCacheControl, "no-cache")
		header.Set(fasthttp.HeaderETag, f.etag)
		if named(string(ctx.Request.Header.Peek(fasthttp.HeaderIfNoneMatch)), f.etag) {
			ctx.SetStatusCode(fasthttp.StatusNotModified)
			return
		}
	}
	ctx.SetContentType(f.kind)
	accepted := string(ctx.Request.Header.Peek(fasthttp.HeaderAcceptEncoding))
	switch {
	case accepts(accepted, "zstd"):
		header.SetContentEncoding("zstd")
		ctx.Response.SetBodyRaw(f.zstd.of(f.plain, zstdOf))
	case accepts(accepted, "gzip"):
		header.SetContentEncoding("gzip")
		ctx.Response.SetBodyRaw(f.gzip.of(f.plain, gzipOf))
	default:
		ctx.Response.SetBodyRaw(f.plain)
	}
}

func (c *compressed) of(plain []byte, by func([]byte) []byte) []byte {
	c.once.Do(func() { c.body = by(plain) })
	return c.body
}

func gzipOf(plain []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic("BUG: gzip: " + err.Error())
	}
	_, _ = w.Write(plain) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

func zstdOf(plain []byte) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic("BUG: zstd: " + err.Error())
	}
	defer func() { _ = w.Close() }() // it has written nothing
	return w.EncodeAll(plain, nil)
}

// accepts tells whether an Accept-Encoding names a coding and does not rule it out.
func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, weighted := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		key, value, _ := strings.Cut(strings.TrimSpace(weight), "=")
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return !weighted || strings.EqualFold(strings.TrimSpace(key), "q") && err == nil && q > 0
	}
	return false
}

// named tells whether an If-None-Match has a tag, compared weakly.
func named(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}

func sortedNames(content map[string][]byte) []string { return slices.Sorted(maps.Keys(content)) }
