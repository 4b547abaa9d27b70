// The change of an error with its 95 % interval, on one axis for all rows: −50 to +100 %.

import { svg } from "./dom.js";

/** @typedef {import("./server.js").Row} Row */

export const width = 156, height = 20;
const low = -0.5, high = 1, margin = 6;

/** @param {number} change */
export const x = (change) => margin + (Math.min(high, Math.max(low, change)) - low) / (high - low) * (width - 2 * margin);

/**
 * A dot and its bar; a triangle where they go on beyond the axis; a hollow dot where there is too little to judge.
 * @param {Row} row
 */
export function interval(row) {
  const parts = [
    svg("path", { class: "zero", d: `M${x(0)} 0V${height}` }), svg("path", { class: "gate", d: `M${x(row.drift_change)} 6V14` }),
  ];
  const { relative_change: change, relative_change_low: from, relative_change_high: to } = row;
  const known = typeof change === "number" && !["silent", "actuals_stopped"].includes(row.state);
  const few = row.state === "too_few", style = few ? "on hollow" : "on";
  if (known) {
    const bounded = typeof from === "number" && typeof to === "number";
    if (bounded && to > low && from < high) parts.push(svg("path", { class: "bar", d: `M${x(from)} 10H${x(to)}` }));
    if (change > high || bounded && to > high) parts.push(svg("path", { class: style, d: `M${width - 5} 6.5 ${width} 10 ${width - 5} 13.5Z` }));
    if (change < low || bounded && from < low) parts.push(svg("path", { class: style, d: "M5 6.5 0 10 5 13.5Z" }));
    if (change >= low && change <= high) parts.push(svg("circle", { class: few ? "hollow" : "dot", cx: x(change), cy: 10, r: few ? 3.25 : 4 }));
  }
  const better = known && typeof to === "number" && to < 0 && row.state === "ok";
  return svg("svg", { class: `interval ${better ? "better" : row.state}`, width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, parts);
}

/** The axis, for the head of the column. */
export const axis = () => svg("svg", { class: "axis", width, height: 16, viewBox: `0 0 ${width} 16`, "aria-hidden": "true" },
  [[-0.5, "−50%"], [0, "0"], [1, "+100%"]].map(([at, text]) =>
    svg("text", { x: at === -0.5 ? 0 : at === 1 ? width : x(Number(at)), y: 12, "text-anchor": at === -0.5 ? "start" : at === 1 ? "end" : "middle" }, text)));
