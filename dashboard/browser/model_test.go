package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// models are one of each state, and a part of what its page says.
var models = []struct{ state, id, says string }{
	{"drift", "eta_courier_berlin", "higher than in the 7 days before"},
	{"silent", "delivery_window_paris", "No prediction has come for"},
	{"stopped", "claims_severity_home", "Actuals have stopped coming."},
	{"warning", "route_duration_truck", "Keep an eye on it."},
	{"waiting", "fraud_loss_estimate", "have no actuals yet|has never had an actual"},
	{"new", "churn_ltv", "Version 15 is 3 h"},
	{"ok", "milk_yield", "7 days before"},
	{"few", "flood_depth_rhine", "needed"},
	{"unknown", "nobody", "There is no model of this name"},
}

// drawn waits until the charts and the panels of a model are there.
func (p *tab) drawn() {
	p.t.Helper()
	p.wait(`document.querySelectorAll(".chart canvas").length === 2 && document.querySelector(".versions") && document.querySelector(".panels .quiet")`)
	p.settled()
}

// TestModels: the page of a model in each state fits at each width, in both themes, and axe-core finds nothing.
func TestModels(t *testing.T) {
	address, browser := fleet(t), start(t)
	for _, theme := range []string{"light", "dark"} {
		for _, model := range models {
			if theme == "dark" && model.state != "drift" && model.state != "new" {
				continue
			}
			t.Run(model.state+"-"+theme, func(t *testing.T) {
				p := open(t, browser, address, "/model?id="+model.id, 1440, 1300, theme)
				p.settled()
				p.wait(fmt.Sprintf("/%s/.test(document.body.innerText.replaceAll('\\u00a0', ' '))", model.says))
				if model.state != "unknown" {
					p.drawn()
				}
				for _, size := range widths {
					p.resize(size.width, max(size.height, 1300))
					p.fits()
					if size.width == 390 || size.width == 1440 || model.state == "drift" && (size.width == 320 || size.width >= 1920) {
						p.picture(fmt.Sprintf("model-%s-%s-%d", model.state, theme, size.width))
					}
					if size.width == 390 || size.width == 1440 {
						p.accessible()
					}
				}
			})
		}
	}
}

