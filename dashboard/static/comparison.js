// The table of measures: the recent window, what it is compared with, the change and its verdict.

import { h, name } from "./dom.js";
import { axis, interval } from "./interval.js";
import { change, count, number, scale, share, signed, z } from "./numbers.js";
import { before, weekly } from "./sentences.js";
import { judged, shape, version, word } from "./states.js";
import { brief, clock, hour, hours, parse } from "./times.js";
import { capital } from "./verdict.js";

/** @typedef {import("./server.js").Row} Row */
/** @typedef {import("./sentences.js").Windows} Windows */
/** @typedef {{ from: number, to: number }} Span */

/**
 * The windows that were compared, in ms. Of a reference that is not one window there is none.
 * @param {Row} row
 * @param {Windows} view
 * @returns {{ recent: Span, reference: Span | null }}
 */
export function windows(row, view) {
  const to = view.now - (view.offset ?? 0) * hour, recent = { from: parse(row.recent_from) ?? to - view.recent * hour, to };
  const from = parse(row.reference_from), until = parse(row.reference_to);
  return { recent, reference: from === null || until === null || view.reference?.startsWith("seasonal:") ? null : { from, to: until } };
}

/**
 * How many there were in an hour, of the part of a window in which the version was there.
 * @param {number | null} n
 * @param {Span | null} window
 * @param {Row | undefined} of the version
 * @param {boolean} whole its end counts too: a version that has ended is no slower for it
 */
export function hourly(n, window, of, whole) {
  if (typeof n !== "number" || !window) return null;
  const first = parse(of?.first_event) ?? window.from, last = whole ? window.to : parse(of?.last_event) ?? window.to;
  const from = Math.max(window.from, first), to = Math.min(window.to, Math.max(last, from));
  return n / Math.max(1, (to - from) / hour);
}

/** @param {number | null | undefined} rate numbers per hour are whole from ten on */
const perHour = (rate) => typeof rate !== "number" ? "–" : rate >= 10 || rate === 0 ? count(Math.round(rate)) : number(Number(rate.toPrecision(2)), { unit: "", by: 1, decimals: rate >= 1 ? 1 : 2 });

/**
 * @param {Row} row
 * @param {Windows} view
 * @param {Row[]} siblings versions of the same model and environment
 */
