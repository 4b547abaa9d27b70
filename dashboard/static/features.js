// Features of rows: which of them tell rows apart, and how they are shown whole.

/** @typedef {Record<string, any>} Features */

/** @param {string} text the JSON that was sent @returns {Features | null} null where it is no object */
export function read(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * Names and values as lines, objects in objects further in. Beyond a bound it stops, for what a row has may be deep and long.
 * @param {Features} features
 * @returns {{ depth: number, key: string, value: string | null }[]}
 */
export function lines(features) {
  /** @type {{ depth: number, key: string, value: string | null }[]} */
  const all = [];
  const walk = (/** @type {any} */ of, /** @type {number} */ depth) => {
    for (const [key, value] of Object.entries(of)) {
      if (all.length >= 2000) return;
      const inner = value !== null && typeof value === "object" && Object.keys(value).length > 0 && depth < 8;
      all.push({ depth, key, value: inner ? null : shown(value) });
      if (inner) walk(value, depth + 1);
    }
  };
  walk(features, 0);
  return all;
}

/** @param {any} value a text is shown without its quotes */
export const shown = (value) => typeof value === "string" ? value : JSON.stringify(value) ?? "";

/** @param {Features} features @returns {Map<string, any>} values by their path */
function flat(features) {
  /** @type {Map<string, any>} */
  const all = new Map();
  const walk = (/** @type {any} */ of, /** @type {string} */ prefix, /** @type {number} */ depth) => {
    for (const [key, value] of Object.entries(of)) {
      if (all.size >= 500) return;
      if (value !== null && typeof value === "object" && !Array.isArray(value) && depth < 4) walk(value, `${prefix}${key}.`, depth + 1);
      else all.set(prefix + key, value);
    }
  };
  walk(features, "", 0);
  return all;
}

/** @param {(Features | null)[]} rows @returns {Map<string, any>[]} */
const flattened = (rows) => rows.map((row) => flat(row ?? {}));

/**
 * The features by which the worst rows differ most from a sample of all: numbers by the distance of their means in standard deviations of the
 * sample, everything else by how differently its values are shared out, each less twice what so few rows would differ by anyway. What is different
 * in every row, such as an id, tells nothing.
 * @param {(Features | null)[]} worst
 * @param {(Features | null)[]} sample
 * @param {number} most
 * @returns {string[]} paths, the most telling first
 */
export function telling(worst, sample, most) {
  const bad = flattened(worst), all = flattened(sample), keys = new Set(bad.flatMap((row) => [...row.keys()]));
  const chance = Math.sqrt(1 / Math.max(1, bad.length) + 1 / Math.max(1, all.length));
  const scored = [...keys].map((key) => {
    const a = bad.map((row) => row.get(key)), b = all.map((row) => row.get(key));
    return { key, score: [...a, ...b].every((v) => typeof v === "number" || v === undefined || v === null) ? distance(a, b) - 2 * chance : difference(a, b, chance) };
  });
  return scored.filter((s) => s.score > 0).sort((a, b) => b.score - a.score).slice(0, most).map((s) => s.key);
}

/** @param {any[]} a @param {any[]} b */
function distance(a, b) {
  const numbers = (/** @type {any[]} */ of) => of.filter((v) => typeof v === "number"), x = numbers(a), y = numbers(b);
  if (x.length === 0 || y.length < 2) return 0;
  const mean = (/** @type {number[]} */ of) => of.reduce((s, v) => s + v / of.length, 0), my = mean(y);
  const deviation = Math.sqrt(y.reduce((s, v) => s + (v - my) ** 2, 0) / (y.length - 1)), far = Math.abs(mean(x) - my);
  return far === 0 ? 0 : deviation === 0 ? 3 : Math.min(3, far / deviation);
}

/** @param {any[]} a @param {any[]} b @param {number} chance how far the shares of the values are apart, from 0 to 2, beyond chance */
function difference(a, b, chance) {
  const shares = (/** @type {any[]} */ of) => {
    /** @type {Map<string, number>} */
    const m = new Map();
    for (const v of of) m.set(String(JSON.stringify(v)), (m.get(String(JSON.stringify(v))) ?? 0) + 1 / of.length);
    return m;
  };
  if (a.length === 0 || b.length === 0) return 0;
  const x = shares(a), y = shares(b);
  if (a.length > 2 && x.size > 0.8 * a.length) return 0;
  let apart = 0, expected = 0;
  for (const key of new Set([...x.keys(), ...y.keys()])) {
    const p = x.get(key) ?? 0, q = y.get(key) ?? 0, pooled = (p * a.length + q * b.length) / (a.length + b.length);
    apart += Math.abs(p - q);
    // The mean of |x| where x is normal is 0.8 of its deviation.
    expected += 0.8 * Math.sqrt(pooled * (1 - pooled)) * chance;
  }
  return apart - 2 * expected;
}

/** @param {Features | null} features @param {string} path */
export const valueAt = (features, path) => features === null ? undefined : flat(features).get(path);
