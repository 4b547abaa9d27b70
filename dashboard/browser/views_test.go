package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var widths = []struct{ width, height int64 }{{320, 640}, {390, 844}, {768, 1024}, {1024, 768}, {1440, 1000}, {1920, 1080}, {2560, 1440}, {3840, 2160}}

// views are the pages and a part of what each of them says.
var views = []struct{ name, path, says string }{
	{"fleet", "/", "have drifted"},
	{"fleet-all", "/?env=*&sort=mae&desc=1&recent=24&retired=1", "Retired"},
	{"fleet-none", "/?q=nothing-of-this-name", "No version fits these filters"},
	{"quarantine", "/quarantine", "lines were rejected"},
	{"status", "/status", "The store is healthy"},
	{"ask", "/ask?pipe=model_drift_report&model_id=eta_courier_berlin", "curl"},
}

// TestViews: each view at each width in both themes fits, and axe-core finds nothing.
func TestViews(t *testing.T) {
	address, browser := fleet(t), start(t)
	for _, theme := range []string{"light", "dark"} {
		for _, view := range views {
			t.Run(view.name+"-"+theme, func(t *testing.T) {
				p := open(t, browser, address, view.path, 1440, 1000, theme)
				p.settled()
				p.wait(fmt.Sprintf("document.body.innerText.includes(%q)", view.says))
				for _, size := range widths {
					p.resize(size.width, size.height)
					p.fits()
					if size.width == 390 || size.width == 1440 || theme == "light" && (size.width == 320 || size.width >= 1920) {
						p.picture(fmt.Sprintf("%s-%s-%d", view.name, theme, size.width))
					}
					if size.width == 390 || size.width == 1440 {
						p.accessible()
					}
				}
			})
		}
	}
}

// TestCold opens pages by their address, before anything is known.
func TestCold(t *testing.T) {
	address, browser := fleet(t), start(t)
	p := open(t, browser, address, "/ask", 1440, 1000, "light")
	p.settled()
	require.Equal(t, "models", p.text("h1"))
	p = open(t, browser, address, "/?env=nope&q=courier", 1440, 1000, "light")
	p.settled()
	require.Equal(t, "true", eval[string](p, `document.querySelector('[data-value="production"]').getAttribute("aria-pressed")`), "an unknown value is the default")
	p = open(t, browser, address, "/?q=nothing-of-this-name", 1440, 1000, "light")
	p.wait(`document.querySelectorAll(".environments button").length === 3`)
	p.wait(`document.querySelector(".rates").innerText.includes("Rows in")`)
	p = open(t, browser, address, "/model?id=eta_courier_berlin&version=nope", 1440, 1300, "light")
	p.drawn()
	require.Contains(t, p.text(".title"), "There is no version nope here")
}

// TestPicture makes the picture of the README: the fleet of the demo.
func TestPicture(t *testing.T) {
	p := open(t, start(t), fleet(t), "/", 1280, 860, "light")
	p.settled()
	p.wait(`document.querySelectorAll("svg.sparkline .line").length > 10`)
	p.picture("page")
}

