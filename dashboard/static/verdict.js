// What the page of a model says of a version: a sentence with the answer, and what follows from it.

import { change, count, minus, number, percent, plural, scale, share, signed, z } from "./numbers.js";
import { after, before, covering, due, lacking, since, weekly } from "./sentences.js";
import { judged, version } from "./states.js";
import { clock, hour, hours, parse, span, within } from "./times.js";

/** @typedef {import("./server.js").Row} Row */
/** @typedef {import("./sentences.js").Windows} Windows */
/** @typedef {{ text: string, change: Record<string, any> }} Link a piece of text that changes the address */
/** @typedef {(string | Link)[]} Paragraph */

/** @param {string} text the beginning of a sentence; a version's own name stays as it is */
export const capital = (text) => /^(the|version) /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;

/** @param {Row} row @param {Windows} view what it is compared with */
const than = (row, view) => row.reference_version ? version(row.reference_version) : before(view);

/** @param {Row} row the newest version that it was compared with, or that served before it, other than itself */
const predecessor = (row) => row.previous_version && row.previous_version !== row.model_version ? String(row.previous_version) : "";

/** @param {number | null | undefined} seconds a lag, rounded up to hours, by which windows go back */
const hoursOf = (seconds) => Math.max(1, Math.ceil((seconds ?? 0) / 3600));

/** @param {number} x */
const side = (x) => x < 0 ? minus + percent(x) : percent(x);

/** @param {...string} sentences */
const joined = (...sentences) => sentences.filter(Boolean).join(" ");

/** @param {Row} row chance, and between what the change lies */
function beyond(row) {
  if (typeof row.z !== "number") return "";
  const far = Math.abs(row.z), low = row.relative_change_low, high = row.relative_change_high;
  const chance = `${far >= 5 ? "This is far beyond chance" : far >= row.drift_z ? "This is beyond chance" : "Chance could do this"} (z ${z(row.z)}).`;
  if (typeof low !== "number" || typeof high !== "number") return chance;
  if (low > 0) return `${chance} The true rise lies between ${percent(low)} and ${percent(high)} (95% interval).`;
  if (high < 0) return `${chance} The true fall lies between ${percent(high)} and ${percent(low)} (95% interval).`;
  return `${chance} The true change lies between ${side(low)} and ${side(high)} (95% interval).`;
}

/** @param {Row} row when it began, by versions */
function began(row) {
  if (!row.changed_at) return "";
  const came = after(row);
  return came ? `It began ${came}.` : "No new version came in the two days before it began.";
}

/** @param {Row} row */
const detectable = (row) => typeof row.min_detectable_change === "number" ? `A rise of ${percent(row.min_detectable_change)} or more would have been seen with this many actuals.` : "";

/** @param {Row} row @param {string} other */
function moved(row, other) {
  const change = row.relative_change;
  return change >= 10 ? `The error is ${percent(change).slice(1)} times as large as in ${other}` : `The error is ${percent(change)} higher than in ${other}`;
}

/**
 * @param {Row} row of the pipe `models`
 * @param {Windows} view
 * @returns {{ sentence: string, follows: Paragraph[] }}
 */
export function verdict(row, view) {
  const { sentence, follows } = saying(row, view), last = judged(row.state) ? detectable(row) : "";
  const first = [...follows];
  if (last) first.push(joined(String(first.pop() ?? ""), last));
  return { sentence, follows: [...(first.length ? [first] : []), ...advice(row, view)] };
}

/** @param {Row} row @param {Windows} view @returns {{ sentence: string, follows: Paragraph }} */
function saying(row, view) {
  const other = than(row, view), window = hours(view.recent), last = parse(row.last_event);
  switch (row.state) {
    case "drift":
      if (row.reference_mae === 0) return { sentence: `There are errors now, and ${other} had none.`, follows: [began(row)].filter(Boolean) };
      return { sentence: `${moved(row, other)}${since(row, view)}.`, follows: [joined(beyond(row), began(row))] };
    case "warning":
      return {
        sentence: `${moved(row, other)}${since(row, view)}. Keep an eye on it.`,
        follows: [joined(beyond(row), began(row), `Drift begins at ${percent(row.drift_change)} and z ${row.drift_z}.`)],
      };
    case "silent":
      return {
        sentence: last === null ? "No prediction comes any more." : `No prediction has come for ${span(view.now - last)}.`,
        follows: [`${last === null ? "" : `The last one was made ${clock(last, view.now)}${due(row)}. `}Nothing can be said about its error now.`],
      };
    case "actuals_stopped":
      return {
        sentence: "Actuals have stopped coming.",
        follows: [`None of the ${count(row.recent_count)} ${plural(row.recent_count, "prediction")} of the last ${window} has one; 95% used to come within ${within(row.actual_lag_p95)}. The model still predicts, but its error is not known.`],
      };
    case "waiting": return waiting(row, view);
    case "new": return fresh(row, view);
    case "too_few": return few(row, view);
    case "retired":
      return { sentence: `${capital(version(row.model_version))} is no longer used.`, follows: last === null ? [] : [`Its last prediction was made ${clock(last, view.now)}.`] };
    default: return fine(row, other);
  }
}

