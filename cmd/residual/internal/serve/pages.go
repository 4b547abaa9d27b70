package serve

import (
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi"
)

// pages are several, of which the first that has a path serves it.
type pages []httpapi.Page

func (p pages) Has(path []byte) bool { return p.of(path) != nil }

func (p pages) Serve(ctx *fasthttp.RequestCtx) { p.of(ctx.Path()).Serve(ctx) }

// Lost implements [httpapi.Page].
func (p pages) Lost(ctx *fasthttp.RequestCtx) bool {
	return slices.ContainsFunc(p, func(one httpapi.Page) bool { return one.Lost(ctx) })
}

func (p pages) of(path []byte) httpapi.Page {
	if i := slices.IndexFunc(p, func(one httpapi.Page) bool { return one.Has(path) }); i >= 0 {
		return p[i]
	}
	return nil
}
