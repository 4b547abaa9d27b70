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
	"sync"

	"github.com/tsenart/vegeta/v12/lib/plot"
	"github.com/valyala/fasthttp"
)

//go:embed static
var static embed.FS

// Routes are the paths at which a browser finds the page.
var Routes = []string{"/", "/model", "/quarantine", "/connectors", "/ask", "/status"}

const (
	index = "index.html"
	// assets is what index.html calls the folder of all other files; its name is followed by their digest when they are served.
	assets = "/assets/"
)

// The files that the modules and the styles become.
const (
	script = "page.js"
	styles = "page.css"
)

// charts is the script of uPlot, which the page of a model asks for, and the styles that belong to it.
var charts = [...]struct{ from, to string }{{"uPlot.min.js", "uPlot.js"}, {"uPlot.min.css", styles}}

// sheets are the styles in the order in which they hold, before those of the charts.
var sheets = [...]string{"base.css", "views.css", "model.css"}

// Page serves the files. It is immutable after New, but for compressed forms that are made when they are first wanted.
type Page struct {
	files map[string]*file // by path
}

// New returns the page of the files that are in the program. All servers of a process have the same one.
func New() *Page { return made() }

var made = sync.OnceValue(func() *Page {
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
})

// Has tells whether something is at a path.
func (p *Page) Has(path []byte) bool { return p.files[string(path)] != nil }

// Serve answers a GET or HEAD of a path that Has knows.
func (p *Page) Serve(ctx *fasthttp.RequestCtx) { p.files[string(ctx.Path())].serve(ctx) }

// Lost answers a GET or HEAD of a path that Has does not know with 404 and the page, which says so and leads back.
func (p *Page) Lost(ctx *fasthttp.RequestCtx) bool {
	ctx.Request.Header.Del(fasthttp.HeaderIfNoneMatch)
	p.files[Routes[0]].serve(ctx)
	ctx.Response.Header.Del(fasthttp.HeaderETag)
	ctx.Response.Header.Set(fasthttp.HeaderVary, fasthttp.HeaderAccept+", "+fasthttp.HeaderAcceptEncoding)
	ctx.SetStatusCode(fasthttp.StatusNotFound)
	return true
}

// contents returns every file by its name: modules and styles joined, and without what is for those who read them.
func contents() (map[string][]byte, error) {
	content, modules := map[string][]byte{}, map[string][]byte{}
	entries, err := fs.ReadDir(static, "static")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		body, err := static.ReadFile("static/" + entry.Name())
		if err != nil {
			return nil, err
		}
		switch path.Ext(entry.Name()) {
		case ".js":
			modules[entry.Name()] = bareModule(body)
		case ".css":
			content[entry.Name()] = bareSheet(body)
		default:
			content[entry.Name()] = body
		}
	}
	var joined []byte
	for _, sheet := range sheets {
		joined = append(joined, content[sheet]...)
		delete(content, sheet)
	}
	content[styles] = joined
	if content[script], err = join(modules); err != nil {
		return nil, err
	}
	for _, chart := range charts {
		f, err := plot.Assets.Open(chart.from)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", chart.from, err)
		}
		body, err := io.ReadAll(f)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", chart.from, err)
		}
		content[chart.to] = append(content[chart.to], body...)
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
