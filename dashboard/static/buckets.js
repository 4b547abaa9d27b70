// The window of a chart, the buckets into which it is cut, and the points that these become.

import { day, hour, minute, parse, rfc } from "./times.js";

/** @typedef {import("./server.js").Row} Row */
/** @typedef {import("./address.js").Values} Values */

/** Lengths of buckets; a day and a week may be an hour more or less where a clock changes. */
export const lengths = /** @type {Record<string, number>} */ ({ "1m": minute, "5m": 5 * minute, "15m": 15 * minute, "1h": hour, "6h": 6 * hour, "1d": day, "1w": 7 * day });
export const words = /** @type {Record<string, string>} */ ({ "1m": "minute", "5m": "5 minutes", "15m": "15 minutes", "1h": "hour", "6h": "6 hours", "1d": "day", "1w": "week" });

const fewest = 6, most = 260;
/** More than the server sends of five versions and more than can be told apart. */
const mostChosen = 2200;
/** A point under `few` actuals is hollow, one under `tooFew` is not drawn. */
const few = 30, tooFew = 10;

/** @param {string} range 7d @returns {number} hours */
export const rangeHours = (range) => range.endsWith("d") ? 24 * Number.parseInt(range, 10) : Number.parseInt(range, 10);

/**
 * The window of the chart, in ms.
 * @param {Values} values
 * @param {number} now
 */
export function window(values, now) {
  const from = Date.parse(values.from), to = Date.parse(values.to);
  return from < to ? { from, to: Math.min(to, Math.max(now, from + minute)), fixed: true } : { from: now - rangeHours(values.range) * hour, to: now, fixed: false };
}

/**
 * The parameters of that window. One that ends now is asked by its length, so that the address stays the same and an answer without news is a 304.
 * @param {Values} values
 * @param {number} now
 */
export function parameters(values, now) {
  const w = window(values, now);
  return w.fixed ? { from: rfc(w.from), to: rfc(w.to), as_of: values.as_of } : { time_window: rangeHours(values.range), as_of: values.as_of };
}

/**
 * The bucket: the smallest of those that cut the window into 6 to 260 and in which 40 actuals are expected, else the largest with 14 buckets.
 * @param {number} length of the window
 * @param {number} hourly actuals of all versions in an hour
 */
export function choose(length, hourly) {
  const names = Object.keys(lengths), fit = names.filter((name) => length / lengths[name] >= fewest && length / lengths[name] <= most);
  if (fit.length === 0) return length < fewest * minute ? names[0] : names[names.length - 1];
  return fit.find((name) => hourly * lengths[name] / hour >= 40) ?? fit.filter((name) => length / lengths[name] >= 14).pop() ?? fit[0];
}

/** @param {number} length of the window @returns {string[]} the buckets that may be chosen for it */
export const choices = (length) => Object.keys(lengths).filter((name) => length / lengths[name] >= 2 && length / lengths[name] <= mostChosen);

/**
 * Actuals that an hour of a window has, as far as versions were there in it, each at the rate of all its days: so the buckets of a window are the
 * same whatever it is compared with.
 * @param {Row[]} rows
 * @param {{ from: number, to: number }} window
 */
export const hourlyActuals = (rows, window) => rows.reduce((sum, row) => {
  const first = parse(row.first_event) ?? window.to, last = Math.max(parse(row.last_event) ?? first, first + hour);
  return sum + (row.actual_count ?? 0) * Math.max(0, Math.min(last, window.to) - Math.max(first, window.from)) / (last - first);
}, 0) / ((window.to - window.from) / hour);

/**
 * @typedef {{ from: number, to: number, end: number, middle: number }} Bucket end is where it is full; to is that, or where the window ends
 * @param {number[]} starts in seconds, as the server sent them
 * @param {string} interval
 * @param {number} to the end of the window, in ms
 * @returns {Bucket[]}
 */
export const buckets = (starts, interval, to) => starts.map((start, i) => {
  const from = start * 1000, end = i + 1 < starts.length ? starts[i + 1] * 1000 : from + lengths[interval];
  return { from, end, to: Math.min(end, Math.max(to, from)), middle: (from + Math.min(end, Math.max(to, from))) / 2 };
});

/**
 * What is drawn of a version: buckets with too few actuals are not, unless most have so few, and neither is the one that still fills, whose
 * first actuals are no fair sample.
 * @param {(number | null)[]} values
 * @param {(number | null)[]} counts actuals in each
 * @param {Bucket[]} of
 * @returns {{ values: (number | null)[], hollow: boolean[], lone: boolean[] }}
 */
export function points(values, counts, of) {
  const n = (/** @type {number} */ i) => counts[i] ?? 0;
  const filled = values.filter((v, i) => v !== null && n(i) > 0).length;
  const small = values.filter((v, i) => v !== null && n(i) > 0 && n(i) < tooFew).length;
  const least = small * 2 > filled ? 1 : tooFew;
  const drawn = values.map((v, i) => v === undefined || v === null || n(i) < (of[i].to < of[i].end ? few : least) ? null : v);
  return {
    values: drawn,
    hollow: drawn.map((v, i) => v !== null && n(i) < few),
    lone: drawn.map((v, i) => v !== null && (drawn[i - 1] ?? null) === null && (drawn[i + 1] ?? null) === null),
  };
}

/** Ages of predictions, in hours, between which the share with an actual is told. */
const ages = [0, 1, 2, 4, 8, 16, 32, 72];

/**
 * Which share of the predictions has its actual, by their age, for the ages that there are.
 * @param {Bucket[]} of hourly ones
 * @param {(number | null)[]} predictions
 * @param {(number | null)[]} actuals
 * @param {number} now
 */
export function coverageByAge(of, predictions, actuals, now) {
  const sums = ages.slice(1).map((to, i) => ({ from: ages[i], to, predictions: 0, actuals: 0 }));
  of.forEach((bucket, i) => {
    const age = (now - bucket.middle) / hour;
    const sum = sums.find((s) => age >= s.from && age < s.to);
    if (!sum) return;
    sum.predictions += predictions[i] ?? 0;
    sum.actuals += actuals[i] ?? 0;
  });
  return sums.filter((s) => s.predictions > 0).map((s) => ({ ...s, share: s.actuals / s.predictions }));
}
