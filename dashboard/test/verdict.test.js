import assert from "node:assert/strict";
import test from "node:test";
import { spread } from "../static/chart.js";
import { hourly, windows } from "../static/comparison.js";
import { biasError } from "../static/measures.js";
import { logAxis } from "../static/panels.js";
import { lateness, shapeOfChange, verdict } from "../static/verdict.js";

const now = Date.parse("2026-11-29T15:20:00Z"), view = { recent: 6, history: 168, offset: 0, reference: "rolling", now };
const plain = (text) => text.replaceAll("\u00a0", " ");
const say = (row, at = {}) => {
  const { sentence, follows } = verdict({ model_version: "v7.3.0", reason: "", drift_z: 3, drift_change: 0.2, ...row }, { ...view, ...at });
  return [sentence, ...follows.map((p) => p.map((piece) => typeof piece === "string" ? piece : `[${piece.text} ${JSON.stringify(piece.change)}]`).join(""))].map(plain);
};
const judged = {
  recent_mae: 6, reference_mae: 3.36, relative_change: 0.78, relative_change_low: 0.67, relative_change_high: 0.89, z: 14.4, min_detectable_change: 0.16, recent_count: 769, recent_actual_count: 666,
  first_event: "2026-10-25 10:00:00", last_event: "2026-11-29 15:19:00", actual_count: 9000, prediction_count: 9900, reference_count: 16_000, reference_actual_count: 15_000,
};
const drift = { ...judged, state: "drift", changed_at: "2026-11-29 06:00:00", change_version: "v7.3.0", change_version_first_event: "2026-11-28 08:00:00" };

test("drift says how much, since when, how sure, and after which version", () => {
  const [s, m] = say(drift, {});
  assert.match(s, /^The error is 78% higher than in the 7 days before, since about \d\d:00\.$/);
  assert.equal(m, "This is far beyond chance (z 14.4). The true rise lies between 67% and 89% (95% interval). It began 22 h after v7.3.0 came. A rise of 16% or more would have been seen with this many actuals.");
  assert.match(say({ ...drift, change_version: null, change_version_first_event: null })[1], /No new version came in the two days before it began\./);
  assert.match(say({ ...drift, z: 3.4 })[1], /^This is beyond chance \(z 3\.4\)\./);
  assert.match(say({ ...drift, changed_at: "2026-11-26 09:30:00" })[0], /, since before /);
  assert.equal(say({ ...drift, reference_mae: 0, relative_change: null, z: null, relative_change_low: null, relative_change_high: null, min_detectable_change: null })[0], "There are errors now, and the 7 days before had none.");
  assert.match(say({ ...drift, relative_change: 11 })[0], /^The error is 12\.0 times as large as in the 7 days before/);
});

test("what it is compared with follows the reference", () => {
  assert.match(say({ ...drift, reference_version: "v7.2.0" }, { reference: "version:previous" })[0], /than in v7\.2\.0/);
  assert.match(say({ ...drift }, { reference: "version:15" })[0], /than in version 15/);
  assert.match(say(drift, { reference: "pinned:2026-11-20T00:00:00Z,2026-11-21T00:00:00Z" })[0], /than in the window you marked/);
  assert.match(say(drift, { reference: "seasonal:4" })[0], /than in the same hours of 4 weeks/);
});

test("a warning says which of the gates it did not pass", () => {
  const warning = { ...judged, state: "warning", relative_change: 0.16, relative_change_low: 0.11, relative_change_high: 0.2, z: 6.1 };
  assert.deepEqual(say(warning), ["The error is 16% higher than in the 7 days before. Keep an eye on it.",
    "This is far beyond chance (z 6.1). The true rise lies between 11% and 20% (95% interval). Drift begins at 20% and z 3. A rise of 16% or more would have been seen with this many actuals."]);
  assert.match(say({ ...warning, relative_change: 0.26, relative_change_low: 0.06, relative_change_high: 0.46, z: 2.5 })[1], /^Chance could do this \(z 2\.5\)\. The true rise lies between 6% and 46%/);
});

