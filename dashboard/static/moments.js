// Times as people type them: 26 Nov 21:06, yesterday 9:00, 3d ago, now, 2026-11-26 21:06, RFC 3339.

import { day, hour, minute, parts } from "./times.js";

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const spans = /** @type {Record<string, number>} */ ({ min: minute, m: minute, h: hour, d: day, w: 7 * day });

/** @param {number} ms @param {string} [zone] the clock of the zone at an instant, as if it were UTC */
function shown(ms, zone) {
  const p = parts(ms, zone);
  return Date.UTC(p.year, months.indexOf(p.month.toLowerCase()), p.day, p.hour, p.minute);
}

/**
 * The instant at which a zone's clock shows a time: the first of two, and the one after the gap where the clock skips it.
 * @param {number} wall the time, as if it were UTC
 * @param {string} [zone]
 */
export function instant(wall, zone) {
  const offsets = [wall - day, wall + day].map((ms) => shown(ms, zone) - Math.floor(ms / minute) * minute);
  const found = offsets.map((offset) => wall - offset).filter((ms) => shown(ms, zone) === wall);
  return found.length ? Math.min(...found) : wall - offsets[0];
}

/**
 * Reads a time; null for what is none.
 * @param {string} typed
 * @param {number} now
 * @param {string} [zone]
 * @returns {number | null}
 */
export function moment(typed, now, zone) {
  const text = typed.trim().replace(/\s+/g, " ");
  if (/^now$/i.test(text)) return now;
  if (/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i.test(text)) return valid(Date.parse(text.replace(" ", "T")));
  const ago = /^(\d{1,4}(?:\.\d+)?) ?(min|[mhdw])[a-z]* ago$/i.exec(text);
  if (ago) return now - Number(ago[1]) * spans[ago[2].toLowerCase()];

  const clock = /(?:^|[ T])(\d{1,2}):(\d\d)$/.exec(text), date = (clock ? text.slice(0, clock.index) : text).trim();
  const at = clock ? Number(clock[1]) * hour + Number(clock[2]) * minute : 0;
  if (clock && (Number(clock[1]) > 23 || Number(clock[2]) > 59)) return null;
  const today = Math.floor(shown(now, zone) / day) * day;
  if (date === "" || /^today$/i.test(date)) return clock || date ? instant(today + at, zone) : null;
  if (/^yesterday$/i.test(date)) return instant(today - day + at, zone);

  const iso = /^(\d{4})-(\d\d)-(\d\d)$/.exec(date), named = /^(?:[a-z]{2,9},? )?(\d{1,2})\.? ([a-z]{3})[a-z]*\.?(?: (\d{4}))?$/i.exec(date);
  if (!iso && !named) return null;
  const month = iso ? Number(iso[2]) - 1 : months.indexOf(/** @type {RegExpExecArray} */ (named)[2].toLowerCase());
  const dayOf = Number(iso ? iso[3] : named?.[1]);
  const given = iso?.[1] ?? named?.[3], year = given ? Number(given) : new Date(today).getUTCFullYear();
  const midnight = Date.UTC(year, month, dayOf);
  if (month < 0 || new Date(midnight).getUTCDate() !== dayOf || new Date(midnight).getUTCMonth() !== month) return null;
  // A day without a year is the last one of that name.
  const last = given || midnight <= today + day ? midnight : Date.UTC(year - 1, month, dayOf);
  return valid(instant(last + at, zone));
}

/** @param {number} ms */
const valid = (ms) => Number.isNaN(ms) ? null : ms;
