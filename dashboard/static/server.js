// Questions to the server. An answer that has not changed since is the same object again.

import { clean } from "./dom.js";

/**
 * @typedef {Record<string, any>} Row
 * @typedef {{ rows: Row[], meta: { name: string, type: string }[], statistics?: Record<string, number>, totals?: any, before_limit?: number }} Answer
 * @typedef {{ signal?: AbortSignal, columns?: readonly string[], digits?: number, once?: boolean }} How once is set for what is not asked again
 */

/** An answer that is an error; status 0 is none at all. */
export class ServerError extends Error {
  /** @param {number} status @param {string} message @param {number} [retryAfter] seconds */
  constructor(status, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.reason = "";
  }

  /** The parameter that a 400 is about. */
  get parameter() {
    return /\bthe parameter ([a-z_.]+)/.exec(this.message)?.[1] ?? "";
  }
}

const tokenKey = "residual.token";

/** The token is kept for the session of this tab, and is in no address. */
export function token() {
  try {
    return sessionStorage.getItem(tokenKey) ?? "";
  } catch {
    return remembered;
  }
}

let remembered = "";

/** @param {string} given empty to forget it */
export function setToken(given) {
  remembered = given;
  kept.clear();
  try {
    if (given) sessionStorage.setItem(tokenKey, given);
    else sessionStorage.removeItem(tokenKey);
  } catch { /* a browser that keeps nothing */ }
}

/** @type {Map<string, { etag: string, answer: any }>} the last answers, by what was asked, the oldest first */
const kept = new Map();
const keptMax = 24;
/** A server that says nothing for so long, in ms, does not answer. */
const answerMost = 20_000;

/** The clock of the server when it last answered, less the clock here, in ms. */
let ahead = 0;
export const serverNow = () => Date.now() + ahead;

/**
 * @template T
 * @param {string} url
 * @param {(body: any) => T} made what becomes of the body
 * @param {How} how
 * @returns {Promise<T>}
 */
async function get(url, made, how) {
  const had = kept.get(url);
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (had) headers["If-None-Match"] = had.etag;
  if (token()) headers.Authorization = `Bearer ${token()}`;
  let response, body;
  try {
    response = await fetch(url, { headers, signal: AbortSignal.any([how.signal ?? [], AbortSignal.timeout(answerMost)].flat()), cache: "no-store", credentials: "omit", redirect: "error" });
    body = response.status === 304 ? null : await response.text();
  } catch (error) {
    if (how.signal?.aborted) throw error;
    throw new ServerError(0, "The server does not answer.");
  }
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (!Number.isNaN(date) && Math.abs(date - Date.now() - ahead) > 2000) ahead = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
  if (response.status === 304 && had) return had.answer;
  if (!response.ok) throw problem(body ?? "", response);
  let parsed;
  try {
    parsed = JSON.parse(body ?? "");
  } catch {
    throw new ServerError(0, "The answer ended before its end.");
  }
  const answer = made(parsed);
  const etag = response.headers.get("ETag");
  kept.delete(url);
  if (etag && !how.once) {
    kept.set(url, { etag, answer });
    for (const oldest of kept.keys()) {
      if (kept.size <= keptMax) break;
      kept.delete(oldest);
    }
  }
  return answer;
}

/** @param {string} body @param {Response} response */
function problem(body, response) {
  const e = new ServerError(response.status, `The server answered ${response.status}.`, Number(response.headers.get("Retry-After")) || 0);
  try {
    const { error, reason } = JSON.parse(body);
    if (typeof error === "string") e.message = clean(error);
    if (typeof reason === "string") e.reason = clean(reason);
  } catch { /* not the server's own */ }
  return e;
}

/**
 * A query, without what is not given.
 * @param {Record<string, any>} parameters
 */
export function query(parameters) {
  const q = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null && value !== "" && !(Array.isArray(value) && value.length === 0)) q.set(key, Array.isArray(value) ? value.join(",") : String(value));
  }
  return q.toString();
}

/** @param {string} path @param {Record<string, any>} parameters */
const at = (path, parameters) => { const q = query(parameters); return path + (q && "?" + q); };

/** @param {any} body jsoncompact @returns {Answer} */
function table(body) {
  const names = body.meta.map((/** @type {{ name: string }} */ m) => m.name);
  const rows = body.data.map((/** @type {any[]} */ cells) => {
    /** @type {Row} */
    const row = {};
    for (let i = 0; i < names.length; i++) row[names[i]] = cells[i];
    return row;
  });
  return { rows, meta: body.meta, statistics: body.statistics, totals: body.totals, before_limit: body.rows_before_limit_at_least };
}

/**
 * The answer of a pipe.
 * @param {string} pipe
 * @param {Record<string, any>} parameters
 * @param {How} [how]
 */
export const ask = (pipe, parameters, how = {}) =>
  get(at(`/v0/pipes/${pipe}.jsoncompact`, { ...parameters, columns: how.columns, digits: how.digits }), table, how);

/**
 * Series of many models in one answer, each value a list by bucket.
 * @param {Record<string, any>} parameters
 * @param {How} [how]
 * @returns {Promise<{ bucket_start: number[], series: Row[] }>}
 */
export const series = (parameters, how = {}) =>
  get(at("/v0/pipes/model_performance_timeseries.json", { ...parameters, columns: how.columns, digits: how.digits, layout: "series" }), (body) => body, how);

/**
 * Anything else.
 * @param {string} path
 * @param {How} [how]
 * @returns {Promise<any>}
 */
export const json = (path, how = {}) => get(path, (body) => body, how);

/**
 * The command that asks the same.
 * @param {string} pipe
 * @param {Record<string, any>} parameters
 * @param {string} [format]
 */
export function curl(pipe, parameters, format = "json") {
  const quoted = (/** @type {string} */ text) => `'${text.replaceAll("'", "'\\''")}'`;
  const plain = at(`/v0/pipes/${pipe}.${format}`, parameters).replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2A", "*");
  return `curl ${token() ? '-H "Authorization: Bearer $TOKEN" ' : ""}${quoted(location.origin + plain)}`;
}