test("not knowing has its reason and its next step", () => {
  assert.deepEqual(say({ ...judged, state: "silent", last_event: "2026-11-29 05:24:00", recent_count: 0, reference_count: 168 * 60 - 300 })[0], "No prediction has come for 9 h 56 min.");
  assert.match(say({ ...judged, state: "silent", last_event: "2026-11-29 05:24:00", recent_count: 0, predictions_due: 589.6 })[1], /^The last one was made \d\d:24; about 590 were due since\. Nothing can be said about its error now\.$/);
  assert.deepEqual(say({ state: "actuals_stopped", recent_count: 330, actual_lag_p95: 7200 }), ["Actuals have stopped coming.",
    "None of the 330 predictions of the last 6 h has one; 95% used to come within 2 h. The model still predicts, but its error is not known."]);
  assert.deepEqual(say({ state: "waiting", actual_count: 0, prediction_count: 6420 }), ["This model has never had an actual.", "6,420 predictions are stored. Send their actuals to ml_model_actuals, and its error is known at once."]);
  assert.deepEqual(say({ state: "waiting", actual_count: 900, recent_count: 481, actual_lag_p50: 25 * 3600, actual_lag_p95: 44.2 * 3600 }), ["The last 6 h have no actuals yet.",
    'Half of this model\'s actuals take more than 25 h, 95% come within 45 h. [Compare the 6 h that ended 45 h ago {"offset":45}].']);
  assert.deepEqual(say({ state: "too_few", reason: "recent: 11 actuals, fewer than 30", reference_actual_count: 345 }), ["11 actuals in 6 h are too few to tell; 30 are needed.", '[Compare the last 24 h instead {"recent":24}] (about 49 actuals).']);
  assert.deepEqual(say({ state: "too_few", reason: "recent: 11 actuals, fewer than 30", reference_actual_count: 345, reference_from: "2026-11-22 15:20:00", reference_to: "2026-11-28 09:20:00" })[1], '[Compare the last 24 h instead {"recent":24}] (about 59 actuals).');
  assert.equal(say({ state: "too_few", reason: "recent: 1 actuals, fewer than 30", reference_actual_count: 40 }).length, 1, "no longer window has enough either");
  assert.deepEqual(say({ state: "too_few", reason: "recent: 2 actuals, fewer than 30", reference_actual_count: 40 }, { recent: 72 }).length, 1);
  assert.deepEqual(say({ state: "too_few", reason: "reference: 64 actuals, fewer than 100" }), ["There are too few actuals before to compare with: 64, and 100 are needed."]);
  assert.deepEqual(say({ state: "too_few", reason: "recent: coverage 0.41, below 0.8" }), ["Only 41% of the last predictions have their actual; 80% are asked for."]);
  assert.deepEqual(say({ state: "too_few", reason: "mae: beyond float64" }), ["The errors are too large to be compared."]);
  assert.match(say({ state: "retired", model_version: "v7.2.0", last_event: "2026-11-28 07:52:00" }).join(" "), /^v7\.2\.0 is no longer used\. Its last prediction was made yesterday \d\d:52\.$/);
});

test("a new version is told beside the one before", () => {
  const fresh = { state: "new", model_version: "15", first_event: "2026-11-29 12:20:00", recent_mae: 67.4, recent_count: 90, previous_version: "14", previous_recent_mae: 68.5 };
  assert.deepEqual(say(fresh), ["Version 15 is 3 h old, so there is nothing to compare it with.", "In the same 6 h, its MAE is 67.4 and that of version 14 is 68.5.", '[Compare it with version 14 {"reference":"version:14"}].']);
  assert.match(say({ ...fresh, model_version: "v7.3.0", previous_version: null }, { reference: "pinned:2026-11-20T00:00:00Z,2026-11-21T00:00:00Z" }).join(" "), /^The window you marked has no actuals of v7\.3\.0\. v7\.3\.0 was first seen \d\d:20, and a version is compared with its own rows there\.$/);
  assert.match(say({ ...fresh, previous_version: "v7.2.0" }, { reference: "pinned:2026-11-20T00:00:00Z,2026-11-21T00:00:00Z" })[1], /there\. \[Compare it with v7\.2\.0 there {"reference":"pinned:2026-11-20T00:00:00Z,2026-11-21T00:00:00Z;version:v7\.2\.0"}\]\.$/);
  assert.deepEqual(say(fresh, { reference: "version:v7.1.0" }), ["v7.1.0 has no actuals in these 7 days."]);
  assert.deepEqual(say({ ...fresh, model_version: "v7.2.0", reason: "this version is the reference" }, { reference: "version:v7.2.0" }), ["v7.2.0 is what the others are compared with."]);
});

