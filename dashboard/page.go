package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/tsenart/vegeta/v12/lib/plot"
	"github.com/valyala/fasthttp"
)

//go:embed static
var static embed.FS

// Routes are the paths at which a browser finds the page.
var Routes = []string{"/", "/model", "/alerts", "/quarantine", "/connectors", "/ask", "/status"}

const (
	index = "index.html"
	// assets is what index.html calls the folder of all other files; its name is followed by their digest when they are served.
	assets = "/assets/"
)

// charts names the files of the module with uPlot, and what they are called here.
var charts = map[string]string{"uPlot.min.js": "uPlot.js", "uPlot.min.css": "uPlot.css"}

// Page serves the files. It is immutable after New, but for compressed forms that are made when they are first wanted.
type Page struct {
	files map[string]*file // by path
}

// New reads the files that are in the program.
func New() *Page {
	content, err := contents()
	if err != nil {
		panic("BUG: files of the page: " + err.Error())
	}
	folder := assets + digest(content) + "/"
	p := &Page{files: make(map[string]*file, len(content)+len(Routes))}
	for name, body := range content {
		if name != index {
			p.files[folder+name] = &file{plain: body, kind: kinds[path.Ext(name)], forever: true}
		}
	}
	first := newIndex(bytes.ReplaceAll(content[index], []byte(assets), []byte(folder)))
	for _, route := range Routes {
		p.files[route] = first
	}
	return p
}

// Has tells whether something is at a path.
func (p *Page) Has(path []byte) bool { return p.files[string(path)] != nil }

// Serve answers a GET or HEAD of a path that Has knows.
func (p *Page) Serve(ctx *fasthttp.RequestCtx) { p.files[string(ctx.Path())].serve(ctx) }

// contents returns every file by its name.
func contents() (map[string][]byte, error) {
	content := map[string][]byte{}
	entries, err := fs.ReadDir(static, "static")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		body, err := static.ReadFile("static/" + entry.Name())
		if err != nil {
			return nil, err
		}
		if kind := path.Ext(entry.Name()); kind == ".js" || kind == ".css" {
			body = bare(body)
		}
		content[entry.Name()] = body
	}
	for from, to := range charts {
		f, err := plot.Assets.Open(from)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", from, err)
		}
		content[to], err = io.ReadAll(f)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", from, err)
		}
	}
	return content, nil
}

// digest names a set of files by their names and bytes.
func digest(content map[string][]byte) string {
	sum := sha256.New()
	for _, name := range sortedNames(content) {
		fmt.Fprintf(sum, "%s %x\n", name, sha256.Sum256(content[name]))
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
