import assert from "node:assert/strict";
import test from "node:test";
import "./page.js";
import { together } from "../static/chart.js";
import { comparison } from "../static/comparison.js";
import { interval, x } from "../static/interval.js";
import { distribution, quantiles, versions } from "../static/panels.js";
import { sparkline } from "../static/sparkline.js";

const row = (change, low, high, state = "ok") => interval({ state, drift_change: 0.2, relative_change: change, relative_change_low: low, relative_change_high: high });

test("an interval is a dot and a bar on one axis for all rows", () => {
  assert.equal(x(-0.5), 6);
  assert.equal(x(1), 150);
  assert.equal(x(0.25), 78);
  const drawn = row(0.25, 0.1, 0.4);
  assert.equal(drawn.all("dot")[0].attributes.cx, "78");
  assert.equal(drawn.all("bar")[0].attributes.d, `M${x(0.1)} 10H${x(0.4)}`);
  assert.equal(drawn.all("gate")[0].attributes.d, `M${x(0.2)} 6V14`);
  assert.equal(drawn.all("on").length, 0);
});

test("what goes on beyond the axis has a triangle there, the bar alone too", () => {
  assert.match(row(0.9, 0.7, 1.2).all("on")[0].attributes.d, /^M151 /);
  assert.equal(row(0.9, 0.7, 1.2).all("dot").length, 1);
  assert.match(row(-0.4, -0.6, 0.1).all("on")[0].attributes.d, /^M5 /);
  assert.equal(row(3, 2, 4).all("dot").length + row(3, 2, 4).all("bar").length, 0, "nothing of it is on the axis");
});

test("better is what is below zero as a whole, and too few is hollow", () => {
  assert.match(row(-0.3, -0.4, -0.2).attributes.class, /better/);
  assert.doesNotMatch(row(-0.3, -0.4, 0.1).attributes.class, /better/);
  assert.equal(row(0.3, 0.1, 0.4, "too_few").all("hollow").length, 1);
  assert.equal(row(0.3, 0.1, 0.4, "silent").all("dot").length, 0, "nothing is known of it now");
});

test("a sparkline goes from zero over what is usual to twice that, and beyond has a cap", () => {
  const counts = [9, 9, 9, 4, 9, 9], drawn = sparkline({ values: [1, 2, 5, 1, 0, 1], counts }, 2, "ok", 124);
  const ys = [...drawn.all("line")[0].attributes.d.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map((m) => Number(m[2]));
  assert.deepEqual(ys, [17, 12, 2, 22, 17], "the bucket with 4 actuals is a gap");
  assert.equal(drawn.all("cap").length, 1, "5 is more than twice 2");
  assert.equal(sparkline({ values: [3.9, 4], counts: [9, 9] }, 2, "ok").all("cap").length, 0);
  assert.equal(drawn.all("last")[0].attributes.cy, "17");
  const before = sparkline({ values: [null, 2], counts: [0, 9], before: [1, 1] }, 2, "new");
  assert.equal(before.all("earlier").length + before.all("came").length, 2);
});

test("a distribution is shares of each side by itself", () => {
  const rows = [{ lower: 1, upper: 2, recent_count: 10, reference_count: 300 }, { lower: 2, upper: 4, recent_count: 30, reference_count: 100 }];
  const heights = (name) => [...distribution(rows).all(name)[0].attributes.d.matchAll(/V([\d.]+)H/g)].map((m) => 96 - Number(m[1]));
  const [now, was] = [heights("now"), heights("was")];
  assert.deepEqual(now.map((h) => Math.round(h / now[1] * 100)), [33, 100]);
  assert.deepEqual(was.map((h) => Math.round(h / was[0] * 100)), [100, 33]);
  assert.equal(Math.round(now[1]), Math.round(was[0]), "three quarters are as high on either side");
  assert.equal(distribution([{ ...rows[0], recent_count: 0 }, { ...rows[1], recent_count: 0 }]), null);
});

test("versions have their share of all predictions, and quantiles their change", () => {
  const table = versions([{ model_version: "v2", recent_count: 75, recent_mae: 2, state: "ok" }, { model_version: "v1", recent_count: 25, recent_mae: 1, state: "retired" }], { chosen: {}, values: {}, now: 0, ranks: new Map(), toggle: () => {} });
  assert.deepEqual(table.all("tr").slice(1).map((tr) => tr.children[2].text), ["75%", "25%"]);
  const [said, all] = quantiles({ state: "ok", recent_abs_error_p50: 3, reference_abs_error_p50: 2, recent_abs_error_p99: 9, reference_abs_error_p99: 9 });
  assert.equal(said.text, "The usual errors grew; the largest are as before.");
  assert.deepEqual(all.all("tr").slice(1).map((tr) => tr.children[4].text), ["+50%", "", "", "0%"]);
});

test("the measures have 95 % intervals, and a bias is compared by the error", () => {
  const now = Date.parse("2026-11-29T15:00:00Z");
  const [table, note] = comparison({
    state: "ok", drift_change: 0.2, drift_z: 3, recent_mae: 6, recent_mae_standard_error: 0.5, reference_mae: 4, recent_rmse: 8, reference_rmse: 5, recent_bias: 1, reference_bias: 0, relative_change: 0.5, z: 4,
    bias_relative_change: 0.25, bias_z: 2, bias_ci95_low: 0.4, bias_ci95_high: 1.6, bias_status: "ok", rmse_status: "ok", recent_count: 60, recent_actual_count: 30, reference_count: 1200, reference_actual_count: 1100,
    recent_coverage: 0.5, reference_coverage: 0.9, week_ago_count: 50, first_event: "2026-10-01 00:00:00", last_event: "2026-11-29 14:59:00",
    recent_from: "2026-11-29 09:00:00", reference_from: "2026-11-22 15:00:00", reference_to: "2026-11-28 09:00:00",
  }, { recent: 6, history: 168, offset: 0, reference: "rolling", now }, []);
  const cells = table.all("tr").slice(1).map((tr) => tr.children.map((c) => c.text.replaceAll("\u00a0", " ")));
  assert.equal(cells[0][1], "6.00 ±0.98", "1.96 standard errors");
  assert.equal(table.all("tr")[3].all("bar")[0].attributes.d, `M${x(0.1)} 10H${x(0.4)}`, "over the error before");
  assert.deepEqual(cells[4].slice(1, 4), ["10 /h", "8.7 /h", "+20% on last week"]);
  assert.match(note.text, /^Before: .*22 Nov .* – .*\./);
});

test("labels that are too close stand by what they name: names of lines together, and levels", () => {
  const label = (text, y) => ({ text, y, fill: "", level: /now|before/.test(text) });
  const order = (...labels) => together(labels, 16).map((l) => `${l.text} ${l.y}`).join(", ");
  assert.equal(order(label("v1", 10), label("now", 12), label("v2", 14), label("before", 40)), "v1 10, v2 12, now 14, before 40");
  assert.equal(order(label("v2", 14), label("now", 10), label("v1", 30), label("before", 20)), "now 10, before 14, v2 20, v1 30");
  assert.equal(order(label("now", 50), label("v1", 10)), "v1 10, now 50", "what has room stays");
});

test("a comparison without a change has no axis to show it on", () => {
  const view = { now: 0, recent: 6, history: 168, offset: 0, reference: "rolling" };
  const drawn = (more) => { const [table] = comparison({ state: "silent", drift_change: 0.2, ...more }, view, []); return table.all("axis").length + table.all("interval").length; };
  assert.equal(drawn({}), 0);
  assert.equal(drawn({ relative_change: 0.1, state: "ok" }), 4);
});
