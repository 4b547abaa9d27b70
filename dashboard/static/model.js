// The page of a model: what is to be said of the version that needs attention, its measures over time, and what they are made of.

import { go, href } from "./address.js";
import { buckets, choices, choose, coverageByAge, hourlyActuals, lengths, parameters, points, rangeHours, window as windowOf, words } from "./buckets.js";
import { Chart, uplot } from "./chart.js";
import { comparison, windows } from "./comparison.js";
import { clean, copier, h, name, renew, replace, segments, select } from "./dom.js";
import { columns, measures } from "./measures.js";
import { moment } from "./moments.js";
import { count, number, plural, scale, share } from "./numbers.js";
import { distribution, late, quantiles, undrawn, versions } from "./panels.js";
import { rowsPanel } from "./rows.js";
import { before } from "./sentences.js";
import { ask, curl, series, ServerError } from "./server.js";
import { hot, rank, shape, version, word } from "./states.js";
import { strip } from "./strip.js";
import { brief, clock, day, hour, hours, minute, offset, parse, rfc, utc } from "./times.js";
import { verdict } from "./verdict.js";
import { zone } from "./zone.js";

/** @typedef {import("./server.js").Row} Row */
/** @typedef {import("./address.js").Values} Values */
/** @typedef {import("./sentences.js").Windows} Windows */

const histories = [24, 72, 168, 336, 672], recents = [1, 3, 6, 12, 24, 72];
const linesMax = 5, tabsMax = 5, versionsMost = 100;

/** @param {HTMLElement} main @param {import("./main.js").Frame} frame @returns {import("./main.js").View} */
export const open = (main, frame) => new Model(main, frame);

class Model {
  every = 15_000;

  /** @param {HTMLElement} main @param {import("./main.js").Frame} frame */
  constructor(main, frame) {
    this.main = main;
    this.frame = frame;
    const part = (/** @type {string} */ style) => h("div", { class: style });
    this.parts = {
      head: h("header", { class: "model-head" }), verdict: part("verdict"), measures: part("comparison"), controls: part("controls"), typed: part("typed"), chartHead: part("panel-head"),
      reading: h("p", { class: "reading note" }), spoken: h("p", { class: "away", "aria-live": "polite" }), chart: h("div", { class: "chart", tabindex: 0, role: "application" }), chartNote: h("p", { class: "quiet" }), strip: part("verdicts"), table: part("wide buckets"),
      errors: part("panel-body"), late: part("panel-body"), versions: part("panel-body"), rows: h("section", { class: "rows-panel", "aria-label": "Rows" }),
    };
    const p = this.parts;
    this.errorsTitle = h("h2", null, "How large the errors are");
    this.versionsTitle = h("h2", null, "Versions");
    this.body = h("div", null, h("div", { class: "summary" }, p.verdict, p.measures), p.controls, p.typed,
      h("section", { class: "over-time" }, p.chartHead, p.reading, p.chart, p.chartNote, p.strip, p.table, p.spoken),
      h("div", { class: "panels" }, h("section", null, this.errorsTitle, p.errors), h("section", null, h("h2", null, "How late actuals come"), p.late), h("section", null, this.versionsTitle, p.versions)), p.rows);
    p.typed.hidden = p.table.hidden = true;
    /** @type {Chart | null} */
    this.chart = null;
    this.shownId = "";
    this.tab = "worst";
    this.rowsAt = 0;
    this.rowsSeen = false;
    this.settled = false;
    // At the same time as the first question; who draws says so if it fails.
    uplot().catch(() => {});
    this.seen = new IntersectionObserver((entries) => { if (entries.some((e) => e.isIntersecting)) { this.rowsSeen = true; if (this.settled && this.rowsOf !== this.rowsKey()) void this.rows(); } }, { rootMargin: "200px" });
    this.seen.observe(p.rows);
    this.stop = new AbortController();
    /** @type {Now | null} */
    this.now = null;
    this.state = "";
  }

