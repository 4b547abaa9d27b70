// What the fleet says of a version in a line. The state is the server's; here are only the words.

import { count, minus, number, percent, plural, scale, share, signed, z } from "./numbers.js";
import { version } from "./states.js";
import { clock, hour, hours, parse, span, within } from "./times.js";

/**
 * @typedef {import("./server.js").Row} Row
 * @typedef {{ recent: number, history: number, offset?: number, reference?: string, now: number }} Windows windows in hours
 */

/** @param {Windows} view what is compared with, as in "than in the 7 days before" */
export function before(view) {
  const reference = view.reference ?? "rolling";
  if (reference.startsWith("version:")) return reference === "version:previous" ? "the version before" : version(reference.slice("version:".length));
  if (reference.startsWith("pinned:")) return "the window you marked";
  if (reference.startsWith("seasonal:")) return reference === "seasonal:1" ? "the same hours a week before" : `the same hours of ${reference.slice("seasonal:".length)} weeks`;
  return `the ${hours(view.history)} before`;
}

/** @param {Row} row @returns {string} 67% to 89% */
export const interval = (row) => {
  const low = row.relative_change_low, high = row.relative_change_high;
  if (low === null || high === null || low === undefined || high === undefined) return "";
  const side = (/** @type {number} */ x) => x < 0 ? minus + percent(x) : percent(x);
  return ` (${side(low)} to ${side(high)})`;
};

/**
 * Since when, as ", since about 07:00" or ", since before Thu 26 Nov 14:00"; nothing if it is not known.
 * @param {Row} row
 * @param {Windows} view
 */
export function since(row, view) {
  const at = parse(row.changed_at);
  if (at === null) return "";
  const from = parse(row.recent_from) ?? view.now - view.recent * hour;
  const when = clock(at, view.now);
  return `, since ${at < from - 70 * hour ? "before " : /^\d/.test(when) ? "about " : ""}${when}`;
}

/** @param {Row} row how long after a version came the error rose: 22 h after v7.3.0 came */
export function after(row) {
  const at = parse(row.changed_at), came = parse(row.change_version_first_event);
  return at === null || came === null || !row.change_version ? "" : `${span(at - came)} after ${version(row.change_version)} came`;
}

/** @param {Row} row counts of a window that are no verdict: actuals that lack, from the text of the reason */
export const lacking = (row) => /^(recent|reference): (\d+) actuals?, fewer than (\d+)/.exec(row.reason ?? "");
export const covering = (/** @type {Row} */ row) => /coverage ([\d.]+), below ([\d.]+)/.exec(row.reason ?? "");

/**
 * The line of a row in the fleet, null for those that need none.
 * @param {Row} row
 * @param {Windows} view
 * @returns {string | null}
 */
export function line(row, view) {
  const percentOfGate = percent(row.drift_change);
  switch (row.state) {
    case "drift": {
      if (row.reference_mae === 0) return "Error up from zero.";
      const came = after(row);
      return `Error up ${percent(row.relative_change)}${interval(row)}${since(row, view)}${came && ", " + came}.`;
    }
    case "silent": {
      const last = parse(row.last_event);
      return `No prediction for ${last === null ? "a long time" : span(view.now - last)}${due(row).replace(" since", "")}.`;
    }
    case "actuals_stopped":
      return `No actual for the last ${count(row.recent_count)} ${plural(row.recent_count, "prediction")}; they used to come within ${within(row.actual_lag_p95)}. The error is not known.`;
    case "warning": {
      const up = `Error up ${percent(row.relative_change)}${interval(row)}`;
      if (row.z >= row.drift_z && row.relative_change < row.drift_change) return `${up}: not by chance, but less than the ${percentOfGate} that counts as drift.`;
      if (row.relative_change >= row.drift_change && row.z < row.drift_z) return `${up}: as much as drift, but chance could do it (z ${z(row.z)}).`;
      return `${up}: less than the ${percentOfGate} that counts as drift, and chance could do it (z ${z(row.z)}).`;
    }
    case "waiting":
      if (row.actual_count === 0) return `${count(row.prediction_count)} ${plural(row.prediction_count, "prediction")}, and never an actual.`;
      if (row.actual_lag_p50 === null || row.actual_lag_p50 === undefined) return `${count(row.recent_count)} ${plural(row.recent_count, "prediction waits", "predictions wait")} for ${plural(row.recent_count, "its actual", "their actuals")}.`;
      return `${count(row.recent_count)} ${plural(row.recent_count, "prediction waits", "predictions wait")}. Half of the actuals take more than ${span(row.actual_lag_p50 * 1000)}, so ${hours(view.recent)} is too short for this model.`;
    case "new": {
      const first = parse(row.first_event);
      const seen = `First seen ${first === null ? "just now" : `${span(view.now - first)} ago`}, nothing to compare it with.`;
      if (typeof row.recent_mae !== "number" || row.recent_actual_count < row.min_recent) return seen;
      const was = row.previous_recent_mae, at = scale([row.recent_mae, was]);
      return `${seen} MAE ${number(row.recent_mae, at)}${was === null || was === undefined ? "" : `; ${version(row.previous_version)} has ${number(was, at)} in the same ${hours(view.recent)}`}.`;
    }
    case "too_few": return few(row, view);
    case "ok": return fine(row);
    default: return null;
  }
}

