// The fleet: every live version with its verdict, those that need somebody first.

import { current, go, histories, href, recents } from "./address.js";
import { clean, h, name, renew, replace, segments, select } from "./dom.js";
import { axis, interval } from "./interval.js";
import { change, count, none, number, plural, scale, share, signed } from "./numbers.js";
import { headline, line, weekly } from "./sentences.js";
import { ask, series } from "./server.js";
import { buckets, sparkline } from "./sparkline.js";
import { hot, judged, order, rank, shape, word } from "./states.js";
import { Table } from "./table.js";
import { age, brief, hours, minute, parse } from "./times.js";
import { first } from "./first.js";
import { zone } from "./zone.js";

/**
 * @typedef {import("./server.js").Row} Row
 * @typedef {import("./sentences.js").Total} Total
 * @typedef {import("./address.js").Address} Address
 * @typedef {import("./main.js").Frame} Frame
 */

const columns = [
  "model_id", "model_version", "environment", "state", "reason", "first_event", "last_event", "prediction_count", "actual_count", "recent_count", "recent_coverage", "recent_mae",
  "recent_rmse", "recent_bias", "reference_count", "reference_coverage", "reference_mae", "reference_bias", "relative_change", "relative_change_low", "relative_change_high", "z",
  "rmse_relative_change", "rmse_status", "bias_status", "actual_lag_p50", "actual_lag_p95", "week_ago_count", "changed_at", "change_version", "change_version_first_event",
  "previous_version", "previous_recent_mae", "recent_from", "drift_z", "drift_change", "predictions_due", "recent_actual_count", "min_recent",
];
const rowsStep = 2000;
// More than a wall shows.
const rowsAtOnce = 64;
const sparkFor = 5 * minute, sparkModelsMax = 40;

/** @param {HTMLElement} main @param {Frame} frame */
export function open(main, frame) {
  const fleet = new Fleet(main, frame);
  return fleet;
}