// TestModel goes through what a reader does with a model.
func TestModel(t *testing.T) {
	address, browser := fleet(t), start(t)
	p := open(t, browser, address, "/model?id=eta_courier_berlin", 1440, 1300, "light")
	p.drawn()
	value := func(key string) string {
		return eval[string](p, fmt.Sprintf(`new URLSearchParams(location.search).get(%q) ?? ""`, key))
	}
	// drag moves a pressed pointer over one of the charts, between shares of its width.
	drag := func(chart int, from, to float64, shift bool) {
		p.do(fmt.Sprintf(`
			const over = document.querySelectorAll(".chart .u-over")[%d], box = over.getBoundingClientRect();
			const send = (type, at, target) => target.dispatchEvent(new MouseEvent(type, { bubbles: true, clientX: box.left + at * box.width, clientY: box.top + 20, shiftKey: %t, button: 0, movementX: 1, view: window }));
			send("mouseenter", %[3]f, over); send("mousemove", %[3]f, over); send("mousedown", %[3]f, over);
			for (let k = 1; k <= 5; k++) { send("mousemove", %[3]f + (%[4]f - %[3]f) * k / 5, over); await new Promise((ok) => requestAnimationFrame(ok)); }
			send("mouseup", %[4]f, document)`, chart, shift, from, to))
	}

	t.Run("the verdict, the measures and the charts", func(t *testing.T) {
		require.Regexp(t, `^Drift:\s+The error is 1?\d\d% higher than in the 7 days before, since (about|yesterday) \d\d:\d\d\.$`, p.text(".sentence > span:last-child"))
		require.Regexp(t, `It began 2[0-4] h after v7\.3\.0 came\.`, p.text(".verdict"))
		require.Contains(t, p.text(".measures"), "±")
		require.Equal(t, "MAE,RMSE,Bias,Actuals,Predictions", eval[string](p, `[...document.querySelectorAll(".measures tbody th")].map((e) => e.innerText).join()`))
		require.Equal(t, "(Drift) eta_courier_berlin · Residual", eval[string](p, "document.title"))
		require.Contains(t, p.text(".panels"), "All errors grew, the usual ones and the largest.")
		require.Contains(t, p.text(".panels"), "Half within")
		require.Contains(t, p.text(".versions"), "Retired")
	})
	t.Run("what is asked is 304 where nothing is new, and the chart stays", func(t *testing.T) {
		p.do(`window.canvas = document.querySelector(".chart canvas"); dispatchEvent(new Event("popstate"))`)
		p.drawn()
		require.True(t, eval[bool](p, `window.canvas === document.querySelector(".chart canvas")`))
	})
	t.Run("a drag zooms, and only the chart under the pointer acts; a double click goes back", func(t *testing.T) {
		for chart := range 2 {
			steps := eval[int](p, "history.length")
			drag(chart, 0.3, 0.5, false)
			p.wait(`location.search.includes("from=")`)
			require.Equal(t, steps+1, eval[int](p, "history.length"), "one step back")
			p.drawn()
			p.do(`document.querySelector(".chart .u-over").dispatchEvent(new MouseEvent("dblclick", { bubbles: true }))`)
			p.wait(`!location.search.includes("from=")`)
			p.drawn()
		}
	})
	t.Run("a finger drags as a mouse does", func(t *testing.T) {
		p.do(`const over = document.querySelector(".chart .u-over"), box = over.getBoundingClientRect();
			const send = (type, share) => over.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerType: "touch", clientX: box.left + share * box.width, clientY: box.top + 20 }));
			send("pointerdown", 0.3); send("pointermove", 0.35); send("pointercancel", 0.35); send("pointerup", 0.5)`)
		require.Empty(t, value("from"), "what the browser took for a scroll is no drag")
		require.NotContains(t, p.text(".reading"), "Drag to zoom")
		p.do(`const over = document.querySelector(".chart .u-over"), box = over.getBoundingClientRect();
			const send = (type, share) => over.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerType: "touch", clientX: box.left + share * box.width, clientY: box.top + 20 }));
			send("pointerdown", 0.3); send("pointermove", 0.4); send("pointerup", 0.5)`)
		p.wait(`location.search.includes("from=")`)
		p.drawn()
		p.do("history.back()")
		p.wait(`!location.search.includes("from=")`)
		p.drawn()
	})
	t.Run("a strip has the verdicts of the time that is shown", func(t *testing.T) {
		p.wait(`document.querySelector(".strip .drift")`)
		require.Contains(t, p.text(".verdicts"), "Verdict at the end of each hour, with the actuals of today: somebody was needed")
		require.True(t, eval[bool](p, `(() => { const s = document.querySelector(".strip").getBoundingClientRect(), c = document.querySelector(".chart .u-over").getBoundingClientRect(); return Math.abs(s.left - c.left) < 2 && Math.abs(s.right - c.right) < 2; })()`), "on the axis of the charts")
	})
	t.Run("a drag with Shift marks the reference", func(t *testing.T) {
		drag(0, 0.2, 0.4, true)
		p.wait(`location.search.includes("reference=pinned")`)
		p.wait(`document.querySelector(".sentence").innerText.includes("The window you marked has no actuals of v7.3.0.")`)
		p.do(`[...document.querySelectorAll(".verdict a")].find((a) => a.innerText === "Compare it with v7.2.0 there").click()`)
		p.wait(`document.querySelector(".sentence").innerText.includes("higher than in v7.2.0")`)
		p.do("history.go(-2)")
		p.wait(`!location.search.includes("reference=")`)
		p.drawn()
	})
	t.Run("advice changes the address alone", func(t *testing.T) {
		p.do(`[...document.querySelectorAll(".verdict a")].find((a) => a.innerText === "Compare it with v7.2.0").click()`)
		p.wait(`document.querySelector(".sentence").innerText.includes("higher than in v7.2.0")`)
		require.Equal(t, "version:v7.2.0", value("reference"))
		p.do("history.back()")
		p.wait(`!location.search.includes("reference=")`)
		p.drawn()
	})
	t.Run("keys read, zoom, go back and show the table", func(t *testing.T) {
		p.do(`document.querySelector(".chart").focus()`)
		p.press("\u0302") // ArrowLeft
		p.wait(`document.querySelector(".over-time > .away").textContent.includes("predictions")`)
		last := p.text(".reading")
		require.Regexp(t, `(?s)\d\d:00.*predictions?, .*with actual`, last)
		p.press("\u0302")
		p.wait(fmt.Sprintf(`document.querySelector(".reading").innerText.replaceAll("\u00a0", " ") !== %q`, last))
		p.press("+")
		p.wait(`location.search.includes("from=")`)
		p.drawn()
		p.press("0")
		p.wait(`!location.search.includes("from=")`)
		p.press("t")
		p.wait(`document.querySelectorAll(".buckets tbody tr").length > 100`)
		p.accessible()
		p.press("t")
		p.wait(`document.querySelector(".buckets").hidden`)
	})
	t.Run("a window is typed, and what is no time is said", func(t *testing.T) {
		p.click(`[data-value="typed"]`)
		p.do(`const i = document.querySelectorAll(".typed input"); i[0].value = "soon"; document.querySelector(".typed form .button").click()`)
		require.Contains(t, eval[string](p, `document.querySelector(".typed input").validationMessage`), "A time such as")
		p.do(`const i = document.querySelectorAll(".typed input"); i[0].value = "3d ago"; i[1].value = "yesterday 12:00"; for (const e of i) e.dispatchEvent(new Event("input")); document.querySelector(".typed form .button").click()`)
		p.wait(`location.search.includes("from=") && location.search.includes("to=")`)
		p.drawn()
		p.click(`[data-value="untyped"]`)
		p.wait(`!location.search.includes("from=")`)
	})
	t.Run("each measure has its axis, and those without a standard error say so", func(t *testing.T) {
		for _, measure := range []string{"rmse", "bias", "p50", "p95", "p99", "r2", "wmape"} {
			p.click(fmt.Sprintf(`.controls [data-value=%q]`, measure))
			p.wait(fmt.Sprintf(`location.search.includes("measure=%s")`, measure))
			p.drawn()
			require.Equal(t, measure == "rmse" || measure == "bias", strings.Contains(p.text(".over-time .panel-head"), "bands:"), measure)
			p.picture("model-measure-" + measure)
		}
		p.click(`.controls [data-value="mae"]`)
		p.wait(`!location.search.includes("measure=")`)
	})
	t.Run("a version is hidden and shown", func(t *testing.T) {
		p.drawn()
		p.click(".versions button.swatch.v2")
		p.wait(`location.search.includes("hide=v7.2.0") && document.querySelector(".versions button.swatch.v2").getAttribute("aria-pressed") === "false"`)
		p.click(".versions button.swatch.v2")
		p.wait(`!location.search.includes("hide=")`)
	})
	t.Run("environments, and the worst rows with all their features", func(t *testing.T) {
		p.do(`document.querySelector(".rows-panel").scrollIntoView()`)
		p.wait(`document.querySelectorAll(".rows tbody tr").length >= 40`)
		p.click(".rows .link")
		p.wait(`document.querySelector(".below").innerText.length > 10`)
		p.accessible()
		p.picture("model-rows")
		p.click(`.rows-panel [data-value="sample"]`)
		p.wait(`document.querySelectorAll(".rows tbody tr").length > 60`)
		p.do("scrollTo(0, 0)")
		p.click(`.title [data-value="staging"]`)
		p.wait(`location.search.includes("env=staging") && document.querySelector(".title .of").innerText === "v8.0.0-rc1"`)
	})
}

// TestModelSaysWhatItLacks: a window without rows, and panels whose question fails.
func TestModelSaysWhatItLacks(t *testing.T) {
	address, browser := fleet(t), start(t)
	p := open(t, browser, address, "/model?id=milk_yield&from=2020-01-01T00:00:00Z&to=2020-01-03T00:00:00Z", 1440, 1000, "light")
	p.wait(`document.body.innerText.includes("No predictions in this window.")`)
	p.expect("503")
	p.do(`const real = window.fetch; window.fetch = (url, how) => String(url).includes("/predictions.") || String(url).includes("model_performance_timeseries")
		? Promise.resolve(new Response('{"error":"made to fail"}', { status: 503, headers: { "Retry-After": "1" } })) : real(url, how);
		document.querySelector('.controls [data-value="3d"]').click()`)
	p.wait(`document.querySelectorAll(".failed").length >= 2`)
	require.Contains(t, p.text(".over-time"), "This could not be had: made to fail")
	require.NotEmpty(t, p.text(".measures"), "the others stand")
}
