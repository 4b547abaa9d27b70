package agent

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/docs"
)

const (
	docsPath = "/docs/"
	// listPath is where programs look for what a site has for them to read: llmstxt.org.
	listPath = "/llms.txt"
	markdown = "text/markdown; charset=utf-8"
)

// Texts serves the documentation as it is written: below /docs/, and its list as /llms.txt. The zero value is ready and immutable.
type Texts struct{}

// Has implements httpapi.Page.
func (Texts) Has(path []byte) bool {
	if string(path) == listPath || string(path) == docsPath {
		return true
	}
	name, ok := strings.CutPrefix(string(path), docsPath)
	return ok && docs.Text(name) != ""
}

// Serve implements httpapi.Page.
func (Texts) Serve(ctx *fasthttp.RequestCtx) {
	ctx.SetContentType(markdown)
	if path := string(ctx.Path()); path != listPath && path != docsPath {
		ctx.SetBodyString(docs.Text(strings.TrimPrefix(path, docsPath)))
		return
	}
	ctx.SetBodyString(list())
}

// Lost implements httpapi.Page: no text is about a path where nothing is.
func (Texts) Lost(*fasthttp.RequestCtx) bool { return false }

// list names the pages, each with its first sentence.
func list() string {
	var b strings.Builder
	b.WriteString("# Residual\n\n> " + instructions + "\n\nThe pipes with their parameters: /v0/pipes/openapi.json. A Model Context Protocol server: /mcp.\n\n## Documentation\n\n")
	for _, name := range docs.Names() {
		title, about := docs.Head(name)
		b.WriteString("- [" + title + "](" + docsPath + name + "): " + about + "\n")
	}
	return b.String()
}

// addTexts makes the pages resources.
func addTexts(s *mcp.Server) {
	for _, name := range docs.Names() {
		title, about := docs.Head(name)
		uri := "residual://docs/" + name
		s.AddResource(&mcp.Resource{URI: uri, Name: name, Title: title, Description: about, MIMEType: "text/markdown"},
			func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
				return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: uri, MIMEType: "text/markdown", Text: docs.Text(name)}}}, nil
			})
	}
}