class Fleet {
  /** @param {HTMLElement} main @param {Frame} frame */
  constructor(main, frame) {
    this.main = main;
    this.frame = frame;
    this.rowsMax = rowsStep;
    /** @type {Total[]} */
    this.totals = [];
    /** @type {Map<string, { at: number, line: import("./sparkline.js").Line }>} lines by row */
    this.sparks = new Map();
    /** @type {WeakMap<Row, string | null>} what is said of the rows of the last answer */
    this.lines = new WeakMap();
    this.asking = false;
    this.closed = false;
    this.every = 10_000;
    this.shown = "";
    this.shownEnv = "";
    /** @type {string[] | null} */
    this.environmentNames = null;
    this.rowsAll = 0;
    /** @type {{ remove: () => void } | null} */
    this.empty = null;
    /** @type {Set<string> | null} drifted when they were last looked at */
    this.drifted = null;
    this.announced = 0;
    this.sparksAsOf = "";
    this.sparkWidth = 124;
    this.sparkModels = sparkModelsMax;
    this.models = "";
    this.title = h("h1", { tabindex: "-1" });
    this.windows = h("p", { class: "windows" });
    this.rates = h("dl", { class: "rates" });
    this.environments = h("div", { class: "environments" });
    this.chips = h("div", { class: "chips", role: "group", "aria-label": "Filter by verdict" });
    this.search = h("input", { type: "search", class: "search", placeholder: "Filter by name or version  /", "aria-label": "Filter by name or version", spellcheck: "false", autocomplete: "off", oninput: () => this.#typed() });
    this.typing = 0;
    this.advice = h("p", { class: "advice", hidden: true });
    this.foot = h("div", { class: "foot" });
    this.view = { recent: 6, history: 168, offset: 0, reference: "rolling", now: frame.now() };
    this.table = new Table({
      label: "Models", columns: this.#columns(),
      name: (row) => `${row.model_id}\u0000${row.model_version}\u0000${row.environment}`,
      href: (row) => this.#href(row), style: (row) => `${row.state}${hot(row.state) ? " hot" : ""}${this.#line(row) ? " tall" : ""}`,
      tall: (row) => this.#line(row) !== null,
      shown: (row) => JSON.stringify([Object.values(row), this.#line(row), this.sparks.get(key(row))?.at, this.sparkWidth, current().values.env, current().values.recent]),
      sort: (sort) => {
        const { values } = current();
        go(values.sort === sort ? { desc: !values.desc } : { sort, desc: false });
      },
      go: (to) => this.frame.open(to),
      viewed: (rows) => this.#draw(rows),
    });
    this.main.append(h("header", { class: "head" }, h("div", null, this.title, this.windows), this.rates),
      h("div", { class: "tools" }, this.environments, this.chips, this.search), this.advice, this.table.element, this.foot);
    this.#loading();
    this.resized = () => this.#room();
    addEventListener("resize", this.resized);
  }

  close() {
    removeEventListener("resize", this.resized);
    this.closed = true;
    this.table.close();
    clearTimeout(this.typing);
  }

  #loading() {
    this.main.classList.add("loading");
    // What comes at once needs no grey rows before it.
    setTimeout(() => {
      if (this.closed || !this.main.classList.contains("loading")) return;
      this.title.textContent = "\u00a0";
      replace(this.table.body, Array.from({ length: 14 }, () => h("tr", { class: "grey", "aria-hidden": "true" }, h("td", { colspan: this.table.options.columns.length }, h("span")))));
    }, 100);
  }

  /** @param {Address} address @param {AbortSignal} signal */
  async load(address, signal) {
    const { values } = address;
    const shown = JSON.stringify(values);
    const asked = shown !== this.shown;
    if (asked) this.rowsMax = rowsStep;
    // What is seen first comes before all the rest.
    const begun = this.totals.length > 0, most = begun ? this.rowsMax : rowsAtOnce;
    if (document.activeElement !== this.search) this.search.value = values.q;
    this.table.sorted(values.sort, values.desc);
    let environment = values.env || (!this.environmentNames || this.environmentNames.includes("production") ? "production" : "*");
    let answer = await this.#ask(values, environment, most, signal);
    // Totals are of what is searched for: the tabs are those of all.
    if (!values.q) this.environmentNames = environmentsOf(answer.totals);
    else this.environmentNames ??= environmentsOf((await ask("models", { totals: "true", limit: 1, as_of: values.as_of }, { signal, columns: ["model_id"] })).totals);
    const names = this.environmentNames;
    if (environment !== "*" && !names.includes(environment) && names.length > 0) {
      environment = names.includes("production") ? "production" : "*";
      answer = await this.#ask(values, environment, most, signal);
    }
    this.main.classList.remove("loading");
    if (names.length === 0) {
      this.empty ??= first(this.main);
      this.every = 1000;
      this.frame.title("Models");
      return;
    }
    this.empty?.remove();
    this.empty = null;
    this.totals = answer.totals ?? [];
    this.shown = shown;
    this.shownEnv = environment;
    this.view = { recent: values.recent, history: values.history, offset: values.offset, reference: values.reference, now: this.frame.now() };
    this.rowsAll = answer.before_limit ?? answer.rows.length;
    const mine = this.totals.filter((t) => t.environment === environment);
    this.#head(values, mine, answer.rows);
    this.#tools(values, environment, mine);
    this.#advise(values, mine);
    this.table.element.classList.toggle("with-environment", environment === "*");
    this.#room();
    this.lines = new WeakMap();
    this.table.fill(answer.rows, asked, begun ? answer.rows.length : this.rowsAll);
    if (!begun && answer.rows.length < this.rowsAll) {
      if (!document.hidden) await new Promise((done) => { requestAnimationFrame(() => { setTimeout(done); }); });
      if (!signal.aborted) await this.load(address, signal);
      return;
    }
    this.#foot(values, mine, answer.rows);
    this.#announce(answer.rows);
    this.every = answer.rows.length > rowsStep ? 30_000 : 10_000;
    void this.#status(signal);
  }

  /** @param {import("./address.js").Values} values @param {string} environment @param {number} most @param {AbortSignal} signal */
  #ask(values, environment, most, signal) {
    return ask("models", {
      ...(environment === "*" ? {} : { "environment.eq": environment }), state: values.status, q: values.q.trim(), order: values.sort, desc: values.desc ? "true" : "",
      recent_window_hours: values.recent, historical_window_hours: values.history, offset: values.offset || "", as_of: values.as_of,
      ...(values.reference === "rolling" ? {} : { reference: values.reference, timezone: zone() }),
      live: values.retired || values.status.includes("retired") ? "" : "true", totals: "true", limit: most,
    }, { signal, columns, digits: 6 });
  }

  /** @param {import("./address.js").Values} values @param {Total[]} mine @param {Row[]} rows */
  #head(values, mine, rows) {
    const said = values.q && mine.length === 0 ? "Nothing is found" : headline(mine);
    if (this.title.textContent !== said) this.title.textContent = said;
    const drifts = mine.find((t) => t.state === "drift")?.models ?? 0;
    this.frame.title(`${drifts ? `(${drifts}) ` : ""}Models`);
    const versions = mine.reduce((n, t) => n + (t.state === "retired" ? 0 : t.versions), 0);
    if (!values.q && values.status.length === 0 && !values.retired && rows.length === versions) {
      const models = new Set(rows.map((row) => row.model_id)).size;
      this.models = `${count(models)} ${plural(models, "model")}, ${count(versions)} live ${plural(versions, "version")}`;
    } else this.models = `${count(versions)} live ${plural(versions, "version")}`;
    const seasonal = values.reference !== "rolling";
    const choices = (/** @type {readonly number[]} */ list, /** @type {(n: number) => string} */ said) => list.map((n) => /** @type {[string, string]} */ ([String(n), said(n)]));
    renew(this.windows, "The last ", select("Recent window", choices(recents, brief), String(values.recent), (v) => go({ recent: Number(v) })),
      " against the ", select("Reference window", [...choices(histories, (n) => `${n === 24 ? hours(24) : hours(n).includes("days") ? hours(n) : "3 days"} before`), ["seasonal:4", "same hours of 4 weeks"]], seasonal ? values.reference : String(values.history), (v) => go(v.startsWith("seasonal") ? { reference: v } : { history: Number(v), reference: "rolling" })),
      `${seasonal ? "" : ", with a day between"}${values.offset ? `, up to ${hours(values.offset)} ago` : ""} · ${this.models}`);
  }

  /** @param {import("./address.js").Values} values @param {string} environment @param {Total[]} mine */
  #tools(values, environment, mine) {
    const names = this.environmentNames ?? [];
    const sorted = names.slice().sort((a, b) => Number(b === "production") - Number(a === "production") || (a < b ? -1 : 1));
    const tab = (/** @type {string} */ env, /** @type {string} */ text) => {
      const totals = this.totals.filter((t) => t.environment === env);
      const needing = totals.filter((t) => hot(t.state));
      const worst = needing.map((t) => t.state).sort((a, b) => rank(a) - rank(b))[0];
      return /** @type {[string, any]} */ ([env, [name(text), worst && h("span", { class: "worst" }, shape(worst), count(needing.reduce((n, t) => n + t.versions, 0)), h("span", { class: "away" }, " need somebody"))]]);
    };
    const choose = (/** @type {string} */ env) => go({ env: env === (names.includes("production") ? "production" : "*") ? "" : env });
    const tabs = [...sorted.slice(0, 4).map((n) => tab(n, n)), tab("*", "All")];
    const further = sorted.slice(4);
    renew(this.environments, segments("Environment", tabs, environment, choose),
      further.length > 0 && select("Further environments", [["", `${further.length} more`], ...further.map((n) => /** @type {[string, string]} */ ([n, n]))], further.includes(environment) ? environment : "", (env) => env && choose(env)));
    renew(this.chips, order.filter((s) => s !== "retired").map((state) => {
      const n = mine.find((t) => t.state === state)?.versions ?? 0;
      const on = values.status.includes(state);
      return h("button", {
        type: "button", class: `chip${n === 0 ? " zero" : ""}`, "data-value": state, "aria-pressed": String(on),
        // Of the address as it is by then: the answer to the last click may not be there yet.
        onclick: () => {
          const { status } = current().values;
          go({ status: status.includes(state) ? status.filter((/** @type {string} */ s) => s !== state) : [...status, state] });
        },
      }, shape(state), h("b", null, count(n)), " ", word(state));
    }));
  }

