// The rows themselves: the worst predictions of the recent window, and a random sample of it.

import { clean, h, name, replace, segments } from "./dom.js";
import { lines, read, shown, telling, valueAt } from "./features.js";
import { number, scale, signed } from "./numbers.js";
import { clock, parse } from "./times.js";

/** @typedef {import("./server.js").Row} Row */

export const tabs = /** @type {[string, string][]} */ ([["worst", "Worst predictions"], ["sample", "A sample of rows"]]);
const long = 2048, most = 4;

/**
 * @param {{ worst: Row[], sample: Row[], tab: string, now: number, window: string, turn: (tab: string) => void }} of
 */
export function rowsPanel(of) {
  const rows = of.tab === "sample" ? of.sample : of.worst, parsed = rows.map((row) => read(row.features ?? ""));
  const keys = telling(of.worst.map((row) => read(row.features ?? "")), of.sample.map((row) => read(row.features ?? "")), most);
  const head = h("div", { class: "panel-head" }, segments("Rows", tabs, of.tab, of.turn),
    h("span", { class: "note" }, keys.length ? "The features shown are those by which the worst predictions differ most from the sample." : ""));
  if (rows.length === 0) return [head, h("p", { class: "quiet" }, of.tab === "sample" ? `There is no prediction in ${of.window}.` : `No prediction of ${of.window} has its actual.`)];
  const at = scale(rows.flatMap((row) => [row.predicted_value, row.actual_value])), errors = scale(rows.map((row) => row.residual));
  const columns = 5 + keys.length + 1;
  return [head, h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Table of rows" }, h("table", { class: "list rows" },
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "Time"), h("th", { scope: "col" }, "Prediction"), ...["Predicted", "Actual", "Error"].map((text) => h("th", { scope: "col", class: "num" }, text)),
      keys.map((key) => h("th", { scope: "col", class: "feature", title: clean(key) }, name(key))), h("th", { scope: "col" }, h("span", { class: "away" }, "Features")))),
    h("tbody", null, rows.flatMap((row, i) => one(row, parsed[i], { keys, at, errors, columns, now: of.now })))))];
}

/**
 * @param {Row} row
 * @param {import("./features.js").Features | null} features
 * @param {{ keys: string[], at: import("./numbers.js").Scale, errors: import("./numbers.js").Scale, columns: number, now: number }} how
 */
function one(row, features, how) {
  const time = parse(row.timestamp);
  const button = h("button", { type: "button", class: "link", "aria-expanded": "false", onclick: () => {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    below.hidden = !open;
    if (open && !below.hasChildNodes()) below.append(h("td", { colspan: how.columns }, all(row.features ?? "", features)));
  } }, "all features");
  const below = h("tr", { class: "below", hidden: true });
  return [
    h("tr", null, h("td", null, time === null ? "–" : clock(time, how.now)), h("td", { class: "cut", title: clean(row.prediction_id) }, name(row.prediction_id)),
      h("td", { class: "num" }, number(row.predicted_value, how.at)), h("td", { class: "num" }, number(row.actual_value, how.at)), h("td", { class: "num strong" }, signed(row.residual, how.errors)),
      how.keys.map((key) => { const value = valueAt(features, key); return h("td", { class: "cut feature", title: value === undefined ? null : clean(shown(value)).slice(0, 400) }, value === undefined ? "–" : name(shown(value).slice(0, 200))); }),
      h("td", null, row.features ? button : null)),
    below,
  ];
}

/** @param {string} text @param {import("./features.js").Features | null} features names and values; what is no object as it was sent */
function all(text, features) {
  if (features === null) return value(text);
  return h("table", { class: "features" }, h("tbody", null, lines(features).map((line) => {
    const key = h("th", { scope: "row" }, name(line.key));
    key.style.paddingInlineStart = `${line.depth * 16}px`;
    return h("tr", null, key, h("td", null, line.value === null ? "" : value(line.value)));
  })));
}

/** @param {string} text a long one is cut, until it is asked for */
function value(text) {
  const element = h("bdi", { class: "value" }, clean(text.slice(0, long)));
  if (text.length <= long) return element;
  const more = h("button", { type: "button", class: "link", onclick: () => replace(element, clean(text)) }, "show all");
  element.append("… ", more);
  return element;
}