/** @param {Row} row @param {Windows} view @returns {{ sentence: string, follows: Paragraph }} */
function waiting(row, view) {
  if (!row.actual_count) {
    return {
      sentence: "This model has never had an actual.",
      follows: [`${count(row.prediction_count)} ${plural(row.prediction_count, "prediction is", "predictions are")} stored. Send their actuals to ml_model_actuals, and its error is known at once.`],
    };
  }
  const sentence = `The last ${hours(view.recent)} have no actuals yet.`;
  if (typeof row.actual_lag_p50 !== "number") return { sentence, follows: [`${count(row.recent_count)} ${plural(row.recent_count, "prediction waits", "predictions wait")}.`] };
  const back = hoursOf(row.actual_lag_p95);
  return {
    sentence,
    follows: [
      `Half of this model's actuals take more than ${span(row.actual_lag_p50 * 1000)}, 95% come within ${within(row.actual_lag_p95)}. `,
      { text: `Compare the ${hours(view.recent)} that ended ${back} h ago`, change: { offset: back } }, ".",
    ],
  };
}

/** @param {Row} row @param {Windows} view @returns {{ sentence: string, follows: Paragraph }} what has nothing to be compared with */
function fresh(row, view) {
  const own = version(row.model_version), reference = view.reference ?? "rolling", first = parse(row.first_event);
  if (/this version is the reference/.test(row.reason ?? "")) return { sentence: `${capital(own)} is what the others are compared with.`, follows: [] };
  if (reference.startsWith("pinned:")) {
    return {
      sentence: `The window you marked has no actuals of ${version(row.reference_version || row.model_version)}.`,
      follows: first === null || row.reference_version ? [] : [`${capital(own)} was first seen ${clock(first, view.now)}, and a version is compared with its own rows there.`,
        ...(predecessor(row) ? [" ", { text: `Compare it with ${version(predecessor(row))} there`, change: { reference: `${reference};version:${predecessor(row)}` } }, "."] : [])],
    };
  }
  if (reference.startsWith("version:")) return { sentence: `${capital(than(row, view))} has no actuals in these ${hours(view.history)}.`, follows: [] };
  if (reference.startsWith("seasonal:")) {
    return { sentence: `${capital(before(view))} have no actuals of ${own}.`, follows: predecessor(row) ? [{ text: `Compare it with ${version(predecessor(row))}`, change: { reference: `version:${predecessor(row)}` } }, "."] : [] };
  }
  const sentence = first !== null && view.now - first < (view.history + view.recent) * hour
    ? `${capital(own)} is ${span(view.now - first)} old, so there is nothing to compare it with.` : `There are no actuals in ${before(view)} to compare ${own} with.`;
  const mae = row.recent_mae, was = row.previous_recent_mae, at = scale([mae, was]);
  if (row.recent_actual_count < row.min_recent) return { sentence, follows: [`Only ${count(row.recent_actual_count)} of its ${count(row.recent_count)} ${plural(row.recent_count, "prediction")} of the last ${hours(view.recent)} ${plural(row.recent_actual_count, "has an actual", "have an actual")} yet.`] };
  if (typeof mae !== "number") return { sentence, follows: [`None of its ${count(row.recent_count)} ${plural(row.recent_count, "prediction")} of the last ${hours(view.recent)} has an actual yet.`] };
  return {
    sentence,
    follows: [`In the same ${hours(view.recent)}, its MAE is ${number(mae, at)}` + (typeof was === "number" ? ` and that of ${version(row.previous_version)} is ${number(was, at)}.` : ".")],
  };
}

/** @param {Row} row @param {Windows} view @returns {{ sentence: string, follows: Paragraph }} */
function few(row, view) {
  const short = lacking(row), covered = covering(row);
  if (short && short[1] === "recent") {
    const n = Number(short[2]);
    const sentence = `${count(n)} ${plural(n, "actual")} in ${hours(view.recent)} ${plural(n, "is", "are")} too few to tell; ${short[3]} are needed.`;
    const from = parse(row.reference_from), to = parse(row.reference_to), before = from === null || to === null ? view.history : (to - Math.max(from, parse(row.first_event) ?? 0)) / hour;
    const hourlyActuals = (n + (row.reference_actual_count ?? 0)) / (view.recent + Math.max(1, before));
    const longer = [24, 72].find((h) => h > view.recent && hourlyActuals * h >= Number(short[3]));
    if (!longer) return { sentence, follows: [] };
    return { sentence, follows: [{ text: `Compare the last ${hours(longer)} instead`, change: { recent: longer } }, ` (about ${count(Math.round(hourlyActuals * longer))} actuals).`] };
  }
  if (short) return { sentence: `There are too few actuals before to compare with: ${count(Number(short[2]))}, and ${short[3]} are needed.`, follows: [] };
  if (covered) return { sentence: `Only ${share(Number(covered[1]))} of the last predictions have their actual; ${share(Number(covered[2]))} are asked for.`, follows: [] };
  if (/float64/.test(row.reason ?? "")) return { sentence: "The errors are too large to be compared.", follows: [] };
  return { sentence: row.recent_count ? "There is too little to tell." : `There is no prediction in the last ${hours(view.recent)}.`, follows: [] };
}