  /** @param {import("./address.js").Values} values @param {Total[]} mine */
  #advise(values, mine) {
    const of = (/** @type {(state: string) => boolean} */ which) => mine.reduce((n, t) => n + (which(t.state) ? t.versions : 0), 0);
    const few = of((s) => s === "too_few"), live = of((s) => s !== "retired"), longer = values.recent < 24 ? 24 : 72;
    const due = few > of(judged) && values.recent < 72;
    this.advice.hidden = !due;
    if (due) {
      const at = href("/", { ...values, recent: longer });
      replace(this.advice, `${count(few)} of ${count(live)} versions have too few actuals in ${hours(values.recent)}, so nothing can be said about them. `, h("a", { href: at }, `Compare the last ${hours(longer)} instead`));
    }
  }

  /** @param {import("./address.js").Values} values @param {Total[]} mine @param {Row[]} rows */
  #foot(values, mine, rows) {
    const retired = mine.find((t) => t.state === "retired")?.versions ?? 0;
    const filtered = values.q || values.status.length > 0;
    renew(this.foot,
      rows.length === 0 && h("p", { class: "nothing" }, filtered ? "No version fits these filters. " : "No live version here. ", filtered && h("a", { href: href("/", { ...values, q: "", status: [] }) }, "Clear filters")),
      rows.length < this.rowsAll && h("button", { type: "button", class: "quiet", "data-value": "more", onclick: () => { this.rowsMax += rowsStep; this.frame.again(); } }, `Show more of ${count(this.rowsAll)} versions`),
      retired > 0 && h("button", { type: "button", class: "quiet", "data-value": "retired", onclick: () => go({ retired: !current().values.retired }) }, values.retired ? "Hide retired versions" : `Show ${count(retired)} retired ${plural(retired, "version")}`));
  }

  /** @param {AbortSignal} signal how much comes in, where the token may know */
  async #status(signal) {
    await this.frame.learned;
    if (!this.frame.pipes.has("status") || signal.aborted) return;
    try {
      const row = (await ask("status", {}, { signal })).rows[0];
      // Null for a token with a bound.
      const rows = row?.rows_last_minute ?? null, rejects = row?.rejected_kept ?? null;
      renew(this.rates,
        rows !== null && h("div", null, h("dt", null, "Rows in"), h("dd", null, h("b", null, number(rows / 60)), " /s")),
        rejects !== null && h("div", null, h("dt", null, "Rejected lines"), h("dd", null, this.frame.pipes.has("quarantine") ? h("a", { href: href("/quarantine"), "data-value": "rejects" }, count(rejects)) : h("b", null, count(rejects)))));
    } catch { /* what it says stays as it was: the fleet does not depend on it */ }
  }

  /** @param {Row[]} rows who has drifted since the last look is said, once a minute at most */
  #announce(rows) {
    const drifted = new Set(rows.filter((row) => row.state === "drift").map(key));
    if (this.drifted && Date.now() - this.announced > minute) {
      const news = rows.filter((row) => row.state === "drift" && !this.drifted?.has(key(row)));
      if (news.length > 0) {
        this.announced = Date.now();
        this.frame.announce(news.length === 1 ? `${clean(news[0].model_id)} has drifted` : `${news.length} models have drifted`);
      } else return;
    }
    this.drifted = drifted;
  }

  #typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => go({ q: this.search.value }, { replace: true }), 150);
  }

  /** @param {KeyboardEvent} event */
  keyed(event) {
    if (event.key === "/") {
      event.preventDefault();
      this.search.focus();
      this.search.select();
    } else if (event.key === "Escape" && event.target === this.search && this.search.value) {
      this.search.value = "";
      this.#typed();
    } else if (event.target === document.body || event.target === this.title) this.table.keyed(event);
  }

  /** Counts ages on between two answers. */
  tick() {
    this.view.now = this.frame.now();
    for (const cell of this.table.body.querySelectorAll("time")) {
      const text = age(this.view.now - Number(cell.dataset.ms));
      if (cell.textContent !== text) cell.textContent = text;
    }
  }

  /** @param {Row} row */
  #line(row) {
    let said = this.lines.get(row);
    if (said === undefined) this.lines.set(row, said = line(row, this.view));
    return said;
  }

  /** @param {Row} row */
  #href(row) {
    const { recent, history, offset, reference, as_of, tz } = current().values;
    return href("/model", { id: row.model_id, env: row.environment, version: row.model_version, recent, history, offset, reference, as_of, tz });
  }

  /** @returns {import("./table.js").Column<Row>[]} */
  #columns() {
    const aged = (/** @type {string} */ text) => {
      const ms = parse(text);
      return ms === null ? none : h("time", { "data-ms": ms }, age(this.view.now - ms));
    };
    const errors = (/** @type {Row} */ row) => scale([row.recent_mae, row.reference_mae]);
    return [
      { key: "attention", title: "Verdict", sorts: true, cell: (row) => [shape(row.state), h("span", null, word(row.state))] },
      { key: "model", title: "Model", sorts: true, cell: (row) => {
        const said = this.#line(row), full = `${clean(row.model_id)} ${clean(row.model_version)}`;
        return [h("div", { class: "name", title: full.length > 36 ? full : null }, h("a", { href: this.#href(row) }, name(row.model_id)), " ", h("span", { class: "version" }, name(row.model_version)), " ",
          current().values.env === "*" || this.shownEnv === "*" ? h("span", { class: "environment" }, name(row.environment)) : null), said && h("div", { class: "said", title: said.length > 90 ? said : null }, clean(said))];
      } },
      { key: "change", title: "Change", sorts: true, cell: (row) => {
        const better = row.state === "ok" && typeof row.relative_change_high === "number" && row.relative_change_high < 0;
        return h("span", { class: better ? "better" : null }, row.state === "silent" ? none : change(row.relative_change));
      } },
      { key: "interval", title: [axis(), h("span", { class: "away" }, "Change and its 95% interval")], cell: interval },
      { key: "mae", title: "MAE", sorts: true, cell: (row) => number(row.recent_mae, errors(row)) },
      { key: "was", title: "before", sorts: true, cell: (row) => number(row.reference_mae, errors(row)) },
      { key: "rmse", title: "RMSE", sorts: true, cell: (row) => number(row.recent_rmse) },
      { key: "bias", title: "Bias", sorts: true, cell: (row) => signed(row.recent_bias, errors(row)) },
      { key: "spark", title: "MAE, 7 days", cell: (row) => this.#spark(row) },
      { key: "coverage", title: "Actuals", sorts: true, cell: (row) => h("span", { class: row.reference_coverage !== null && row.recent_coverage < row.reference_coverage / 2 ? "ink" : null }, share(row.recent_coverage)) },
      { key: "count", title: "Predictions", sorts: true, cell: (row) => count(row.recent_count) },
      { key: "week", title: "vs last week", sorts: true, cell: (row) => {
        const by = weekly(row);
        return h("span", { class: by !== null && (by < -0.5 || by > 1) ? "ink" : null }, change(by));
      } },
      { key: "age", title: "In use for", sorts: true, cell: (row) => aged(row.first_event) },
      { key: "last", title: "Last", sorts: true, cell: (row) => aged(row.last_event) },
    ];
  }

  /** @param {Row} row */
  #spark(row) {
    const had = this.sparks.get(key(row));
    return had ? sparkline(had.line, row.reference_mae, row.state, this.sparkWidth) : h("span", { class: "no-spark" });
  }

  /** @param {Row[]} rows asks for the lines of rows in view that have none, or an old one: many models in one question */
  async #draw(rows) {
    if (this.asking || this.closed) return;
    const now = Date.now(), asOf = current().values.as_of;
    if (this.sparksAsOf !== asOf) {
      this.sparks.clear();
      this.sparksAsOf = asOf;
    }
    const due = rows.filter((row) => now - (this.sparks.get(key(row))?.at ?? 0) > sparkFor);
    const ids = [...new Set(due.map((row) => String(row.model_id)))];
    if (ids.length === 0) return;
    // A name with a comma or a star in it would be a list or a pattern.
    const odd = ids.find((id) => /[,*]/.test(id) || id === "");
    const asked = odd !== undefined ? [odd] : ids.slice(0, this.sparkModels);
    this.asking = true;
    try {
      const answer = await series({ ...(odd !== undefined ? { "model_id.eq": odd } : { model_id: asked }), model_version: "*", environment: "*", interval: "6h", time_window: 6 * buckets, as_of: asOf }, { columns: ["mae", "actual_count"], digits: 4, once: true });
      for (const s of answer.series) {
        const line = { values: s.mae, counts: s.actual_count, before: earlier(s, answer.series) };
        this.sparks.set(key(s), { at: now, line });
      }
      this.sparkModels = Math.min(sparkModelsMax, 2 * this.sparkModels);
    } catch {
      // The numbers stand beside the place where the line would be. One model may have too many versions for all of them.
      if (asked.length > 1) asked.length = 0;
      this.sparkModels = 1;
    } finally {
      // What has no series now is not asked for again at once.
      for (const row of due) if (asked.includes(row.model_id) && (this.sparks.get(key(row))?.at ?? 0) < now) this.sparks.set(key(row), { at: now, line: { values: [], counts: [] } });
      this.asking = false;
    }
    if (!this.closed) this.table.later();
  }

  /** A sentence may reach up to the lines. */
  #room() {
    const from = this.table.head.querySelector(".model"), spark = this.table.head.querySelector(".spark"), to = this.table.head.querySelector(".coverage");
    if (!from || !spark || !to) return;
    const end = [spark, to].map((e) => e.getBoundingClientRect()).find((r) => r.width > 0)?.left ?? this.table.element.getBoundingClientRect().right;
    this.table.element.style.setProperty("--said", `${Math.round(end - from.getBoundingClientRect().left - 16)}px`);
    // A line is as long as its place, up to what an eye follows.
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16, place = spark.getBoundingClientRect().width / rem - 16;
    this.sparkWidth = place > 124 ? Math.min(320, Math.round(place)) : 124;
  }
}

/** @param {Row} row */
const key = (row) => `${row.model_id}\u0000${row.model_version}\u0000${row.environment}`;

/** @param {Total[] | undefined} totals */
const environmentsOf = (totals) => [...new Set((totals ?? []).map((t) => t.environment))].filter((e) => e !== "*");

/**
 * What served before a version came: by bucket, the error of the version of the same model and environment with the most actuals.
 * @param {Row} mine
 * @param {Row[]} all
 */
function earlier(mine, all) {
  const began = mine.actual_count.findIndex((/** @type {number} */ n) => n > 0);
  if (began === 0) return undefined;
  const others = all.filter((s) => s !== mine && s.model_id === mine.model_id && s.environment === mine.environment);
  return mine.mae.map((/** @type {unknown} */ _, /** @type {number} */ i) => {
    const best = others.filter((s) => s.actual_count[i] >= 5).sort((a, b) => b.actual_count[i] - a.actual_count[i])[0];
    return best ? best.mae[i] : null;
  });
}