  close() {
    this.stop.abort();
    this.chart?.close();
    this.seen.disconnect();
  }

  /** @param {import("./address.js").Address} address @param {AbortSignal} signal */
  async load({ values }, signal) {
    if (values.id !== this.shownId) this.begin(values);
    const view = { recent: values.recent, history: values.history, offset: values.offset, reference: values.reference, now: this.frame.now() };
    const list = { ...compared(values), as_of: values.as_of, order: "attention", details: true };
    const { rows, totals } = await ask("models", { ...list, limit: versionsMost, totals: "true" }, { signal });
    if (values.version && rows.length === versionsMost && !rows.some((r) => r.model_version === values.version)) rows.push(...(await ask("models", { ...list, "model_version.eq": values.version }, { signal })).rows);
    view.now = this.frame.now();
    if (rows.length === 0) return this.unknown(values);
    const environments = [...new Set([...rows, ...totals].map((row) => row.environment))].filter((e) => e !== "*" || rows.some((r) => r.environment === e)).sort((a, b) => Number(b === "production") - Number(a === "production") || (a < b ? -1 : 1));
    const environment = environments.includes(values.env) ? values.env : environments[0];
    const siblings = rows.filter((row) => row.environment === environment).sort((a, b) => (parse(b.first_event) ?? 0) - (parse(a.first_event) ?? 0));
    const attention = rows.filter((row) => row.environment === environment).sort((a, b) => rank(a.state) - rank(b.state));
    const row = siblings.find((s) => s.model_version === values.version) ?? attention[0];
    this.now = { values, view, rows, environments, siblings, attention, row, signal };
    if (!this.body.isConnected) replace(this.main, this.parts.head, this.body);
    this.say();
    this.control();
    await Promise.all([this.overTime().then(() => this.verdicts()), this.lateness(), this.sizes()]);
    // Rows are read one by one: they come last, when they are looked at, and again once a minute.
    this.settled = true;
    if (this.rowsSeen && (Date.now() - this.rowsAt > minute || this.rowsOf !== this.rowsKey())) await this.rows();
  }

  /** A model that was not shown yet: its name at once. @param {Values} values */
  begin(values) {
    this.shownId = values.id;
    this.state = "";
    this.chart?.close();
    this.chart = null;
    this.now = null;
    this.settled = false;
    this.rowsOf = "";
    for (const part of Object.values(this.parts)) if (part !== this.parts.typed) { replace(part); last.delete(part); }
    replace(this.parts.head, crumbs([]), h("div", { class: "title" }, h("h1", { tabindex: "-1" }, name(values.id))));
    replace(this.main, this.parts.head, this.body);
    this.frame.title(clean(values.id) || "Model");
  }

  /** @param {Values} values */
  unknown(values) {
    this.shownId = "";
    this.frame.title("Unknown model");
    replace(this.main, crumbs([]), h("section", { class: "refused" }, h("h1", { tabindex: "-1" }, "There is no model of this name"), h("p", null, name(values.id)),
      h("p", null, values.as_of ? "At least there was none by then. " : "", h("a", { href: href("/", { as_of: values.as_of, tz: values.tz }) }, "All models"))));
  }