export function comparison(row, view, siblings) {
  const { recent, reference } = windows(row, view);
  const other = row.reference_version ? siblings.find((s) => s.model_version === row.reference_version) : row;
  const rates = [hourly(row.recent_count, recent, row, true), hourly(row.reference_count, reference, other, !row.reference_version)];
  const errors = [row.recent_mae, row.reference_mae, row.recent_rmse, row.reference_rmse], at = scale(errors);
  const spread = (/** @type {string} */ of) => typeof row[of] === "number" && typeof row[`${of}_standard_error`] === "number" ? h("span", { class: "spread" }, " ±", number(1.96 * row[`${of}_standard_error`], at)) : null;
  const ratio = (/** @type {number | null} */ x, /** @type {number | null} */ by) => typeof x === "number" && typeof by === "number" && by > 0 ? x / by : null;
  const said = (/** @type {string} */ status) => ({ drift: "drift", warning: "warning", ok: "ok", no_reference: "new" })[status] ?? "too_few";
  const verdict = (/** @type {string} */ state) => h("td", { class: "said" }, shape(state), h("span", { class: "word" }, word(state)));
  // Where there is no change there is no axis to show it on.
  const compared = [row.relative_change, row.rmse_relative_change, row.bias_relative_change].some((x) => typeof x === "number");
  const bars = (/** @type {Row} */ of) => h("td", { class: "bars" }, compared && interval({ drift_change: row.drift_change, ...of }));

  const measured = [
    h("tr", null, h("th", { scope: "row" }, "MAE"),
      h("td", { class: "num strong" }, number(row.recent_mae, at), spread("recent_mae")), h("td", { class: "num" }, number(row.reference_mae, at), spread("reference_mae")),
      h("td", { class: judged(row.state) ? "num strong" : "num quiet" }, change(row.relative_change)), bars(row), h("td", { class: "num" }, z(row.z)), verdict(row.state)),
    h("tr", null, h("th", { scope: "row" }, "RMSE"),
      h("td", { class: "num" }, number(row.recent_rmse, at), spread("recent_rmse")), h("td", { class: "num" }, number(row.reference_rmse, at), spread("reference_rmse")),
      h("td", { class: "num" }, change(row.rmse_relative_change)),
      bars({ state: said(row.rmse_status), relative_change: row.rmse_relative_change, relative_change_low: ratio(row.rmse_ci95_low, row.reference_rmse), relative_change_high: ratio(row.rmse_ci95_high, row.reference_rmse) }),
      h("td", { class: "num" }, z(row.rmse_z)), row.recent_actual_count ? verdict(said(row.rmse_status)) : h("td")),
    h("tr", null, h("th", { scope: "row" }, "Bias"),
      h("td", { class: "num" }, signed(row.recent_bias, at), spread("recent_bias")), h("td", { class: "num" }, signed(row.reference_bias, at), spread("reference_bias")),
      h("td", { class: "num" }, change(row.bias_relative_change), typeof row.bias_relative_change === "number" ? h("span", { class: "spread" }, " of MAE") : null),
      bars({ state: said(row.bias_status), relative_change: row.bias_relative_change, relative_change_low: ratio(row.bias_ci95_low, row.reference_mae), relative_change_high: ratio(row.bias_ci95_high, row.reference_mae) }),
      h("td", { class: "num" }, z(row.bias_z)), row.recent_actual_count ? verdict(said(row.bias_status)) : h("td")),
  ];
  const counted = [
    h("tr", null, h("th", { scope: "row" }, "Actuals"), ...[["recent", 0], ["reference", 1]].map(([of]) =>
      h("td", { class: "num" }, count(row[`${of}_actual_count`]), h("span", { class: "spread" }, " ", share(row[`${of}_coverage`])))), h("td", { colspan: 4 })),
    h("tr", null, h("th", { scope: "row" }, "Predictions"), rates.map((rate, i) =>
      h("td", { class: "num" }, rate === null ? count(i ? row.reference_count : row.recent_count) : [perHour(rate), h("span", { class: "unit" }, " /h")])),
      h("td", { class: "num" }, weekly(row) === null ? "" : [change(weekly(row)), h("span", { class: "spread" }, " on last week")]), h("td", { colspan: 3 })),
  ];
  const head = row.reference_version ? version(row.reference_version) : before(view).replace(/^the (?=\d)/, "");
  return [
    h("table", { class: "measures" },
      h("caption", { class: "away" }, "Measures of the recent window, and of what it is compared with"),
      h("thead", null, h("tr", null, h("td"), h("th", { scope: "col", class: "num" }, view.offset ? `${brief(view.recent)} to ${brief(view.offset)} ago` : `Last ${hours(view.recent)}`),
        h("th", { scope: "col", class: "num" }, name(capital(head))), h("th", { scope: "col", class: "num" }, "Change"), h("th", { scope: "col", class: "bars" }, h("span", { class: "away" }, "Interval"), compared && axis()),
        h("th", { scope: "col", class: "num" }, "z"), h("th", { scope: "col", class: "said" }, h("span", { class: "away" }, "Verdict")))),
      h("tbody", null, measured, counted)),
    h("p", { class: "note" }, reference && `Before: ${clock(Math.max(reference.from, parse(other?.first_event) ?? 0), view.now)} – ${clock(reference.to, view.now)}. `, judged(row.state) ? `± and the bar: 95% interval. Drift begins at ${change(row.drift_change)} and z ${row.drift_z}.` : row.recent_actual_count ? "±: 95% interval." : "The recent window has no actuals."),
  ];
}
