package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

var (
	pictures = flag.String("pictures", "", "folder for pictures")
	axe      = flag.String("axe", "", "axe.min.js")
	chromium = flag.String("chromium", "chromium", "the browser")
	built    = flag.String("program", "", "the program, if it is built")
)

// program is built once.
var program = sync.OnceValues(func() (string, error) {
	if *built != "" {
		return *built, nil
	}
	dir, err := os.MkdirTemp("", "residual-browser-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "residual")
	build := exec.Command("go", "build", "-o", path, "./cmd/residual")
	build.Dir = "../.."
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// serve starts a command of the program that serves, and returns the address that its first line ends with.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	path, err := program()
	require.NoError(t, err)
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	address := ""
	for lines.Scan() {
		if at := strings.Index(lines.Text(), "http://"); at >= 0 && address == "" {
			address = strings.TrimSuffix(lines.Text()[at:], "/")
		}
		if args[0] != "demo" || strings.Contains(lines.Text(), "until Ctrl-C") {
			break
		}
	}
	require.NotEmpty(t, address)
	go func() {
		for lines.Scan() {
		}
	}()
	return address
}

// fleet is the demo's, for all tests that change nothing.
func fleet(t *testing.T) string {
	t.Helper()
	return serve(t, "demo", "--listen", "127.0.0.1:0")
}

// start starts a browser.
func start(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(*chromium), chromedp.NoSandbox, chromedp.Env("TZ=Europe/Berlin"),
		chromedp.Flag("js-flags", "--expose-gc"), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("lang", "en-GB"))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancelBrowser := chromedp.NewContext(allocator)
	t.Cleanup(cancelBrowser)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	return ctx
}

// tab is a page of a browser, whose console and requests are watched.
type tab struct {
	t       *testing.T
	ctx     context.Context
	address string

	mu     sync.Mutex
	errors []string
	// expected are parts of errors that the test provokes: a browser logs each answer that is not 200.
	expected []string
}

// open opens a tab on a path of a server.
func open(t *testing.T, browser context.Context, address, path string, width, height int64, theme string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, end := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(end)
	p := &tab{t: t, ctx: ctx, address: address}
	host, err := url.Parse(address)
	require.NoError(t, err)
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			text, _ := json.Marshal(e.ExceptionDetails)
			p.wrong("exception: " + string(text))
		case *runtime.EventConsoleAPICalled:
			if e.Type == "error" || e.Type == "warning" {
				text, _ := json.Marshal(e.Args)
				p.wrong(fmt.Sprintf("console %s: %s", e.Type, text))
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == "error" || e.Entry.Level == "warning" {
				p.wrong(fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
			}
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(e.Request.URL); err == nil && u.Host != host.Host && u.Scheme != "data" && u.Scheme != "about" {
				p.wrong("a request to " + e.Request.URL)
			}
		}
	}))
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, runtime.Enable, cdp.Empty{})
	require.NoError(t, err)
	_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	require.NoError(t, err)
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, height), chromedp.Navigate(address+path)))
	t.Cleanup(p.check)
	return p
}

func (p *tab) wrong(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errors = append(p.errors, text)
}

// expect lets errors pass that have a text in them.
func (p *tab) expect(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, text)
}

// check fails if the console has an error, or a request went elsewhere.
func (p *tab) check() {
	p.mu.Lock()
	defer p.mu.Unlock()
errors:
	for _, text := range p.errors {
		for _, known := range p.expected {
			if strings.Contains(text, known) {
				continue errors
			}
		}
		p.t.Error(text)
	}
}

// eval returns what an expression is in the page, a promise when it is kept.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, expression)
	return value
}

// do runs a script in the page.
func (p *tab) do(script string) {
	p.t.Helper()
	eval[bool](p, "(async () => {"+script+"; return true; })()")
}

// wait waits until an expression is true in the page.
func (p *tab) wait(condition string) {
	p.t.Helper()
	quoted, err := json.Marshal(condition)
	require.NoError(p.t, err)
	require.True(p.t, eval[bool](p, `new Promise((ok) => { const end = Date.now() + 30000; (function look() {
		let value = false; try { value = (`+condition+`); } catch {}
		if (value) ok(true); else if (Date.now() > end) ok(false); else setTimeout(look, 20); })(); })`), "%s; the page: %s", quoted, p.text("body"))
}

// text is what an element shows.
func (p *tab) text(selector string) string {
	p.t.Helper()
	quoted, err := json.Marshal(selector)
	require.NoError(p.t, err)
	return eval[string](p, "(document.querySelector("+string(quoted)+")?.innerText ?? '').replaceAll('\\u00a0', ' ')")
}

// settled waits until the view has its answer and its lines.
func (p *tab) settled() {
	p.t.Helper()
	p.wait(`document.querySelector("main h1, main .h1")?.textContent?.trim() && !document.querySelector("main.loading")`)
	p.do(`await new Promise((ok) => setTimeout(ok, 400)); await document.fonts.ready`)
}

// picture writes what is in the window.
func (p *tab) picture(name string) {
	p.t.Helper()
	if *pictures == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	require.NoError(p.t, err)
	require.NoError(p.t, os.MkdirAll(*pictures, 0o755))
	require.NoError(p.t, os.WriteFile(filepath.Join(*pictures, name+".png"), png, 0o644))
}

// accessible fails on what axe-core finds.
func (p *tab) accessible() {
	p.t.Helper()
	if *axe == "" {
		return
	}
	script, err := os.ReadFile(*axe)
	require.NoError(p.t, err)
	p.do(string(script))
	found := eval[string](p, `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then((r) => r.violations.map((v) =>
		v.id + ": " + v.help + "\n  " + v.nodes.slice(0, 4).map((n) => n.html.slice(0, 200) + " " + n.any.concat(n.all).map((c) => c.message).join("; ")).join("\n  ")).join("\n"))`)
	require.Empty(p.t, found)
}

// fits fails if the page scrolls sideways.
func (p *tab) fits() {
	p.t.Helper()
	wide := eval[string](p, `document.documentElement.scrollWidth <= innerWidth ? "" : [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
		.slice(0, 5).map((e) => e.outerHTML.slice(0, 160)).join("\n")+" "+document.documentElement.scrollWidth`)
	require.Empty(p.t, wide)
}

// press presses keys on what has the focus.
func (p *tab) press(keys string) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.KeyEvent(keys)))
}

// click clicks on the first element of a selector; again if an answer put another one in its place meanwhile.
func (p *tab) click(selector string) {
	p.t.Helper()
	var err error
	for range 3 {
		if err = chromedp.Do(p.ctx, chromedp.Click(selector)); err == nil || !strings.Contains(err.Error(), "Could not find node") {
			break
		}
	}
	require.NoError(p.t, err, selector)
}

func viewport(ctx context.Context, width, height int64) error {
	return chromedp.Do(ctx, chromedp.EmulateViewport(width, height))
}
