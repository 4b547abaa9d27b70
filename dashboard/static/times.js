// Times in the reader's zone, and spans of time.

import { zone } from "./zone.js";

export const second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
const gap = "\u00a0";

/** @param {unknown} text a time of an answer, YYYY-MM-DD hh:mm:ss[.mmm] in UTC @returns {number | null} */
export function parse(text) {
  if (typeof text !== "string" || text === "") return null;
  const ms = Date.parse(text.replace(" ", "T") + (/Z|[+-]\d\d:\d\d$/.test(text) ? "" : "Z"));
  return Number.isNaN(ms) || ms <= 0 ? null : ms;
}

/** @param {number} ms RFC 3339 in UTC, to the second */
export const rfc = (ms) => new Date(Math.floor(ms / 1000) * 1000).toISOString().replace(".000Z", "Z");

/** @typedef {{ weekday: string, year: number, month: string, day: number, hour: number, minute: number, second: number }} Parts */

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @type {Map<string, Parts>} those asked for last: of many times, the one now is compared with each */
const known = new Map();

/** @param {number} ms @param {string} [at] @returns {Parts} */
export function parts(ms, at = zone()) {
  const key = `${Math.floor(ms / second)} ${at}`, had = known.get(key);
  if (had) return had;
  if (known.size >= 64) known.clear();
  const made = partsOf(ms, at);
  known.set(key, made);
  return made;
}

/** @param {number} ms @param {string} at @returns {Parts} */
function partsOf(ms, at) {
  let format = formats.get(at);
  if (!format) {
    formats.set(at, format = new Intl.DateTimeFormat("en-GB", {
      timeZone: at, weekday: "short", year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
    }));
  }
  /** @type {Record<string, string>} */
  const p = {};
  for (const { type, value } of format.formatToParts(ms)) p[type] = value;
  const month = p.month === "Sept" ? "Sep" : p.month;
  return { weekday: p.weekday, year: Number(p.year), month, day: Number(p.day), hour: Number(p.hour), minute: Number(p.minute), second: Number(p.second) };
}

const two = (/** @type {number} */ n) => String(n).padStart(2, "0");

/** The time of day. @param {number} ms @param {string} [at] */
export function time(ms, at = zone()) {
  const p = parts(ms, at);
  return `${two(p.hour)}:${two(p.minute)}`;
}

/** Day and month: 28 Nov. @param {number} ms @param {string} [at] */
export function date(ms, at = zone()) {
  const p = parts(ms, at);
  return `${p.day} ${p.month}`;
}


/** As much of a time as is needed now: 14:00, yesterday 22:10, Thu 26 Nov 14:00, 3 Mar 2025 14:00. @param {number} ms @param {number} now @param {string} [at] */
export function clock(ms, now, at = zone()) {
  const p = parts(ms, at), n = parts(now, at), y = parts(now - day, at);
  const same = (/** @type {Parts} */ q) => p.day === q.day && p.month === q.month && p.year === q.year;
  const t = `${two(p.hour)}:${two(p.minute)}`;
  if (same(n)) return t;
  if (same(y)) return `yesterday ${t}`;
  if (Math.abs(now - ms) > 300 * day) return `${p.day} ${p.month} ${p.year} ${t}`;
  return `${p.weekday} ${p.day} ${p.month} ${t}`;
}

/** @param {number} ms 12:00 UTC */
export const utc = (ms) => `${time(ms, "UTC")} UTC`;

/** @param {number} ms @param {string} [at] how far the zone's clock is ahead of UTC: UTC+1, UTC+5:30 */
export function offset(ms, at = zone()) {
  const name = new Intl.DateTimeFormat("en", { timeZone: at, timeZoneName: "shortOffset" }).formatToParts(ms).find((p) => p.type === "timeZoneName")?.value ?? "UTC";
  return name.replace("GMT", "UTC").replace("-", "−").replace(/^UTC\+0$/, "UTC");
}

/** @param {number} ms an age in one unit: 11 s, 4 min, 31 h, 5 d */
export function age(ms) {
  const s = Math.max(0, ms);
  if (s < minute) return `${Math.floor(s / second)}${gap}s`;
  if (s < hour) return `${Math.floor(s / minute)}${gap}min`;
  if (s < 48 * hour) return `${Math.floor(s / hour)}${gap}h`;
  return `${Math.floor(s / day)}${gap}d`;
}

/** @param {number} ms a span, with minutes below ten hours: 8 s, 4 min, 9 h 20 min, 31 h, 5 d */
export function span(ms) {
  const s = Math.max(0, ms);
  if (s < hour || s >= 10 * hour) return age(s);
  const minutes = Math.floor((s % hour) / minute);
  return `${Math.floor(s / hour)}${gap}h` + (minutes ? ` ${minutes}${gap}min` : "");
}

/** @param {number | null | undefined} seconds a span that nothing is said to be longer than: rounded up */
export const within = (seconds) => { const ms = (seconds ?? 0) * second; return ms < 10 * hour ? span(Math.ceil(ms / minute) * minute) : `${Math.ceil(ms / hour)}${gap}h`; };

/** @param {number} n hours of a window: 6 h, 7 days */
export const hours = (n) => n > 72 && n % 24 === 0 ? `${n / 24} days` : `${n}${gap}h`;

/** @param {number} n the same in the place of an adjective or in a list: 6 h, 3 d, 7 d */
export const brief = (n) => n > 48 && n % 24 === 0 ? `${n / 24}${gap}d` : `${n}${gap}h`;
