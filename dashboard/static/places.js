// Alerts and connectors: a sentence, and a table of what their pipe says. They are shown where the server has those pipes.

import { current } from "./address.js";
import { clean, h, replace } from "./dom.js";
import { count, none, plural } from "./numbers.js";
import { ask } from "./server.js";

/** @type {Record<string, { one: string, title: string }>} */
const places = { "/alerts": { one: "alert", title: "Alerts" }, "/connectors": { one: "connector", title: "Connectors" } };

/** @param {HTMLElement} main @param {import("./main.js").Frame} frame */
export function open(main, frame) {
  const { path } = current(), { one, title } = places[path];
  const headline = h("h1", { tabindex: "-1" }), place = h("div", { class: "wide" });
  main.append(h("header", { class: "head" }, h("div", null, headline)), place);
  frame.title(title);
  /** @type {unknown} */
  let drawn;
  return { every: 10_000, close: () => {}, load: async (/** @type {import("./address.js").Address} */ { values }, /** @type {AbortSignal} */ signal) => {
    const answer = await ask(path.slice(1), { state: values.state, model_id: values.model, rule: values.rule }, { signal });
    if (drawn === answer) return;
    drawn = answer;
    const n = answer.rows.length;
    headline.textContent = n === 0 ? `There are no ${one}s.` : `${count(n)} ${plural(n, one)}.`;
    replace(place, n > 0 && table(answer));
  } };
}

/** An answer as a table. @param {import("./server.js").Answer} answer */
export function table(answer) {
  const names = answer.meta.map((m) => m.name), numeric = answer.meta.map((m) => /Int|Float/.test(m.type));
  return h("table", { class: "list answer" },
    h("thead", null, h("tr", null, names.map((n, i) => h("th", { scope: "col", class: numeric[i] ? "num" : null }, clean(n))))),
    h("tbody", null, answer.rows.map((row) => h("tr", null, names.map((n, i) => h("td", { class: numeric[i] ? "num" : null }, row[n] === null || row[n] === undefined ? none : clean(cell(row[n]))))))));
}

/** @param {unknown} value */
const cell = (value) => { const text = typeof value === "object" ? JSON.stringify(value) : String(value); return text.length > 2048 ? text.slice(0, 2048) + "…" : text; };
