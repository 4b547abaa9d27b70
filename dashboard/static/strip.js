// The states of a version over time, in a strip below the charts: how often the verdict changed says how much to trust it.

import { h } from "./dom.js";
import { count, plural } from "./numbers.js";
import { hot, word } from "./states.js";
import { clock, parse } from "./times.js";

/**
 * Stretches of time with one state.
 * @param {import("./server.js").Row[]} rows of the pipe model_verdicts, in the order of time
 * @returns {{ state: string, from: number, to: number }[]}
 */
export function runs(rows) {
  /** @type {{ state: string, from: number, to: number }[]} */
  const found = [];
  for (const row of rows) {
    const from = parse(row.bucket_start) ?? 0, to = parse(row.bucket_end) ?? from, last = found.at(-1);
    if (last && last.state === row.state && last.to === from) last.to = to;
    else found.push({ state: row.state, from, to });
  }
  return found;
}

/**
 * @param {import("./server.js").Row[]} rows
 * @param {{ from: number, to: number, now: number, each: string }} of the time that the charts show, and how long a bucket is
 */
export function strip(rows, { from, to, now, each }) {
  const all = runs(rows).filter((run) => run.to > from && run.from < to), alarms = all.filter((run, i) => hot(run.state) && (i === 0 || !hot(all[i - 1].state))).length;
  if (all.length === 0) return null;
  const said = alarms === 0 ? "none needed somebody" : `somebody was needed ${count(alarms)} ${plural(alarms, "time")}`;
  return [
    h("p", { class: "note caption" }, `Verdict at the end of each ${each}, with the actuals of today: ${said}`),
    h("div", { class: "strip", role: "img", "aria-label": all.map((run) => `${word(run.state)} until ${clock(run.to, now)}`).slice(-20).join(", ") }, all.map((run) => {
      const part = h("i", { class: run.state, title: `${word(run.state)}, ${clock(run.from, now)} – ${clock(run.to, now)}` }), at = Math.max(run.from, from);
      part.style.left = `${(at - from) / (to - from) * 100}%`;
      part.style.width = `${(Math.min(run.to, to) - at) / (to - from) * 100}%`;
      return part;
    })),
  ];
}