/** @param {Row} row @param {string} other @returns {{ sentence: string, follows: Paragraph }} errors that are as they were, or smaller */
function fine(row, other) {
  if (row.recent_mae === 0 && row.reference_mae === 0) return { sentence: "There are no errors at all, now or before.", follows: [] };
  const low = row.relative_change_low, high = row.relative_change_high;
  const usual = [`MAE changed by ${change(row.relative_change)}` + (typeof low === "number" ? `; the true change lies between ${side(low)} and ${side(high)} (95% interval).` : ".")];
  if (row.bias_status === "drift") {
    const at = scale([row.recent_bias, row.reference_bias]);
    return {
      sentence: `The errors are as large as before, but predictions now run ${row.recent_bias > row.reference_bias ? "high" : "low"}.`,
      follows: [`Bias went from ${signed(row.reference_bias, at)} to ${signed(row.recent_bias, at)}${typeof row.bias_z === "number" ? ` (z ${z(row.bias_z)})` : ""}.`],
    };
  }
  const week = weekly(row);
  if (week !== null && week <= -0.5 && row.week_ago_count >= 50) return { sentence: `${percent(week)} fewer predictions than in the same hours last week.`, follows: usual };
  if (row.rmse_status === "drift") return { sentence: `Few large errors: RMSE is up ${percent(row.rmse_relative_change)}, MAE is not.`, follows: usual };
  if (row.z <= -3) return { sentence: `The error is ${percent(row.relative_change)} lower than in ${other}.`, follows: [beyond(row)] };
  if (row.z >= 2) return { sentence: `The error is ${percent(row.relative_change)} higher than in ${other}, too little to matter.`, follows: usual };
  return { sentence: `The error is as in ${other}.`, follows: usual };
}

/** @param {Row} row @param {Windows} view @returns {Paragraph[]} other comparisons that would say more, each a change of the address alone */
function advice(row, view) {
  /** @type {Paragraph[]} */
  const paragraphs = [];
  const first = parse(row.first_event), before = predecessor(row), own = version(row.model_version);
  const compared = judged(row.state) || row.state === "new";
  if (compared && before && first !== null && (view.reference ?? "rolling") === "rolling" && view.now - first < 0.75 * view.history * hour) {
    paragraphs.push([
      row.state === "new" ? "" : `${capital(own)} is ${span(view.now - first)} old and compared with its own earlier hours. `,
      { text: `Compare it with ${version(before)}`, change: { reference: `version:${before}` } }, ".",
    ]);
  }
  const back = hoursOf(row.actual_lag_p95);
  if (judged(row.state) && typeof row.actual_lag_p95 === "number" && row.actual_lag_p95 > view.recent * 3600 / 2 && (view.offset ?? 0) < back) {
    paragraphs.push([
      `95% of the actuals take up to ${within(row.actual_lag_p95)}, so the newest hours rest on the early ones. `,
      { text: `Compare the ${hours(view.recent)} that ended ${back} h ago`, change: { offset: back } }, ".",
    ]);
  }
  return paragraphs;
}

/**
 * How quantiles of the error moved, in a sentence.
 * @param {Row} row with recent_abs_error_p50 and so on
 */
export function shapeOfChange(row) {
  const moved = (/** @type {string} */ p) => {
    const now = row[`recent_abs_error_${p}`], was = row[`reference_abs_error_${p}`];
    return typeof now === "number" && typeof was === "number" && was > 0 ? now / was - 1 : null;
  };
  const usual = moved("p50"), large = moved("p99");
  if (!judged(row.state)) return "Too little is known to say how they changed.";
  if (usual === null || large === null) return "";
  if (usual > 0.2 && large > 0.2) return "All errors grew, the usual ones and the largest.";
  if (usual < 0.1 && large > 0.25) return "The largest errors grew; the usual ones did not.";
  if (usual > 0.2 && large > 0.08) return "All errors grew, the usual ones most.";
  if (usual > 0.2) return "The usual errors grew; the largest are as before.";
  if (usual < -0.15 && large < -0.15) return "All errors shrank.";
  return "Small and large errors are about as before.";
}

/** @param {Row} row how late actuals come, in a sentence */
export function lateness(row) {
  if (typeof row.actual_lag_p50 !== "number") return row.actual_count ? "They come with their predictions." : "None has come yet.";
  return `Half within ${within(row.actual_lag_p50)}, 95% within ${within(row.actual_lag_p95)}. With actual, by age:`;
}
