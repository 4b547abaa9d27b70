// The error of a week in the height of a line: from 0 at the bottom over the reference in the middle to twice that at the top.

import { svg } from "./dom.js";

/** @typedef {{ values: (number | null)[], counts: number[], before?: (number | null)[] }} Line values by bucket; before is what served until this version came */

export const buckets = 28;
// Actuals, below which a bucket is a gap.
const least = 5;

/**
 * @param {Line} line
 * @param {number | null} reference the error that is usual, which is the middle
 * @param {string} state
 * @param {number} [width]
 */
export function sparkline(line, reference, state, width = 124) {
  const height = 24, end = 4, n = line.values.length;
  const step = (width - end - 2) / Math.max(1, n - 1);
  const shown = line.values.map((v, i) => v !== null && line.counts[i] >= least ? v : null);
  const middle = reference || median([...shown, ...(line.before ?? [])]) || 1;
  const x = (/** @type {number} */ i) => round(2 + i * step);
  const y = (/** @type {number} */ v) => round(22 - Math.min(2, v / middle) * 10);
  const parts = [];
  const usual = shown.slice(0, -2).filter((v) => v !== null).sort((a, b) => a - b);
  if (usual.length >= 8) {
    const top = y(quantile(usual, 0.9)), bottom = y(quantile(usual, 0.1));
    parts.push(svg("rect", { class: "usual", x: 2, y: top, width: round(width - end - 2), height: Math.max(2, round(bottom - top)) }));
  }
  const first = shown.findIndex((v) => v !== null);
  if (line.before?.some((v) => v !== null)) {
    const until = first < 0 ? n : first;
    parts.push(svg("path", { class: "earlier", d: path(line.before.map((v, i) => i <= until ? v : null), x, y) }));
    if (first > 0) parts.push(svg("path", { class: "came", d: `M${x(first)} 20V24` }));
  }
  parts.push(svg("path", { class: "line", d: path(shown, x, y) }));
  // A point without neighbours is no line.
  shown.forEach((v, i) => {
    if (v !== null && (shown[i - 1] ?? null) === null && (shown[i + 1] ?? null) === null) parts.push(svg("circle", { class: "alone", cx: x(i), cy: y(v), r: 1 }));
    if (v !== null && v > 2 * middle) parts.push(svg("path", { class: "cap", d: `M${round(x(i) - 2)} 1H${round(x(i) + 2)}` }));
  });
  const last = shown.findLastIndex((v) => v !== null);
  if (last >= 0) parts.push(svg("circle", { class: "last", cx: x(last), cy: y(/** @type {number} */ (shown[last])), r: 2.5 }));
  return svg("svg", { class: `sparkline ${state}`, width: `${width / 16}rem`, height: "1.5rem", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, parts);
}

const round = (/** @type {number} */ v) => Math.round(v * 10) / 10;

/**
 * @param {(number | null)[]} values
 * @param {(i: number) => number} x
 * @param {(v: number) => number} y
 */
function path(values, x, y) {
  let d = "", open = false;
  values.forEach((v, i) => {
    if (v !== null) d += `${open ? "L" : "M"}${x(i)} ${y(v)}`;
    open = v !== null;
  });
  return d;
}

/** @param {number[]} sorted @param {number} q */
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(q * (sorted.length - 1))))];

/** @param {(number | null)[]} values */
function median(values) {
  const sorted = values.filter((v) => v !== null).sort((a, b) => a - b);
  return sorted.length ? quantile(sorted, 0.5) : null;
}
