// Lines that were not taken in, the newest first, each with what is wrong with it.

import { go, href } from "./address.js";
import { clean, copier, h, renew, replace } from "./dom.js";
import { count, plural } from "./numbers.js";
import { ask } from "./server.js";
import { age, clock, parse } from "./times.js";

/** @typedef {import("./server.js").Row} Row */

const lineMax = 2048;

/** @param {HTMLElement} main @param {import("./main.js").Frame} frame */
export function open(main, frame) {
  const title = h("h1", { tabindex: "-1" }), chips = h("div", { class: "chips", role: "group", "aria-label": "Filter by what is wrong" });
  const search = h("input", { type: "search", class: "search", placeholder: "Filter by text  /", "aria-label": "Filter by text", spellcheck: "false", autocomplete: "off" });
  const body = h("tbody"), foot = h("div", { class: "foot" });
  const table = h("table", { class: "list quarantine" }, h("thead", null, h("tr", null, [["time", "Time"], ["source", "Source"], ["fault", "Column"], ["reason", "Reason"], ["line", "Line"]].map(([key, text]) => h("th", { scope: "col", class: key }, text)))), body);
  main.append(h("header", { class: "head" }, h("div", null, title, h("p", { class: "windows" }, "A line that is not an event is kept here, and costs no other line."))),
    h("div", { class: "tools" }, chips, search), table, foot);
  let typing = 0;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => go({ q: search.value }, { replace: true }), 150);
  });
  /** @type {unknown} */
  let drawn;
  /** @param {import("./address.js").Address} address @param {AbortSignal} signal */
  async function load({ values }, signal) {
    const limit = Math.min(10_000, Math.max(1, values.limit));
    const answer = await ask("quarantine", { name: values.source, limit: Math.max(limit, 1000) }, { signal });
    if (document.activeElement !== search) search.value = values.q;
    const print = JSON.stringify(values);
    const news = drawn !== answer || table.dataset.shown !== print;
    const last = parse(answer.rows[0]?.insertion_date), n = answer.before_limit ?? answer.rows.length;
    title.textContent = answer.rows.length === 0 ? "No line was rejected."
      : `${count(n)} ${plural(n, "line was", "lines were")} rejected${last === null ? "" : `, the last one ${age(frame.now() - last)} ago`}.`;
    if (!news) return;
    drawn = answer;
    table.dataset.shown = print;
    const code = (/** @type {Row} */ row) => row.c__error.join("; ") || "–";
    /** @type {Map<string, number>} */
    const codes = new Map();
    for (const row of answer.rows) codes.set(code(row), (codes.get(code(row)) ?? 0) + 1);
    renew(chips, [...codes].sort((a, b) => b[1] - a[1]).slice(0, 12).map(([text, n]) => h("button", {
      type: "button", class: "chip", "data-value": text, "aria-pressed": String(values.code === text), onclick: () => go({ code: values.code === text ? "" : text }),
    }, h("b", null, count(n)), " ", clean(text))));
    const words = values.q.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (/** @type {Row} */ row) => (!values.code || code(row) === values.code)
      && words.every((/** @type {string} */ w) => `${row.line} ${code(row)} ${row.c__error_column.join(" ")} ${row.datasource}`.toLowerCase().includes(w));
    const rows = answer.rows.filter(fits);
    if (!body.contains(document.activeElement)) replace(body, rows.slice(0, limit).map(line));
    replace(foot,
      rows.length === 0 && answer.rows.length > 0 && h("p", { class: "nothing" }, "No line fits these filters. ", h("a", { href: href("/quarantine", { ...values, q: "", code: "" }) }, "Clear filters")),
      rows.length > limit && h("button", { type: "button", class: "quiet", onclick: () => go({ limit: Math.min(10_000, limit * 4) }) }, `Show more of ${count(rows.length)} lines`));
  }
  /** @param {Row} row */
  function line(row) {
    const text = clean(row.line), at = parse(row.insertion_date);
    const whole = text.length <= lineMax;
    const shown = h("code", null, whole ? text : text.slice(0, lineMax) + "…");
    return h("tr", null,
      h("td", { class: "time" }, at === null ? "–" : clock(at, frame.now())), h("td", { class: "source" }, clean(row.datasource)),
      h("td", { class: "fault" }, clean(row.c__error_column.join(", ")) || "–"), h("td", { class: "reason" }, clean(row.c__error.join("; "))),
      h("td", { class: "line" }, h("details", null, h("summary", null, h("code", null, text.slice(0, 400))), h("pre", null, shown), h("p", null,
        !whole && h("button", { type: "button", class: "link", onclick: (/** @type {Event} */ e) => { shown.textContent = text; /** @type {Element} */ (e.target).remove(); } }, `Show all ${count(text.length)} characters`), " ",
        copier("Copy the line", () => row.line, "link")))));
  }
  return { every: 10_000, load, close: () => clearTimeout(typing), keyed: (/** @type {KeyboardEvent} */ e) => {
    if (e.key !== "/") return;
    e.preventDefault();
    search.focus();
  } };
}

