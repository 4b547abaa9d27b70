// The panels below the charts: how large the errors are, how late actuals come, and the versions.

import { href } from "./address.js";
import { h, name, svg } from "./dom.js";
import { change, count, number, scale, share } from "./numbers.js";
import { shape, version, word } from "./states.js";
import { clock, date, parse } from "./times.js";
import { lateness, shapeOfChange } from "./verdict.js";

/** @typedef {import("./server.js").Row} Row */

const width = 220;

/**
 * Where a value stands on a log axis through all of the values that are above zero.
 * @param {(number | null | undefined)[]} values
 * @param {number} from
 * @param {number} to
 */
export function logAxis(values, from, to) {
  const logs = values.filter((v) => typeof v === "number" && v > 0 && Number.isFinite(v)).map((v) => Math.log(/** @type {number} */ (v)));
  const low = Math.min(...logs), high = Math.max(...logs), room = (high - low) * 0.06 || 1;
  return (/** @type {number} */ v) => v > 0 ? from + (Math.log(v) - low + room) / (high - low + 2 * room) * (to - from) : from;
}

/** @param {Row} row quantiles of |error| before and now, on one log axis */
export function quantiles(row) {
  const of = (/** @type {string} */ p) => [row[`reference_abs_error_${p}`], row[`recent_abs_error_${p}`]];
  const all = ["p50", "p90", "p95", "p99"], values = all.flatMap(of), x = logAxis(values, 6, width - 6), at = scale(values);
  if (!values.some((v) => typeof v === "number")) return [h("p", { class: "quiet" }, "No error is known in either window.")];
  return [
    h("p", { class: "quiet" }, shapeOfChange(row)),
    h("table", { class: "quantiles" }, h("caption", { class: "away" }, "Quantiles of the absolute error"),
      h("thead", null, h("tr", null, h("td"), h("td", { class: "dumbbell" }), h("th", { scope: "col", class: "num" }, "before"), h("th", { scope: "col", class: "num" }, "now"), h("th", { scope: "col", class: "num" }, "change"))),
      h("tbody", null, all.map((p) => {
        const [was, now] = of(p), known = typeof was === "number" && typeof now === "number";
        return h("tr", null, h("th", { scope: "row" }, p),
          h("td", { class: "dumbbell" }, svg("svg", { viewBox: `0 0 ${width} 16`, preserveAspectRatio: "none", "aria-hidden": "true" }, svg("path", { class: "rule", d: `M0 8H${width}` }), known && svg("path", { class: "from-to", d: `M${x(was)} 8H${x(now)}` })),
            typeof was === "number" && dot(x(was), "was"), typeof now === "number" && dot(x(now), "now")),
          h("td", { class: "num" }, number(was, at)), h("td", { class: "num strong" }, number(now, at)), h("td", { class: "num" }, known && was > 0 ? change(now / was - 1) : ""));
      }))),
  ];
}

/** A round mark on a drawing that is stretched. @param {number} x @param {string} style */
function dot(x, style) {
  const element = h("i", { class: `mark ${style}` });
  element.style.left = `${x / width * 100}%`;
  return element;
}

/**
 * Shares of the rows by size of the error: recent filled, the reference as an outline. Steps are as wide as their bounds are apart on a log axis.
 * @param {Row[]} rows lower, upper, recent_count, reference_count
 */
export function distribution(rows) {
  const sums = ["recent_count", "reference_count"].map((key) => rows.reduce((sum, row) => sum + row[key], 0));
  const steps = rows.filter((row) => row.upper !== null && row.recent_count + row.reference_count > 0);
  if (steps.length < 2 || sums[0] === 0) return null;
  const height = 96, zeros = steps.some((row) => !(row.upper > 0)), bounds = steps.flatMap((row) => [row.lower, row.upper]), x = logAxis(bounds, zeros ? 14 : 0, width);
  const shares = steps.map((row) => [row.recent_count / sums[0], sums[1] ? row.reference_count / sums[1] : 0]);
  // Steps are of different widths once some are merged, so that it is the area which counts.
  const wide = steps.map((row) => row.upper > 0 && row.lower > 0 ? x(row.upper) - x(row.lower) : 10), dense = shares.map(([a, b], i) => [a / wide[i], b / wide[i]]), most = Math.max(...dense.flat());
  const path = (/** @type {0 | 1} */ k) => {
    let end = -1, d = "";
    steps.forEach((row, i) => {
      const from = row.upper > 0 && row.lower > 0 ? x(row.lower) : 0, y = (height - dense[i][k] / most * (height - 4)).toFixed(1);
      // Nothing is between: the line goes down, and comes again.
      if (Math.abs(from - end) > 0.01) d += `${d && `V${height}`}M${from.toFixed(1)} ${height}`;
      d += `V${y}H${(end = from + wide[i]).toFixed(1)}`;
    });
    return `${d}V${height}`;
  };
  return h("figure", { class: "distribution" },
    svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": "Share of rows by size of the error, now and before" }, svg("path", { class: "now", d: path(0) }), sums[1] > 0 && svg("path", { class: "was", d: path(1) })),
    h("figcaption", { class: "note" }, h("span", null, zeros ? "0" : number(steps[0].lower)), h("span", null, "filled: now, line: before"), h("span", null, number(steps[steps.length - 1].upper))));
}

