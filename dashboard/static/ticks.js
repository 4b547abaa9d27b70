// Where the axes of a chart have their marks. Those of time stand on bucket starts as the server sent them, whose zone is right.

import { day as aDay, hour as anHour, parts } from "./times.js";

/** @typedef {{ at: number, text: string, midnight: boolean }} Tick */

/** Steps of the time axis: [unit, how many]. */
const steps = /** @type {["minute" | "hour" | "day" | "month", number][]} */ ([
  ["minute", 1], ["minute", 5], ["minute", 15], ["minute", 30], ["hour", 1], ["hour", 3], ["hour", 6], ["hour", 12],
  ["day", 1], ["day", 2], ["day", 3], ["day", 7], ["day", 14], ["month", 1], ["month", 3], ["month", 12],
]);

const two = (/** @type {number} */ n) => String(n).padStart(2, "0");

/** @param {{ month: number, year: number }} c @param {number} n months between marks: Nov, and with the year where one begins */
const monthly = (c, n) => months[c.month % 12] + (c.month % 12 < n ? ` ${c.year}` : "");

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * The ticks of the time axis: the finest step whose marks stand at least `apart` from each other. A mark is the first bucket at or after a round
 * time of the zone, so that a day whose midnight the clock skips has one too.
 * @param {number[]} starts of the buckets, in ms
 * @param {{ from: number, to: number, width: number, apart?: number, zone?: string }} axis
 * @returns {Tick[]}
 */
export function timeTicks(starts, axis) {
  const { from, to, width, apart = 72, zone } = axis;
  const clocks = starts.map((ms) => {
    const p = parts(ms, zone), month = p.year * 12 + months.indexOf(p.month);
    return { ...p, month, days: Math.floor(Date.UTC(p.year, months.indexOf(p.month), p.day) / aDay), minutes: p.hour * 60 + p.minute };
  });
  const perMs = width / Math.max(1, to - from);
  for (const [unit, n] of steps) {
    const minutes = unit === "hour" ? n * 60 : n;
    // The last round time of the step at or before a clock, as a number, and whether the clock shows just that.
    const slot = (/** @type {(typeof clocks)[number]} */ c) =>
      unit === "month" ? Math.floor(c.month / n) : unit === "day" ? Math.floor((c.days + 3) / n) : c.days * 1440 + Math.floor(c.minutes / minutes) * minutes;
    const exact = (/** @type {(typeof clocks)[number]} */ c) =>
      unit === "month" ? c.day === 1 && c.minutes === 0 && c.month % n === 0 : unit === "day" ? c.minutes === 0 && (c.days + 3) % n === 0 : c.minutes % minutes === 0;
    const marks = starts.map((_, i) => i).filter((i) => starts[i] >= from && starts[i] <= to && (i === 0 ? exact(clocks[0]) : slot(clocks[i]) !== slot(clocks[i - 1])));
    if (marks.length === 0 || marks.some((mark, k) => k > 0 && (starts[mark] - starts[marks[k - 1]]) * perMs < apart)) continue;
    return marks.map((i) => {
      const c = clocks[i], midnight = i === 0 ? c.minutes === 0 : c.days !== clocks[i - 1].days;
      return { at: starts[i], midnight, text: unit === "month" ? monthly(c, n) : unit === "day" || midnight ? `${c.day} ${months[c.month % 12]}` : `${two(c.hour)}:${two(c.minute)}` };
    });
  }
  return [];
}

/** @param {Tick[]} ticks @param {number} length of the window @returns {Tick[]} those that have a line through the chart */
export const lined = (ticks, length) => length < 25 * anHour ? ticks : ticks.filter((tick) => tick.midnight);

/** @param {number} least the smallest of 1, 2, 5 × 10ⁿ that is no less */
export function round(least) {
  if (!(least > 0) || !Number.isFinite(least)) return 1;
  const power = 10 ** Math.floor(Math.log10(least)), digit = least / power;
  return (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10) * power;
}

/**
 * Marks of a value axis: round numbers over the whole range, some `count` steps.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
export function valueTicks(low, high, count) {
  const over = (/** @type {number} */ step) => ({ step, first: Math.floor(low / step + 1e-9), last: Math.max(Math.ceil(high / step - 1e-9), Math.floor(low / step + 1e-9) + 1) });
  const coarse = over(round((high - low || Math.abs(high) || 1) / count * (1 - 1e-9))), fine = over(round(coarse.step / 2.5 * (1 - 1e-9)));
  // The finer step where that comes nearer to what is wanted: 0, 2, … 10 rather than 0, 5, 10.
  const { step, first, last } = fine.last - fine.first - count < count - (coarse.last - coarse.first) ? fine : coarse;
  // Multiples and not sums, so that 3 × 0.1 is 0.3.
  return Array.from({ length: last - first + 1 }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}

/**
 * The range of values: that of the lines, which bands may stretch by a fifth, with what the measure's axis always shows.
 * @param {(number | null)[]} lines
 * @param {(number | null)[]} bands
 * @param {"zero" | "both" | "one"} from zero: from 0 up; both: 0 is in it; one: up to 1
 */
export function valueRange(lines, bands, from) {
  const shown = /** @type {number[]} */ (lines.filter((v) => v !== null && Number.isFinite(v)));
  let low = Infinity, high = -Infinity;
  for (const v of shown) { low = Math.min(low, v); high = Math.max(high, v); }
  if (shown.length === 0) return from === "both" ? { low: -1, high: 1 } : { low: 0, high: 1 };
  if (from !== "one") { low = Math.min(low, 0); high = Math.max(high, 0); }
  if (from === "one") high = 1;
  const room = (high - low || Math.abs(high)) * 0.2, top = high, bottom = low;
  for (const v of bands) {
    if (v === null || !Number.isFinite(v)) continue;
    if (from !== "one") high = Math.max(high, Math.min(v, top + room));
    if (from !== "zero") low = Math.min(low, Math.max(v, bottom - room));
  }
  if (low === high) high = low + 1;
  return { low, high };
}
