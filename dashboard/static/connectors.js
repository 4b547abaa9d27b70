// What fetches events, those first that need somebody: how each does, and in its details where it reads, why it does not go on, and what became of what it read.

import { carried, href } from "./address.js";
import { clean, h, name, replace } from "./dom.js";
import { count, plural } from "./numbers.js";
import { ask } from "./server.js";
import { shape } from "./states.js";
import { age, clock, parse } from "./times.js";

/** @typedef {import("./server.js").Row} Row */

/** The states in the order of attention, each with the state of a model that asks for as much. @type {Record<string, string>} */
const states = { failing: "drift", paused: "warning", stopped: "retired", starting: "waiting", running: "ok" };
const rank = (/** @type {Row} */ row) => Object.keys(states).indexOf(row.state);

/** @param {HTMLElement} main @param {import("./main.js").Frame} frame */
export function open(main, frame) {
  const title = h("h1", { tabindex: "-1" }), body = h("tbody");
  const table = h("table", { class: "list quarantine" }, h("thead", null, h("tr", null, [["source", "Source"], ["fault", "State"], ["line", "How it does"], ["num", "Rows"], ["num", "Rejects"]].map(([key, text]) => h("th", { scope: "col", class: key }, text)))), body);
  main.append(h("header", { class: "head" }, h("div", null, title)), table);
  /** @param {unknown} _ @param {AbortSignal} signal */
  async function load(_, signal) {
    const rows = (await ask("connectors", {}, { signal })).rows.toSorted((/** @type {Row} */ a, /** @type {Row} */ b) => rank(a) - rank(b));
    title.textContent = sentence(rows);
    table.hidden = rows.length === 0;
    if (!body.contains(document.activeElement)) replace(body, rows.map(line));
  }
  /** @param {Row} row */
  function line(row) {
    const now = frame.now();
    return h("tr", null, h("td", { class: "source" }, name(row.name)), h("td", { class: "fault" }, shape(states[row.state]), " ", clean(row.state)), h("td", { class: "line" }, h("details", null, h("summary", null, clean(said(row, now))),
      h("dl", { class: "keys" }, told(row, now).map(([key, value]) => h("div", null, h("dt", null, key), h("dd", null, clean(value))))))),
      h("td", { class: "num" }, count(row.rows)), h("td", { class: "num" }, row.rejects > 0 ? h("a", { href: href("/quarantine", { ...carried(), source: row.name }) }, count(row.rejects)) : "0"));
  }
  return { every: 10_000, load, close: () => {} };
}

/** @param {Row[]} rows in the order of attention */
export function sentence(rows) {
  const n = rows.length, worst = rows.filter((row) => row.state === rows[0].state);
  return n === 0 ? "There are no connectors." : `${count(worst.length)} of ${count(n)} ${plural(n, "connector")} ${clean(rows[0].state)}: ${worst.slice(0, 5).map((row) => clean(row.name)).join(", ")}.`;
}

/** How a connector does, in a line. @param {Row} row @param {number} now */
export function said(row, now) {
  const late = row.lag_messages, stored = parse(row.last_stored);
  return row.error || [late > 0 ? `${count(late)} ${plural(late, row.kind === "kafka" ? "message" : "file")} behind` : late === 0 && "up to date", stored !== null && `stored ${age(now - stored)} ago`].filter(Boolean).join(", ") || row.place;
}

/** What is known of a connector, by the names of the columns. @param {Row} row @param {number} now @returns {[string, string][]} */
export const told = (row, now) => Object.entries(row).filter(([key, value]) => value && key !== "name" && key !== "state")
  .map(([key, value]) => [key.replaceAll("_", " "), typeof value === "number" ? count(value) : /^\d{4}-\d\d-\d\d /.test(value) ? clock(Number(parse(value)), now) : value]);