// TestFleet goes through what a reader does with the list.
func TestFleet(t *testing.T) {
	address, browser := fleet(t), start(t)
	p := open(t, browser, address, "/", 1440, 1000, "light")
	p.settled()
	rows := func() []string {
		return eval[[]string](p, `[...document.querySelectorAll("tbody .name a")].map((a) => a.innerText)`)
	}
	states := func() []string {
		return eval[[]string](p, `[...document.querySelectorAll("tbody td.attention")].map((a) => a.innerText.trim())`)
	}
	search := func() string { return eval[string](p, "location.search") }

	t.Run("each state is there, those that need somebody first", func(t *testing.T) {
		seen := strings.Join(states(), ",")
		require.True(t, strings.HasPrefix(seen, "Drift,Drift,Silent,Actuals stopped,Warning"), seen)
		for _, state := range []string{"Waiting", "New", "OK", "Too few"} {
			require.Contains(t, seen, state)
		}
		require.Contains(t, p.text("h1"), "2 models have drifted, 1 has fallen silent, 1 gets no more actuals")
		require.Regexp(t, `^\(2\) Models`, eval[string](p, "document.title"))
		require.Contains(t, p.text(".drift .said"), "after v7.3.0 came")
	})
	t.Run("a header sorts, and once more reverses", func(t *testing.T) {
		p.click("th.model button")
		p.wait(`document.querySelector("th.model").getAttribute("aria-sort") === "ascending"`)
		p.settled()
		require.IsNonDecreasing(t, rows())
		require.Equal(t, "?sort=model", search())
		p.click("th.model button")
		p.wait(`document.querySelector("th.model").getAttribute("aria-sort") === "descending"`)
		p.settled()
		require.IsNonIncreasing(t, rows())
		require.Equal(t, "?sort=model&desc=1", search())
		p.do("history.back()")
		p.wait(`location.search === "?sort=model"`)
		p.do("history.back()")
		p.wait(`location.search === "" && document.querySelector("tbody td.attention").innerText.trim() === "Drift"`)
	})
	t.Run("chips filter, several at once", func(t *testing.T) {
		p.click(`.chip[data-value="silent"]`)
		p.wait(`document.querySelectorAll("tbody .name a").length === 1`)
		p.click(`.chip[data-value="new"]`)
		p.wait(`document.querySelectorAll("tbody .name a").length === 2`)
		require.Equal(t, "?status=silent,new", search())
		require.Equal(t, []string{"Silent", "New"}, states())
		p.click(`.chip[data-value="silent"]`)
		p.click(`.chip[data-value="new"]`)
		p.wait(`location.search === "" && document.querySelectorAll("tbody .name a").length > 20`)
	})
	t.Run("slash searches, and words must all match", func(t *testing.T) {
		steps := eval[int](p, "history.length")
		p.press("/")
		require.Equal(t, "INPUT", eval[string](p, "document.activeElement.tagName"))
		p.do(`document.activeElement.value = ""`) // the protocol types the slash that a keyboard would not
		p.press("eta courier v7.3")
		p.wait(`document.querySelectorAll("tbody .name a").length === 1`)
		require.Equal(t, "?q=eta+courier+v7.3", search())
		require.Equal(t, steps, eval[int](p, "history.length"), "what is typed makes no steps back")
		p.press("\x1b")
		p.wait(`location.search === ""`)
	})
	t.Run("keys go along the list and open a model", func(t *testing.T) {
		p.do("document.activeElement.blur()")
		p.press("j")
		p.press("j")
		p.press("k")
		require.Equal(t, "eta_courier_berlin", eval[string](p, "document.activeElement.innerText"))
		p.press("\r")
		p.wait(`location.pathname === "/model" && new URLSearchParams(location.search).get("id") === "eta_courier_berlin"`)
		p.do("history.back()")
		p.wait(`location.pathname === "/"`)
		p.settled()
	})
	t.Run("the question mark lists the keys and can turn them off", func(t *testing.T) {
		p.do("document.activeElement.blur()")
		p.press("?")
		p.wait(`document.querySelector("dialog[open]")`)
		p.accessible()
		p.picture("help-light-1440")
		p.click("dialog input[type=checkbox]")
		p.press("\x1b")
		p.wait(`!document.querySelector("dialog")`)
		p.press("/")
		require.NotEqual(t, "INPUT", eval[string](p, "document.activeElement.tagName"))
		p.do(`localStorage.clear()`)
	})
	t.Run("order is held while the pointer is in the list", func(t *testing.T) {
		p.do(`window.before = [...document.querySelectorAll("tbody .name a")].map((a) => a.href).join()`)
		p.do(`document.querySelector("tbody a").focus()`)
		p.wait(`performance.getEntriesByType("resource").filter((r) => r.name.includes("/models.")).length > (window.asked ??= performance.getEntriesByType("resource").filter((r) => r.name.includes("/models.")).length)`)
		p.settled()
		require.Equal(t, eval[string](p, "window.before"), eval[string](p, `[...document.querySelectorAll("tbody .name a")].map((a) => a.href).join()`))
		require.Equal(t, "A", eval[string](p, "document.activeElement.tagName"), "the focus stays through a refresh")
	})
	t.Run("a click on Live holds the page, and the zone is the reader's", func(t *testing.T) {
		p.click(".live")
		p.wait(`document.querySelector(".live").innerText.startsWith("As of ")`)
		require.Contains(t, search(), "as_of=")
		p.settled()
		p.click(".live")
		p.wait(`document.querySelector(".live").innerText === "Live" && location.search === ""`)
		require.Equal(t, "Berlin", eval[string](p, `document.querySelector(".zone select").selectedOptions[0].text`))
	})
	t.Run("retired versions are shown when they are asked for", func(t *testing.T) {
		p.click(`.foot [data-value="retired"]`)
		p.wait(`document.querySelector("tbody tr.retired")`)
		require.Equal(t, "?retired=1", search())
	})
}

// resize gives the window another size.
func (p *tab) resize(width, height int64) {
	p.t.Helper()
	require.NoError(p.t, viewport(p.ctx, width, height))
	p.do("await new Promise((ok) => requestAnimationFrame(() => requestAnimationFrame(ok)))")
}
