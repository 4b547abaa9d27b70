// The address is the state: what is seen is in it, and a default is never written.

/**
 * @typedef {{ kind: "text" | "list" | "number" | "flag" | "time", fallback: any, allowed?: readonly (string | number)[] }} Field
 * @typedef {Record<string, any>} Values
 * @typedef {{ path: string, values: Values }} Address
 */

/** @param {string} [fallback] @param {readonly string[]} [allowed] @returns {Field} */
const text = (fallback = "", allowed) => ({ kind: "text", fallback, allowed });
/** @param {number} fallback @param {readonly number[]} [allowed] @returns {Field} */
const number = (fallback, allowed) => ({ kind: "number", fallback, allowed });
/** @param {readonly string[]} [allowed] @returns {Field} */
const list = (allowed) => ({ kind: "list", fallback: [], allowed });
/** @type {Field} */
const flag = { kind: "flag", fallback: false };
/** @type {Field} */
const moment = { kind: "time", fallback: "" };

export const states = /** @type {const} */ (["drift", "silent", "actuals_stopped", "warning", "waiting", "new", "ok", "too_few", "retired"]);
export const recents = /** @type {const} */ ([1, 3, 6, 12, 24, 72]);
export const histories = /** @type {const} */ ([24, 72, 168, 336, 672]);
export const sorts = /** @type {const} */ (["attention", "model", "change", "mae", "was", "rmse", "bias", "coverage", "count", "week", "age", "last"]);
export const measures = /** @type {const} */ (["mae", "rmse", "bias", "p50", "p95", "p99", "r2", "wmape"]);
export const ranges = /** @type {const} */ (["6h", "24h", "3d", "7d", "30d", "90d"]);
export const intervals = /** @type {const} */ (["1m", "5m", "15m", "1h", "6h", "1d", "1w"]);

const comparison = { recent: number(6, recents), history: number(168, histories), offset: number(0) };
const moments = { as_of: moment, tz: text() };

/** What stands for every path at which no page is. */
export const lost = "/lost";

/** @type {Record<string, Record<string, Field>>} */
const pages = {
  "/": { env: text(), status: list(states), q: text(), sort: text("attention", sorts), desc: flag, ...comparison, reference: text("rolling", ["rolling", "seasonal:4"]), retired: flag, ...moments },
  "/model": {
    id: text(), env: text(), version: text(), measure: text("mae", measures), range: text("7d", ranges), from: moment, to: moment, interval: text("", intervals),
    ...comparison, reference: text("rolling"), hide: list(), ...moments,
  },
  "/quarantine": { source: text(), code: text(), q: text(), limit: number(100), ...moments },
  "/connectors": { ...moments },
  "/ask": { pipe: text(), format: text("json"), tz: text() },
  "/status": { tz: text() },
  [lost]: { tz: text() },
};

export const paths = Object.keys(pages).filter((path) => path !== lost);

/** @param {string} path the values of a page without parameters @returns {Values} */
export function defaults(path) {
  return Object.fromEntries(Object.entries(pages[path] ?? pages["/"]).map(([key, field]) => [key, field.kind === "list" ? [] : field.fallback]));
}

/** @param {Field} field @param {string} given */
function value(field, given) {
  switch (field.kind) {
    case "flag": return given === "1";
    case "list": {
      const parts = given.split(",").filter((part) => part !== "" && (!field.allowed || field.allowed.includes(part)));
      return [...new Set(parts)];
    }
    case "number": {
      const n = Number(given);
      return /^\d{1,6}$/.test(given) && (!field.allowed || field.allowed.includes(n)) ? n : field.fallback;
    }
    case "time": return /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(given) && !Number.isNaN(Date.parse(given)) ? given : "";
    default: return field.allowed && !field.allowed.includes(given) ? field.fallback : given;
  }
}

/**
 * Reads an address. A value that is not known, or not allowed, is the default. On the page that asks pipes, further parameters are the pipe's own.
 * @param {string} path
 * @param {string} search
 * @returns {Address}
 */
export function parse(path, search) {
  const known = Object.hasOwn(pages, path) ? path : lost;
  const values = defaults(known);
  for (const [key, given] of new URLSearchParams(search)) {
    const field = Object.hasOwn(pages[known], key) ? pages[known][key] : undefined;
    if (field) values[key] = value(field, given);
    else if (known === "/ask" && key !== "token" && key !== "__proto__") values[key] = given;
  }
  return { path: known, values };
}

/**
 * Writes an address, without what is the default.
 * @param {string} path
 * @param {Values} [values]
 */
export function href(path, values = {}) {
  const query = new URLSearchParams();
  for (const [key, v] of Object.entries(values)) {
    const field = Object.hasOwn(pages[path], key) ? pages[path][key] : path === "/ask" ? text() : undefined;
    if (!field || v === undefined || v === null || v === "" || v === false || v === field.fallback || Array.isArray(v) && v.length === 0) continue;
    query.set(key, field.kind === "flag" ? "1" : Array.isArray(v) ? v.join(",") : String(v));
  }
  // What is plain in a query stays legible; URLSearchParams would escape it.
  const written = query.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return path + (written && "?" + written);
}

/** @type {Set<(address: Address) => void>} */
const listeners = new Set();

/** @type {Address} */
let address = typeof location === "undefined" ? { path: "/", values: defaults("/") } : parse(location.pathname, location.search);

export const current = () => address;

/** @param {(address: Address) => void} fn is called with each new address */
export const listen = (fn) => { listeners.add(fn); };

/**
 * Goes to the present address with some values changed, or to another page with these alone and what pages have in common.
 * @param {Values} change
 * @param {{ replace?: boolean, path?: string }} [how] replace is for what is typed: it makes no step back
 */
export function go(change, how = {}) {
  const path = how.path ?? address.path;
  const values = how.path && how.path !== address.path ? change : { ...address.values, ...change };
  const to = href(path, values);
  if (how.replace) history.replaceState(null, "", to);
  else if (to !== location.pathname + location.search) history.pushState(null, "", to);
  arrive();
}

/** Reads the address from the browser and tells everybody. */
export function arrive() {
  address = parse(location.pathname, location.search);
  for (const fn of listeners) fn(address);
}

/**
 * The values of the present page that belong to a link from it to another one: the moment and the zone.
 * @returns {Values}
 */
export const carried = () => ({ as_of: address.values.as_of, tz: address.values.tz });

/**
 * The address to hand on: it shows the same tomorrow.
 * @param {Address} from
 * @param {{ now: number, zone: string, from?: number, to?: number }} at
 */
export function absolute(from, at) {
  const fixed = (/** @type {number} */ ms) => new Date(Math.floor(ms / 1000) * 1000).toISOString().replace(".000Z", "Z");
  const values = { ...from.values, tz: at.zone };
  if ("as_of" in values) values.as_of = values.as_of || fixed(at.now);
  if (at.from !== undefined && at.to !== undefined && "from" in values) Object.assign(values, { from: fixed(at.from), to: fixed(at.to) });
  return href(from.path, values);
}