  /** The name, the verdict, the measures and the versions. */
  say() {
    const { values, view, row, rows, environments, siblings, attention } = this.at(), p = this.parts;
    const live = attention.filter((s) => s.state !== "retired"), shown = [...new Set([...live.slice(0, tabsMax), ...(live.includes(row) ? [row] : [])])];
    const tabs = shown.length > 1 && shown.includes(row) ? segments("Version", shown.map((s) => [s.model_version, [shape(s.state), " ", name(s.model_version)]]), row.model_version, (v) => go({ version: v })) : null;
    const places = environments.length > 1 ? segments("Environment", environments.map((e) => { const worst = rows.filter((r) => r.environment === e && r.state !== "retired").sort((a, b) => rank(a.state) - rank(b.state))[0]; return [e, [worst && hot(worst.state) ? [shape(worst.state), " "] : [], name(e)].flat()]; }), row.environment, (env) => go({ env, version: "" })) : null;
    same(p.head, h("header", { class: "model-head" }, crumbs([row.environment], values),
      h("div", { class: "title" }, h("h1", { tabindex: "-1", title: values.id.length > 36 ? clean(values.id) : null }, name(values.id)), h("span", { class: "of" }, tabs ?? name(row.model_version)), places,
        values.version && row.model_version !== values.version ? h("p", { class: "note" }, "There is no version ", name(values.version), " here; this is another one.") : null, copier("Copy link", () => { const w = windowOf(values, view.now); return this.frame.link({ from: w.from, to: w.to }); }))));
    const said = verdict(row, view);
    same(p.verdict, h("div", { class: `verdict ${row.state}` }, h("h2", { class: "sentence" }, shape(row.state), h("span", null, h("span", { class: "away" }, `${word(row.state)}: `), said.sentence)),
      said.follows.map((paragraph) => h("p", null, paragraph.map((piece) => typeof piece === "string" ? clean(piece) : h("a", { href: href("/model", { ...values, ...piece.change }) }, clean(piece.text)))))));
    same(p.measures, h("div", { class: "comparison" }, comparison(row, view, siblings)));
    this.frame.title(`${hot(row.state) ? `(${word(row.state)}) ` : ""}${clean(values.id)}`);
    const state = `${row.environment} ${row.model_version} ${row.state}`;
    if (this.state && this.state !== state && this.state.startsWith(`${row.environment} ${row.model_version} `)) this.frame.announce(`${values.id}: ${said.sentence}`);
    this.state = state;
  }

  /** Which measure, of when, in which buckets, compared with what. */
  control() {
    const { values, view, siblings, row } = this.at(), w = windowOf(values, view.now), interval = this.interval();
    const others = siblings.filter((s) => s !== row).map((s) => /** @type {[string, string]} */ ([`version:${s.model_version}`, version(clean(s.model_version))]));
    const compared = /** @type {[string, string][]} */ ([...histories.map((n) => [String(n), `the ${hours(n)} before`]), ...others.slice(0, 20), ["seasonal:4", "the same hours of 4 weeks"]]);
    const chosen = view.reference === "rolling" ? String(view.history) : view.reference;
    if (!compared.some(([key]) => key === chosen)) compared.push([chosen, before(view)]);
    const fixed = h("button", { type: "button", "aria-pressed": String(w.fixed), "data-value": "typed", title: "A window of your own", onclick: () => this.type() }, w.fixed ? `${brieflyFrom(w, view.now)}` : "from – to");
    const ranges = segments("Range", ["6h", "24h", "3d", "7d", "30d", "90d"].map((r) => [r, brief(rangeHours(r)).replace("1\u00a0d", "24\u00a0h")]), w.fixed ? "" : values.range, (range) => go({ range, from: "", to: "", interval: "" }));
    ranges.append(fixed);
    if (w.fixed) ranges.append(h("button", { type: "button", "aria-label": "Back to the range", title: "Back to the range", "data-value": "untyped", onclick: () => this.hands.back() }, "×"));
    renew(this.parts.controls,
      segments("Measure", Object.entries(measures).map(([key, m]) => [key, m.label]), values.measure, (measure) => go({ measure })), ranges,
      h("label", null, "one point per ", select("Length of a bucket", [["", `${words[this.automatic()]} (auto)`], ...choices(w.to - w.from).map((i) => /** @type {[string, string]} */ ([i, words[i]]))], values.interval ? interval : "", (i) => go({ interval: i }))),
      h("span", { class: "compared" }, h("label", null, "the last ", select("Recent window", recents.map((n) => [String(n), hours(n)]), String(view.recent), (n) => go({ recent: Number(n) }))), " ",
        h("label", null, view.offset ? h("span", null, `that ended ${brief(view.offset)} ago `, h("a", { href: href("/model", { ...values, offset: 0 }) }, "end it now"), " ") : null, "compared with ",
          select("Compared with", compared, chosen, (to) => go(/^\d+$/.test(to) ? { history: Number(to), reference: "rolling" } : { reference: to })))));
  }