/**
 * @param {Row} row
 * @param {{ from: number, to: number, share: number, predictions: number }[]} ages
 */
export const late = (row, ages) => [
  h("p", { class: "quiet" }, lateness(row)),
  h("table", { class: "ages" }, h("caption", { class: "away" }, "Share of predictions with an actual, by age"),
    h("tbody", null,
      h("tr", { class: "shares" }, ages.map((a) => h("td", null, share(a.share)))),
      h("tr", { class: "columns", "aria-hidden": "true" }, ages.map((a) => h("td", null, column(a.share)))),
      h("tr", null, ages.map((a) => h("th", { scope: "col" }, `${a.from}–${a.to}\u00a0h`))))),
];

/** @param {number} share */
function column(share) {
  const full = h("i"), all = h("i", { class: "column" }, full);
  full.style.height = `${share * 100}%`;
  return all;
}

/**
 * @param {Row[]} rows versions of a model and environment, the newest first
 * @param {{ chosen: Row, values: import("./address.js").Values, now: number, ranks: Map<string, number>, toggle: (version: string) => void }} of ranks are those of the versions that the chart has, or could
 */
export function versions(rows, of) {
  const all = rows.reduce((sum, row) => sum + (row.recent_count ?? 0), 0), at = scale(rows.map((row) => row.recent_mae));
  const hidden = of.values.hide ?? [];
  return h("table", { class: "versions" }, h("caption", { class: "away" }, "Versions, the newest first"),
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "Version"), ...["since", "share", "MAE"].map((text) => h("th", { scope: "col", class: "num" }, text)), h("th", { scope: "col", class: "num" }, "verdict"))),
    h("tbody", null, rows.map((row) => {
      const first = parse(row.first_event), rank = of.ranks.get(row.model_version), off = hidden.includes(row.model_version);
      return h("tr", { "aria-current": row === of.chosen ? "true" : null },
        h("th", { scope: "row" },
          rank === undefined ? h("span", { class: "swatch" }) : h("button", { type: "button", class: `swatch v${rank + 1}`, "aria-pressed": String(!off), "aria-label": `Draw ${version(row.model_version)}`, title: off ? "Draw it" : "Do not draw it", onclick: () => of.toggle(row.model_version) },
            svg("svg", { viewBox: "0 0 20 10", width: 20, height: 10, "aria-hidden": "true" }, svg("path", { d: "M0 5H20", "stroke-dasharray": off ? "0 20" : row === of.chosen ? null : [null, "7 4", "2 3", "9 3 2 3", "4 4"][rank] }))),
          h("a", { href: href("/model", { ...of.values, version: row.model_version }), title: row.model_version.length > 24 ? row.model_version : null }, name(row.model_version))),
        h("td", { class: "num", title: first === null ? null : clock(first, of.now) }, first === null ? "–" : date(first)),
        h("td", { class: "num" }, row.recent_count ? share(row.recent_count / all) : "–"),
        h("td", { class: "num" }, number(row.recent_mae, at)),
        h("td", { class: "num said" }, shape(row.state), h("span", { class: "word" }, word(row.state))));
    })));
}

/** @param {number} n how many versions are not in the chart */
export const undrawn = (n) => n > 0 ? h("p", { class: "note" }, `${count(n)} more ${n === 1 ? "is" : "are"} not in the chart: it has the five with the most actuals.`) : null;
