// The states of a version, in the order of attention: what each is called, and its shape, which differs without colour.

import { states } from "./address.js";
import { svg } from "./dom.js";

/** @typedef {(typeof states)[number]} State */

export const order = states;

/** @type {Record<string, string>} */
const words = {
  drift: "Drift", silent: "Silent", actuals_stopped: "Actuals stopped", warning: "Warning", waiting: "Waiting", new: "New", ok: "OK", too_few: "Too few", retired: "Retired",
};

/** @param {string} state */
export const word = (state) => words[state] ?? state;

/** @param {string} state somebody is needed */
export const hot = (state) => state === "drift" || state === "silent" || state === "actuals_stopped" || state === "warning";

/** @param {string} state its error was compared */
export const judged = (state) => state === "drift" || state === "warning" || state === "ok";

/** @param {string} state @returns {number} */
export const rank = (state) => { const at = order.indexOf(/** @type {State} */ (state)); return at < 0 ? order.length : at; };

const line = { fill: "none", "stroke-width": 1.5 };

/** @type {Record<string, () => SVGElement[]>} */
const shapes = {
  drift: () => [svg("path", { d: "M6 1 11.5 11H.5Z" })],
  silent: () => [svg("path", { d: "M2 1.5h3v9H2zM7 1.5h3v9H7z" })],
  actuals_stopped: () => [svg("rect", { x: 2, y: 2, width: 8, height: 8, ...line, "stroke-width": 2 })],
  warning: () => [svg("path", { d: "M6 .5 11.5 6 6 11.5.5 6Z" })],
  waiting: () => [svg("circle", { cx: 6, cy: 6, r: 4.75, ...line }), svg("path", { d: "M6 3.2V6.2L8 7.4", ...line })],
  new: () => [svg("path", { d: "M6 1v10M1 6h10", ...line })],
  ok: () => [svg("circle", { cx: 6, cy: 6, r: 2.5 })],
  too_few: () => [svg("circle", { cx: 6, cy: 6, r: 4.75, ...line, "stroke-dasharray": "2.2 1.53" })],
  retired: () => [svg("path", { d: "M2 6h8", ...line })],
};

/** @param {string} state the shape, of 12 px */
export const shape = (state) =>
  svg("svg", { class: `shape ${state}`, viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" }, shapes[state]?.() ?? shapes.retired());

/** @param {string} name a version as it is said: v7.3.0, version 15 */
export const version = (name) => /^\d/.test(name) ? `version ${name}` : name;