  /** The two inputs for a window. */
  type() {
    const { values, view } = this.at(), w = windowOf(values, view.now), { typed } = this.parts;
    typed.hidden = !typed.hidden;
    if (typed.hidden) return;
    const plain = (/** @type {number} */ ms) => clock(ms, ms + 200 * day).replace(/^\S+ /, "");
    const input = (/** @type {string} */ label, /** @type {number} */ ms) => { const i = h("input", { "aria-label": label, value: plain(ms), size: 18, autocomplete: "off", oninput: () => i.setCustomValidity("") }); return i; };
    const from = input("From", w.from), to = input("To", w.to);
    const read = () => {
      const now = this.frame.now(), at = [from, to].map((i) => { const ms = moment(i.value, now); i.setCustomValidity(ms === null ? "A time such as 26 Nov 21:06, 3d ago or 2026-11-26T20:06:00Z is needed" : ""); return ms; });
      if (at[0] !== null && at[1] !== null && at[0] >= at[1]) to.setCustomValidity("This has to be after the other one");
      return from.reportValidity() && to.reportValidity() ? /** @type {number[]} */ (at) : null;
    };
    const act = (/** @type {boolean} */ pin) => { const at = read(); if (!at) return; typed.hidden = true; this.hands.picked(at[0], at[1], pin); };
    replace(typed, h("form", { class: "line", onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); act(false); } }, from, h("span", { "aria-hidden": "true" }, " – "), to,
      h("button", { class: "button" }, "Show"), h("button", { type: "button", class: "button", onclick: () => act(true) }, "Compare with this"),
      h("span", { class: "note" }, "26 Nov 21:06, yesterday 9:00, 3d ago, now, or RFC 3339")));
    from.focus();
    from.select();
  }

  hands = {
    /** @param {number} from @param {number} to @param {boolean} pin */
    picked: (from, to, pin) => {
      const { row, view } = this.at();
      if (!pin) return go({ from: rfc(from), to: rfc(Math.max(Math.min(to, this.frame.now()), from + 2 * minute)), interval: "" });
      // A reference ends before the recent window begins.
      const end = Math.min(to, windows(row, view).recent.from - 1000);
      if (from < end) go({ reference: `pinned:${rfc(from)},${rfc(end)}` });
      else this.frame.announce("The reference has to lie before the recent window.");
    },
    back: () => { const { values } = this.at(); if (values.from) go({ from: "", to: "", interval: "" }); },
    table: () => { this.parts.table.hidden = !this.parts.table.hidden; this.buckets(); },
    /** @param {number | null} bucket @param {boolean} spoken */
    read: (bucket, spoken) => {
      const text = bucket === null ? "" : this.reading(bucket);
      if (!text) replace(this.parts.reading, "Drag to zoom, with Shift to compare with what you mark. Double click to go back.");
      else replace(this.parts.reading, text);
      if (spoken) this.parts.spoken.textContent = [...this.parts.reading.childNodes].map((n) => n.textContent).filter(Boolean).join(", ");
    },
  };

  automatic() {
    const { values, view, siblings } = this.at(), w = windowOf(values, view.now);
    return choose(w.to - w.from, hourlyActuals(siblings, w));
  }

  interval() {
    const { values, view } = this.at(), w = windowOf(values, view.now);
    return choices(w.to - w.from).includes(values.interval) ? values.interval : this.automatic();
  }

  /** What the charts ask. */
  question() {
    const { values, view, row, siblings } = this.at(), interval = this.interval();
    return { "model_id.eq": values.id, "environment.eq": row.environment, ...(siblings.length < versionsMost / 2 ? { model_version: "*" } : { "model_version.eq": row.model_version }), ...parameters(values, view.now), interval, timezone: lengths[interval] > hour ? zone() : "" };
  }

  async overTime() {
    const { values, view, row, siblings, signal } = this.at(), measure = measures[values.measure], p = this.parts;
    const banded = measure.needs.length > 0;
    const curled = { ...this.question(), columns: ["bucket_start", "model_version", ...columns(measure)] };
    same(p.chartHead, h("div", { class: "panel-head" }, h("h2", null, `${measure.label} over time`), h("span", { class: "note" }, `${banded ? "bands: ±1 and ±1.96 standard errors" : "no standard error is known of it, so no bands"}${measure.column === "wmape" ? " · per cent" : ""} · ${offset(view.now)}`),
      h("span", { class: "tools" }, h("button", { type: "button", class: "link", "aria-pressed": String(!p.table.hidden), onclick: () => this.hands.table() }, "Table"), copier("Copy curl", () => curl("model_performance_timeseries", curled, "csvwithnames"), "link"))));
    if (!p.reading.hasChildNodes()) this.hands.read(null, false);
    await panel(p.chartNote, signal, async () => {
      const [library, answer] = await Promise.all([uplot(), series(this.question(), { signal, columns: columns(measure), digits: 6 })]);
      if (signal.aborted) return null;
      const w = windowOf(values, view.now), of = buckets(answer.bucket_start, this.interval(), w.to), total = (/** @type {any[]} */ a) => a.reduce((s, v) => s + (v ?? 0), 0);
      const having = answer.series.filter((s) => total(s.actual_count) > 0);
      const drawn = having.slice().sort((a, b) => Number(b.model_version === row.model_version) - Number(a.model_version === row.model_version) || total(b.actual_count) - total(a.actual_count)).slice(0, linesMax);
      const age = (/** @type {Row} */ s) => siblings.findIndex((r) => r.model_version === s.model_version);
      drawn.sort((a, b) => age(a) - age(b));
      this.ranks = new Map(drawn.map((s, i) => [s.model_version, i]));
      const hidden = values.hide.filter((/** @type {string} */ v) => v !== row.model_version);
      const lines = drawn.filter((s) => !hidden.includes(s.model_version)).map((s) => {
        const shown = points(s[measure.column], s.actual_count, of);
        return { name: version(s.model_version), rank: this.ranks?.get(s.model_version) ?? 0, chosen: s.model_version === row.model_version, goesOn: total(s.prediction_count.slice(-2)) > 0, ...shown, errors: shown.values.map((v, i) => v === null ? null : measure.error(v, (c) => s[c]?.[i] ?? null)), predictions: s.prediction_count, actuals: s.actual_count, raw: s[measure.column] };
      });
      const sum = (/** @type {string} */ column) => of.map((_, i) => answer.series.reduce((t, s) => t + (s[column]?.[i] ?? 0), 0));
      this.shown = { measure, buckets: of, from: of[0]?.from ?? w.from, to: w.to, axis: measure.axis, lines, ...this.levels(measure, w), caption: `Predictions per ${words[this.interval()]}. Solid: with actual; faint: still waiting`, predictions: sum("prediction_count"), actuals: sum("actual_count"),
        marks: siblings.map((s) => ({ at: parse(s.first_event) ?? 0, name: version(s.model_version) })).filter((m) => m.at > (of[0]?.to ?? Infinity) && m.at < w.to && !hidden.includes(m.name)) };
      this.listVersions(having.length - drawn.length);
      const any = this.shown.predictions.some((n) => n > 0);
      p.chart.hidden = p.reading.hidden = !any;
      if (!any) return h("span", null, "No predictions in this window.");
      p.chart.setAttribute("aria-label", `${measure.label} of ${clean(values.id)} ${clean(row.model_version)} by ${words[this.interval()]}, and predictions. Arrow keys read the points, plus and minus zoom, T shows a table.`);
      this.chart ??= new Chart(p.chart, library, this.hands);
      this.chart.draw(this.shown);
      this.buckets();
      return lines.some((l) => l.values.some((v) => v !== null)) ? null : h("span", null, "No bucket has enough actuals to be drawn.");
    });
  }

  /** The verdicts of the time that the charts show, below them. */
  async verdicts() {
    const { values, view, row, signal } = this.at(), w = windowOf(values, view.now), { shown } = this, length = w.to - w.from;
    await panel(this.parts.strip, signal, async () => {
      // A reference that is pinned is no past for the hours before it.
      if (!this.frame.pipes.has("model_verdicts") || !shown || this.parts.chart.hidden || values.reference.startsWith("pinned:")) return null;
      const interval = ["1h", "6h", "1d", "1w"].find((i) => length / lengths[i] <= 170) ?? "1w";
      const question = { ...compared(values), "environment.eq": row.environment, "model_version.eq": row.model_version, time_window: Math.ceil(length / hour), interval, as_of: w.fixed ? rfc(w.to) : values.as_of };
      const answer = await ask("model_verdicts", question, { signal, columns: ["bucket_start", "bucket_end", "state"] });
      return strip(answer.rows, { from: shown.from, to: shown.to, now: view.now, each: words[interval] });
    });
  }

  /** The verdict on the chart. @param {import("./measures.js").Measure} measure @param {{ from: number, to: number }} w */
  levels(measure, w) {
    const { row, view } = this.at(), { recent, reference: was } = windows(row, view);
    const column = measure.now, now = column ? row[`recent_${column}`] : null, then = column ? row[`reference_${column}`] : null, at = scale([now, then]);
    const own = row.reference_version ? null : parse(row.first_event), levels = [];
    if (typeof then === "number") levels.push({ value: then, from: Math.max(was?.from ?? w.from, own ?? 0), to: recent.to, text: `${number(then, at)} before`, colour: "--text2", dashed: true });
    const better = row.state === "ok" && row.relative_change_high < 0;
    if (typeof now === "number") levels.push({ value: now, from: recent.from, to: recent.to, text: `${number(now, at)} now`, colour: row.state === "drift" ? "--drift" : row.state === "warning" ? "--warn" : better ? "--better" : "--text2", dashed: false });
    return { levels, tints: [recent, ...(view.reference?.startsWith("pinned:") && was ? [was] : [])] };
  }

  /** One line about a bucket. @param {number} i */
  reading(i) {
    const shown = this.shown, b = shown?.buckets[i];
    if (!shown || !b) return null;
    const { view } = this.at(), at = scale(shown.lines.map((l) => l.raw[i] ?? null)), whole = lengths[this.interval()] >= day;
    const when = whole ? clock(b.from, b.from + 200 * day).replace(/ 00:00$/, "") : `${clock(b.from, b.from + 200 * day)}–${clock(b.end, b.end)}`;
    const predictions = shown.predictions[i], n = shown.actuals[i];
    return [
      h("b", null, when), h("span", { class: "utc" }, offset(view.now) === "UTC" ? "" : utc(b.from)),
      shown.lines.filter((l) => typeof l.raw[i] === "number").map((l) => h("span", null, h("i", { class: `swatch v${l.rank + 1}` }), name(l.name), " ", h("b", null, number(l.raw[i], at)), l.errors[i] === null || l.errors[i] === undefined ? "" : ` ±${number(1.96 * Number(l.errors[i]), at)}`)),
      h("span", null, `${count(predictions)} ${plural(predictions, "prediction")}${predictions ? `, ${share(n / predictions)} with actual` : ""}`),
    ].flat();
  }

  /** The buckets as a table. */
  buckets() {
    const { table, chartHead } = this.parts, shown = this.shown;
    chartHead.querySelector("[aria-pressed]")?.setAttribute("aria-pressed", String(!table.hidden));
    if (table.hidden || !shown) return;
    const at = scale(shown.lines.flatMap((l) => l.raw));
    table.tabIndex = 0;
    table.setAttribute("role", "region");
    table.setAttribute("aria-label", "Buckets");
    replace(table, h("table", { class: "list" },
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "From"), shown.lines.map((l) => h("th", { scope: "col", class: "num" }, name(l.name))), h("th", { scope: "col", class: "num" }, "Predictions"), h("th", { scope: "col", class: "num" }, "With actual"))),
      h("tbody", null, shown.buckets.map((b, i) => h("tr", null, h("th", { scope: "row" }, clock(b.from, this.at().view.now)),
        shown.lines.map((l) => h("td", { class: "num" }, number(l.raw[i], at), l.errors[i] ? h("span", { class: "spread" }, ` ±${number(1.96 * Number(l.errors[i]), at)}`) : null)),
        h("td", { class: "num" }, count(shown.predictions[i])), h("td", { class: "num" }, count(shown.actuals[i])))))));
  }

  /** @param {number} more versions that are not in the chart */
  listVersions(more) {
    const { values, view, siblings, row } = this.at();
    replace(this.versionsTitle, "Versions in ", name(row.environment));
    const toggle = (/** @type {string} */ v) => go({ hide: values.hide.includes(v) ? values.hide.filter((/** @type {string} */ x) => x !== v) : [...values.hide, v] });
    same(this.parts.versions, h("div", { class: "panel-body" }, versions(siblings, { chosen: row, values, now: view.now, ranks: this.ranks ?? new Map(), toggle }), undrawn(more)));
  }

  async lateness() {
    const { values, view, row, signal } = this.at();
    await panel(this.parts.late, signal, async () => {
      const answer = await series({ "model_id.eq": values.id, "environment.eq": row.environment, "model_version.eq": row.model_version, interval: "1h", time_window: 72, as_of: values.as_of }, { signal, columns: ["prediction_count", "actual_count"] });
      const of = buckets(answer.bucket_start, "1h", view.now), own = answer.series[0];
      const ages = own ? coverageByAge(of, own.prediction_count, own.actual_count, view.now) : [];
      return ages.length ? late(row, ages) : h("p", { class: "quiet" }, "No predictions in the last 72\u00a0h.");
    });
  }

  async sizes() {
    const { values, view, row, signal } = this.at(), { recent, reference: was } = windows(row, view);
    await panel(this.parts.errors, signal, async () => {
      if (!this.frame.pipes.has("model_error_distribution") || !row.recent_actual_count || !was || row.reference_version) return quantiles(row);
      // Whole minutes: the steps of a drawing need no more, and the same question has the same answer for a while.
      const whole = (/** @type {number} */ ms) => rfc(Math.floor(ms / minute) * minute);
      const question = { "model_id.eq": values.id, "environment.eq": row.environment, "model_version.eq": row.model_version, of: "abs_error", from: whole(recent.from), to: whole(recent.to), reference_from: whole(was.from), reference_to: whole(was.to), buckets: 40 };
      const { rows } = await ask("model_error_distribution", question, { signal });
      const [said, table] = quantiles(row);
      return [said, distribution(rows), table];
    });
  }

  rowsKey() {
    const { values, row } = this.at();
    return JSON.stringify([row.environment, row.model_version, values.recent, values.offset, values.as_of]);
  }

  async rows() {
    if (!this.now) return;
    if (!this.frame.pipes.has("predictions")) return replace(this.parts.rows, h("p", { class: "quiet" }, "This token may not see rows."));
    const { values, view, row, signal } = this.at(), { recent } = windows(row, view), { rows } = this.parts;
    this.rowsAt = Date.now();
    this.rowsOf = this.rowsKey();
    await panel(rows, signal, async () => {
      const question = { "model_id.eq": values.id, "environment.eq": row.environment, "model_version.eq": row.model_version, ...(view.offset ? { from: rfc(recent.from), to: rfc(recent.to) } : { time_window: view.recent }), as_of: values.as_of };
      const wanted = ["timestamp", "prediction_id", "predicted_value", "actual_value", "residual", "features"];
      const [worst, sample] = await Promise.all([ask("predictions", { ...question, order: "abs_error", limit: 20 }, { signal, columns: wanted }), ask("predictions", { ...question, order: "sample", seed: 1, limit: 100 }, { signal, columns: wanted })]);
      const draw = () => rowsPanel({ worst: worst.rows, sample: sample.rows, tab: this.tab, now: view.now, window: view.offset ? "this window" : `the last ${hours(view.recent)}`, turn: (tab) => { this.tab = tab; renew(rows, ...draw()); } });
      return draw();
    });
  }

  /** @returns {Now} */
  at() {
    if (!this.now) throw new Error("BUG: nothing is shown yet");
    return this.now;
  }
}

