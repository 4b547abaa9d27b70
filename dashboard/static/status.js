// How the store is: what it uses of what it may, each line with what that means.

import { clean, h, replace } from "./dom.js";
import { bytes, count, none, number } from "./numbers.js";
import { ask, json, ServerError } from "./server.js";

/** @typedef {import("./server.js").Row} Row */
/** @typedef {{ name: string, now: string, limit: string, share: number | null, said: string }} Line */

/** @param {HTMLElement} main @param {import("./main.js").Frame} frame */
export function open(main, frame) {
  const title = h("h1", { tabindex: "-1" }), note = h("p", { class: "windows" }), body = h("tbody");
  main.append(h("header", { class: "head" }, h("div", null, title, note)),
    h("table", { class: "list status" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, "Of the store"), h("th", { scope: "col", class: "num" }, "Now"), h("th", { scope: "col", class: "num" }, "Limit"), h("th", { scope: "col" }, h("span", { class: "away" }, "Share")), h("th", { scope: "col" }))), body));
  /** @param {unknown} _ @param {AbortSignal} signal */
  async function load(_, signal) {
    const [answer, unwell] = await Promise.all([ask("status", {}, { signal }), reason(signal)]);
    const row = answer.rows[0] ?? {};
    title.textContent = unwell ? `Events are not taken: ${unwell}.` : `The store is healthy: events are taken${row.disk_days_left ? `, the disk has room for ${row.disk_days_left >= 1000 ? "years" : `${count(Math.floor(row.disk_days_left))} days`}` : ""}.`;
    note.textContent = [row.version && `Version ${clean(row.version)}`].filter(Boolean).join(" · ");
    replace(body, lines(row).map((line) => h("tr", null, h("th", { scope: "row" }, line.name), h("td", { class: "num" }, line.now), h("td", { class: "num" }, line.limit), h("td", { class: "share" }, line.share === null ? null : bar(line.share)), h("td", { class: "said" }, line.said))));
  }
  void frame;
  return { every: 10_000, load, close: () => {} };
}

/** @param {AbortSignal} signal why events are not taken, empty if they are */
async function reason(signal) {
  try {
    await json("/health", { signal });
    return "";
  } catch (error) {
    if (error instanceof ServerError && error.status === 503) return error.reason;
    throw error;
  }
}

/** @param {number} share */
function bar(share) {
  const filled = h("span", { class: share > 0.8 ? "filled much" : "filled" });
  filled.style.width = `${Math.min(100, Math.max(share > 0 ? 1 : 0, share * 100))}%`;
  return h("span", { class: "bar", "aria-hidden": "true" }, filled);
}

/** @param {Row} row @returns {Line[]} the lines that this server has something to say about */
export function lines(row) {
  void number;
  return Object.entries(row).map(([key, value]) => ({ name: key.replaceAll("_", " "), now: value === null ? none : /bytes/.test(key) ? bytes(value) : typeof value === "number" ? count(value) : clean(value), limit: "", share: null, said: "" }));
}
