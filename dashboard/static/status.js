// How the store is: what it uses of what it may, each line with what that means.

import { clean, h, replace } from "./dom.js";
import { bytes, count, number, plural } from "./numbers.js";
import { ask, json } from "./server.js";
import { span } from "./times.js";

/** @typedef {import("./server.js").Row} Row */
/** @typedef {{ name: string, now: string, limit: string, share: number | null, said: string }} Line */

/** @param {HTMLElement} main @param {import("./main.js").Frame} frame */
export function open(main, frame) {
  const title = h("h1", { tabindex: "-1" }), note = h("p", { class: "windows" }), body = h("tbody");
  main.append(h("header", { class: "head" }, h("div", null, title, note)),
    h("table", { class: "list status" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, "Of the store"), h("th", { scope: "col", class: "num" }, "Now"), h("th", { scope: "col", class: "num" }, "Limit"), h("th", { scope: "col" }, h("span", { class: "away" }, "Share")), h("th", { scope: "col" }, h("span", { class: "away" }, "What it is")))), body));
  /** @param {unknown} _ @param {AbortSignal} signal */
  async function load(_, signal) {
    const row = (await ask("status", {}, { signal })).rows[0] ?? {};
    const taken = row.status === "ok" || await json("/health").then(() => true, () => false);
    if (signal.aborted) return;
    title.textContent = sentence(row, taken);
    note.textContent = `Version ${clean(row.version || "–")}, up for ${span(row.uptime_seconds * 1000)}`;
    replace(body, lines(row).map((line) => h("tr", null, h("th", { scope: "row" }, line.name), h("td", { class: "num" }, line.now), h("td", { class: "num" }, line.limit),
      h("td", { class: "share" }, line.share === null ? null : bar(line.share)), h("td", { class: "said" }, line.said))));
    frame.title(row.status === "ok" ? "Status" : "(!) Status");
  }
  return { every: 10_000, load, close: () => {} };
}

/** @param {Row} row @param {boolean} [taken] whether events are taken though all is not well */
export function sentence(row, taken = false) {
  if (row.status !== "ok" && taken) return `Events are taken, but not all is well: ${clean(row.reason ?? "nobody knows what").replace(/\. Events are taken and queries answered$/, "")}.`;
  if (row.status !== "ok") return `Events are not taken: ${clean(row.reason ?? "nobody knows why")}.`;
  const days = row.disk_days_left;
  const room = typeof days !== "number" ? "" : days > 3650 ? ", the disk has room for years" : `, the disk has room for ${days < 1 ? "less than a day" : `${count(Math.floor(days))} ${plural(Math.floor(days), "day")}`}`;
  return `The store is healthy: events are taken${room}.`;
}

/** @param {number} share */
function bar(share) {
  const filled = h("span", { class: share > 0.8 ? "filled much" : "filled" });
  filled.style.width = `${Math.min(100, Math.max(share > 0 ? 1 : 0, share * 100))}%`;
  return h("span", { class: "bar", "aria-hidden": "true" }, filled);
}

const refusals = /** @type {[string, string][]} */ ([
  ["refused_memory", "for memory"], ["refused_body_bytes", "for bytes in flight"], ["refused_ingests", "for too many at once"], ["refused_queries", "queries for too many at once"],
  ["refused_answers", "for long answers"], ["refused_quota", "over a quota"], ["refused_connections", "connections"], ["answers_cut", "answers cut off"],
]);

/** @param {Row} row @returns {Line[]} what a token without a bound may know of the server */
export function lines(row) {
  /** @type {Line[]} */
  const all = [];
  const add = (/** @type {string} */ name, /** @type {unknown} */ value, /** @type {(x: number) => string} */ written, /** @type {unknown} */ limit, said = "") => {
    if (typeof value !== "number") return;
    const most = typeof limit === "number" && limit > 0 ? limit : null;
    all.push({ name, now: written(value), limit: most === null ? "" : written(most), share: most === null ? null : value / most, said });
  };
  const free = row.disk_free_bytes;
  add("Rows in, last minute", row.rows_last_minute, count, null, `predictions and actuals; ${count(row.rows_last_hour)} in the last hour, ${count(row.rows_last_day)} in the last day`);
  add("Rejected lines, kept", row.rejected_kept, count, row.rejected_kept_limit, `${count(row.rejected_last_hour)} in the last hour`);
  add("Memory", row.memory_bytes, bytes, row.memory_limit_bytes, "what the last collection found alive; past four fifths no events are taken");
  add("Disk", row.disk_bytes, bytes, typeof free === "number" ? row.disk_bytes + free : null, typeof free === "number" ? `${bytes(free)} are free` : "");
  add("Log", row.log_bytes, bytes, null, "what a restart reads again; a checkpoint makes it short");
  add("Sync of the log, p99", row.log_sync_p99_seconds, (s) => `${number(s * 1000)}\u00a0ms`, null, "how long an event waits for the disk");
  add("Predictions", row.rows, count, null);
  add("Waiting", row.waiting_rows, count, null, "predictions whose actual has not come");
  add("Orphans", row.orphans, count, null, "actuals that no prediction has had yet");
  add("Actuals remembered", row.remembered_actuals_bytes, bytes, row.remembered_actuals_bytes_limit, "for predictions still to come");
  add("Rows not sealed", row.unsealed_bytes, bytes, row.unsealed_bytes_limit, "beyond it events wait for a checkpoint");
  add("Models", row.models, count, row.models_limit);
  add("Series", row.series, count, null, "a version of a model in an environment");
  add("Series of one model, the most", row.model_series_most, count, row.model_series_limit);
  add("Months of all models", row.months, count, row.months_limit);
  add("Idempotency keys", row.idempotency_keys, count, row.idempotency_keys_limit);
  add("Connections", row.connections, count, row.connections_limit);
  add("Answers being sent", row.answer_bytes, bytes, row.answer_bytes_limit);
  add("Requests being read", row.body_bytes, bytes, row.body_bytes_limit);
  const refused = refusals.filter(([key]) => row[key] > 0), sum = refused.reduce((n, [key]) => n + row[key], 0);
  add("Refused since the start", typeof row.refused_memory === "number" ? sum : null, count, null, refused.map(([key, text]) => `${count(row[key])} ${text}`).join(", "));
  return all;
}