/**
 * @typedef {{ values: Values, view: Windows & { reference: string }, rows: Row[], environments: string[], siblings: Row[], attention: Row[], row: Row, signal: AbortSignal }} Now
 * siblings are the versions of the environment, the newest first; attention the same, what needs it most first
 */

/** @param {Values} values what is compared with what: rolling is the server's own default, and only hours of a week have a zone */
const compared = (values) => ({
  "model_id.eq": values.id, recent_window_hours: values.recent, historical_window_hours: values.history, offset: values.offset || "", reference: values.reference === "rolling" ? "" : values.reference,
  timezone: values.reference.startsWith("seasonal:") ? zone() : "",
});

/** @param {{ from: number, to: number }} w @param {number} now */
const brieflyFrom = (w, now) => `${clock(w.from, now)} – ${clock(w.to, now)}`;

/** @param {string[]} environment @param {Values} [values] */
const crumbs = (environment, values = {}) => h("nav", { class: "crumbs", "aria-label": "Where this is" }, h("a", { href: href("/", { as_of: values.as_of, tz: values.tz }) }, "Models"),
  environment.map((e) => [h("span", { "aria-hidden": "true" }, "/"), name(e)]).flat());

/** @type {WeakMap<HTMLElement, Node>} what was last put into each part */
const last = new WeakMap();