test("what is OK may still have something to say", () => {
  const ok = { ...judged, state: "ok", relative_change: 0.03, relative_change_low: -0.04, relative_change_high: 0.1, z: 0.8 };
  const last = " A rise of 16% or more would have been seen with this many actuals.";
  assert.deepEqual(say(ok), ["The error is as in the 7 days before.", "MAE changed by +3%; the true change lies between −4% and 10% (95% interval)." + last]);
  assert.deepEqual(say({ ...ok, bias_status: "drift", reference_bias: -30.8, recent_bias: 55.8, bias_z: 15.8 }), ["The errors are as large as before, but predictions now run high.", "Bias went from −30.8 to +55.8 (z 15.8)." + last]);
  assert.equal(say({ ...ok, recent_count: 39, week_ago_count: 100 })[0], "61% fewer predictions than in the same hours last week.");
  assert.equal(say({ ...ok, recent_count: 9, week_ago_count: 30 })[0], "The error is as in the 7 days before.", "fifty were not due");
  assert.equal(say({ ...ok, rmse_status: "drift", rmse_relative_change: 0.41 })[0], "Few large errors: RMSE is up 41%, MAE is not.");
  assert.deepEqual(say({ ...ok, relative_change: -0.29, relative_change_low: -0.35, relative_change_high: -0.22, z: -6.5 }), ["The error is 29% lower than in the 7 days before.", "This is far beyond chance (z −6.5). The true fall lies between 22% and 35% (95% interval)." + last]);
  assert.equal(say({ ...ok, relative_change: 0.07, z: 2.4 })[0], "The error is 7% higher than in the 7 days before, too little to matter.");
  assert.deepEqual(say({ ...ok, recent_mae: 0, reference_mae: 0, min_detectable_change: null, z: null }), ["There are no errors at all, now or before."]);
});

test("advice changes nothing but the address", () => {
  const young = { ...drift, first_event: "2026-11-28 07:20:00", previous_version: "v7.2.0" };
  assert.equal(say(young)[2], 'v7.3.0 is 32 h old and compared with its own earlier hours. [Compare it with v7.2.0 {"reference":"version:v7.2.0"}].');
  assert.equal(say(young, { reference: "version:v7.2.0" }).length, 2);
  assert.equal(say({ ...young, first_event: "2026-11-20 07:20:00" }).length, 2, "older than three quarters of the reference");
  assert.equal(say({ ...drift, actual_lag_p95: 5.2 * 3600 })[2], '95% of the actuals take up to 5 h 12 min, so the newest hours rest on the early ones. [Compare the 6 h that ended 6 h ago {"offset":6}].');
  assert.equal(say({ ...drift, actual_lag_p95: 5.2 * 3600 }, { offset: 6 }).length, 2);
});

test("no sentence has a hole, whatever a row lacks", () => {
  for (const state of ["drift", "silent", "actuals_stopped", "warning", "waiting", "new", "ok", "too_few", "retired"]) {
    for (const reference of ["rolling", "version:previous", "pinned:2026-11-20T00:00:00Z,2026-11-21T00:00:00Z", "seasonal:4"]) {
      for (const row of [{}, judged, Object.fromEntries(Object.keys(judged).map((key) => [key, null]))]) {
        const text = say({ state, ...row }, { reference }).join(" ");
        assert.doesNotMatch(text, /undefined|null|NaN|object| {2}|\.\./, `${state} ${reference}: ${text}`);
      }
    }
  }
});