/** @param {Row} row how many predictions were to be expected since the last one */
export const due = (row) => typeof row.predictions_due === "number" ? `; about ${count(Math.round(row.predictions_due))} were due since` : "";

/** @param {Row} row @param {Windows} view */
function few(row, view) {
  const short = lacking(row), covered = covering(row);
  if (short?.[1] === "recent") return `${count(Number(short[2]))} ${plural(Number(short[2]), "actual")} in ${hours(view.recent)}, ${short[3]} are needed.`;
  if (short) return `${count(Number(short[2]))} ${plural(Number(short[2]), "actual")} in ${before(view)}, ${short[3]} are needed.`;
  if (covered) return `${share(Number(covered[1]))} of the predictions have their actual, ${share(Number(covered[2]))} are asked for.`;
  if (/float64/.test(row.reason ?? "")) return "The errors are too large to be compared.";
  return row.recent_count === 0 ? `No prediction in the last ${hours(view.recent)}.` : "Too little to tell.";
}

/** @param {Row} row what is worth a line although the errors are as they were */
function fine(row) {
  if (row.bias_status === "drift") {
    const at = scale([row.recent_bias, row.reference_bias]);
    return `Predictions now run ${row.recent_bias > row.reference_bias ? "high" : "low"}: bias ${signed(row.recent_bias, at)}, before ${signed(row.reference_bias, at)}. The errors are no larger.`;
  }
  const week = weekly(row);
  if (week !== null && week <= -0.5 && row.week_ago_count >= 50) return `${percent(week)} fewer predictions than in the same hours last week.`;
  if (row.rmse_status === "drift") return `Few large errors: RMSE is up ${percent(row.rmse_relative_change)}, MAE is not.`;
  return null;
}

/** @param {Row} row how many predictions came, against the same hours a week ago; null where those were too few */
export const weekly = (row) => row.week_ago_count >= 20 ? row.recent_count / row.week_ago_count - 1 : null;

/** @typedef {{ environment: string, state: string, versions: number, models: number }} Total */

/** @param {Total[]} totals those of the chosen environment: the sentence with the answer */
export function headline(totals) {
  const models = (/** @type {string} */ state) => totals.find((t) => t.state === state)?.models ?? 0;
  const said = /** @type {[string, string, string][]} */ ([
    ["drift", "has drifted", "have drifted"], ["silent", "has fallen silent", "have fallen silent"],
    ["actuals_stopped", "gets no more actuals", "get no more actuals"], ["warning", "is on warning", "are on warning"],
  ]).filter(([state]) => models(state) > 0);
  if (said.length > 0) {
    const parts = said.map(([state, one, many], i) => `${count(models(state))}${i === 0 ? ` ${plural(models(state), "model")}` : ""} ${plural(models(state), one, many)}`);
    return (parts.length === 1 ? parts[0] : `${parts.slice(0, -1).join(", ")} and ${parts[parts.length - 1]}`) + ".";
  }
  const fine = models("ok");
  if (fine === 0) return "No model can be judged yet.";
  return fine === 1 ? "The one model that can be judged is within its usual error." : `All ${count(fine)} models that can be judged are within their usual error.`;
}