/**
 * Puts the children and the class of a new element in the place of an old one's, unless it is what was put there before: what is under the hand
 * stays, and so does what the reader has opened.
 * @param {HTMLElement} old
 * @param {HTMLElement} fresh
 */
function same(old, fresh) {
  if (last.get(old)?.isEqualNode(fresh)) return;
  last.set(old, fresh.cloneNode(true));
  const controls = () => /** @type {HTMLElement[]} */ ([...old.querySelectorAll("a, button, select, [tabindex]")]);
  const at = controls().indexOf(/** @type {HTMLElement} */ (document.activeElement));
  old.className = fresh.className;
  old.replaceChildren(...fresh.childNodes);
  if (at >= 0) controls()[at]?.focus({ preventScroll: true });
}

/**
 * Draws a part of the page; if its question fails, its place says so and the others stand.
 * @param {HTMLElement} host
 * @param {AbortSignal} signal
 * @param {() => Promise<Node | (Node | null)[] | null>} draw
 */
async function panel(host, signal, draw) {
  try {
    const drawn = await draw();
    if (!signal.aborted) same(host, h(/** @type {any} */ (host.tagName.toLowerCase()), { class: host.className }, drawn));
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ServerError)) console.error(error);
    last.delete(host);
    replace(host, h("p", { class: "quiet failed" }, `This could not be had: ${clean(error instanceof Error ? error.message : error)}`));
  }
}