test("how quantiles moved", () => {
  const of = (p50, p99) => shapeOfChange({ state: "ok", recent_abs_error_p50: p50, reference_abs_error_p50: 1, recent_abs_error_p99: p99, reference_abs_error_p99: 1 });
  assert.equal(of(1.8, 1.3), "All errors grew, the usual ones and the largest.");
  assert.equal(of(1.05, 1.3), "The largest errors grew; the usual ones did not.");
  assert.equal(of(1.3, 1.1), "All errors grew, the usual ones most.");
  assert.equal(of(1.3, 1.02), "The usual errors grew; the largest are as before.");
  assert.equal(of(0.8, 0.8), "All errors shrank.");
  assert.equal(of(1.02, 0.99), "Small and large errors are about as before.");
  assert.equal(of(null, 1), "");
});

test("how late actuals come", () => {
  assert.equal(plain(lateness({ actual_lag_p50: 2160, actual_lag_p95: 7200, actual_count: 5 })), "Half within 36 min, 95% within 2 h. With actual, by age:");
  assert.equal(lateness({ actual_lag_p50: null, actual_count: 5 }), "They come with their predictions.");
});

test("windows are those that were compared, and rates those of the part in which a version was there", () => {
  const hour = 3_600_000, told = { reference_from: "2026-11-20 00:00:00", reference_to: "2026-11-21 00:00:00" };
  assert.deepEqual(windows({}, { ...view, offset: 6 }), { recent: { from: now - 12 * hour, to: now - 6 * hour }, reference: null });
  assert.deepEqual(windows({ recent_from: "2026-11-29 03:20:00", ...told }, view), { recent: { from: now - 12 * hour, to: now }, reference: { from: Date.parse("2026-11-20T00:00:00Z"), to: Date.parse("2026-11-21T00:00:00Z") } });
  assert.equal(windows(told, { ...view, reference: "seasonal:4" }).reference, null, "several windows are not one");
  assert.equal(hourly(60, { from: now - 6 * hour, to: now }, { first_event: "2026-11-29 12:20:00" }, true), 20);
  assert.equal(hourly(60, { from: now - 6 * hour, to: now }, { last_event: "2026-11-29 11:20:00" }, false), 30);
  assert.equal(hourly(60, { from: now - 6 * hour, to: now }, { last_event: "2026-11-29 11:20:00" }, true), 10);
  assert.equal(hourly(null, null, undefined, true), null);
});

test("the standard error of a bias comes from the mean square", () => {
  assert.equal(biasError(3, 25, 16), 1);
  assert.equal(biasError(5, 25 - 1e-12, 16), 0, "rounding is no negative variance");
  assert.equal(biasError(3, 25, 1), null);
  assert.equal(biasError(3, null, 9), null);
});

test("labels are spread, in their order and within bounds", () => {
  assert.deepEqual(spread([10, 12, 100], 16, 0, 200), [10, 26, 100]);
  assert.deepEqual(spread([190, 195, 199], 16, 0, 200), [168, 184, 200]);
  assert.deepEqual(spread([-50], 16, 6, 200), [6]);
});

test("a log axis has all values in order within its ends", () => {
  const x = logAxis([1, 10, 100, 0, null], 6, 206);
  assert.ok(x(1) > 6 && x(1) < x(10) && x(10) < x(100) && x(100) < 206);
  assert.equal(x(0), 6);
  assert.ok(Math.abs(logAxis([5, 5], 0, 100)(5) - 50) < 1e-9);
});

test("what is said of a model has its edges", () => {
  const ok = { ...judged, state: "ok", relative_change: -0.1, relative_change_low: -0.2, relative_change_high: -0.01, reference_mae: 6.6, recent_mae: 6 };
  assert.match(say({ ...ok, z: -3 })[0], /^The error is 10% lower/);
  assert.match(say({ ...ok, z: -2.9 })[0], /^The error is as in/);
  const young = (hours) => say({ ...drift, previous_version: "v7.2.0", first_event: new Date(now - hours * 3_600_000).toISOString().slice(0, 19).replace("T", " ") }).join(" ");
  assert.match(young(125), /compared with its own earlier hours/);
  assert.doesNotMatch(young(127), /compared with its own earlier hours/);
});
