import assert from "node:assert/strict";
import test from "node:test";
import { before, headline, line, weekly } from "../static/sentences.js";

const hour = 3_600_000, now = Date.parse("2026-11-29T15:20:00Z");
const view = { recent: 6, history: 168, offset: 0, now };
const ago = (hours) => new Date(now - hours * hour).toISOString().slice(0, 19).replace("T", " ");
const said = (row, at = view) => line({ recent_from: ago(6), recent_count: 500, reference_count: 10_000, drift_z: 3, drift_change: 0.2, ...row }, at)?.replaceAll("\u00a0", " ") ?? null;

test("each state has its line", () => {
  const rise = { state: "drift", relative_change: 0.784, relative_change_low: 0.671, relative_change_high: 0.894, reference_mae: 3.36 };
  for (const [row, want] of [
    [{ ...rise, changed_at: ago(9), change_version: "v7.3.0", change_version_first_event: ago(31) }, /^Error up 78% \(67% to 89%\), since about .*\d\d:\d\d, 22 h after v7\.3\.0 came\.$/],
    [{ ...rise, changed_at: ago(77) }, /^Error up 78% \(67% to 89%\), since before .*\d\d:\d\d\.$/],
    [{ ...rise }, "Error up 78% (67% to 89%)."],
    [{ ...rise, relative_change_low: -0.02 }, "Error up 78% (−2% to 89%)."],
    [{ state: "drift", reference_mae: 0 }, "Error up from zero."],
    [{ state: "silent", last_event: ago(9 + 56 / 60), predictions_due: 589.5 }, "No prediction for 9 h 56 min; about 590 were due."],
    [{ state: "actuals_stopped", recent_count: 330, actual_lag_p95: 7200 }, "No actual for the last 330 predictions; they used to come within 2 h. The error is not known."],
    [{ state: "warning", relative_change: 0.16, relative_change_low: 0.11, relative_change_high: 0.2, z: 5 }, "Error up 16% (11% to 20%): not by chance, but less than the 20% that counts as drift."],
    [{ state: "warning", relative_change: 0.26, relative_change_low: 0.06, relative_change_high: 0.46, z: 2.51 }, "Error up 26% (6% to 46%): as much as drift, but chance could do it (z 2.5)."],
    [{ state: "warning", relative_change: 0.14, relative_change_low: 0.01, relative_change_high: 0.27, z: 2.1 }, "Error up 14% (1% to 27%): less than the 20% that counts as drift, and chance could do it (z 2.1)."],
    [{ state: "waiting", prediction_count: 6420, actual_count: 0 }, "6,420 predictions, and never an actual."],
    [{ state: "waiting", actual_count: 9, recent_count: 481, actual_lag_p50: 25 * 3600 }, "481 predictions wait. Half of the actuals take more than 25 h, so 6 h is too short for this model."],
    [{ state: "new", first_event: ago(3), recent_mae: 67.4, previous_version: "14", previous_recent_mae: 68.5 }, "First seen 3 h ago, nothing to compare it with. MAE 67.4; version 14 has 68.5 in the same 6 h."],
    [{ state: "new", first_event: ago(3), recent_mae: null }, "First seen 3 h ago, nothing to compare it with."],
    [{ state: "too_few", reason: "recent: 11 actuals, fewer than 30" }, "11 actuals in 6 h, 30 are needed."],
    [{ state: "too_few", reason: "reference: 64 actuals, fewer than 100" }, "64 actuals in the 7 days before, 100 are needed."],
    [{ state: "too_few", reason: "recent: coverage 0.41, below 0.8" }, "41% of the predictions have their actual, 80% are asked for."],
    [{ state: "ok", bias_status: "drift", recent_bias: 56.8, reference_bias: -30.7 }, "Predictions now run high: bias +56.8, before −30.7. The errors are no larger."],
    [{ state: "ok", recent_count: 371, week_ago_count: 950 }, "61% fewer predictions than in the same hours last week."],
    [{ state: "ok", rmse_status: "drift", rmse_relative_change: 0.41 }, "Few large errors: RMSE is up 41%, MAE is not."],
    [{ state: "ok", recent_count: 10, week_ago_count: 40 }, null],
    [{ state: "ok" }, null],
    [{ state: "retired" }, null],
  ]) {
    if (want instanceof RegExp) assert.match(said(row) ?? "", want);
    else assert.equal(said(row), want);
  }
});

test("what is compared with is named by the reference", () => {
  assert.equal(before(view), "the 7 days before");
  assert.equal(before({ ...view, reference: "version:v7.2.0" }), "v7.2.0");
  assert.equal(before({ ...view, reference: "version:14" }), "version 14");
  assert.equal(before({ ...view, reference: "pinned:a,b" }), "the window you marked");
  assert.equal(before({ ...view, reference: "seasonal:4" }), "the same hours of 4 weeks");
});

test("a rate is over the time in which the version was there", () => {
  assert.equal(weekly({ recent_count: 10, week_ago_count: 19 }), null);
});

test("the headline counts models by state", () => {
  const of = (states) => headline(Object.entries(states).map(([state, models]) => ({ environment: "production", state, versions: models, models })));
  for (const [states, want] of [
    [{ drift: 2, silent: 1, actuals_stopped: 1, warning: 1, ok: 38 }, "2 models have drifted, 1 has fallen silent, 1 gets no more actuals and 1 is on warning."],
    [{ drift: 1 }, "1 model has drifted."],
    [{ silent: 3, warning: 2 }, "3 models have fallen silent and 2 are on warning."],
    [{ ok: 38, new: 2 }, "All 38 models that can be judged are within their usual error."],
    [{ ok: 1 }, "The one model that can be judged is within its usual error."],
    [{ waiting: 4 }, "No model can be judged yet."],
    [{}, "No model can be judged yet."],
  ]) assert.equal(of(states), want);
});

test("the headline counts models, not their versions", () => {
  assert.equal(headline([{ environment: "production", state: "drift", versions: 5, models: 2 }, { environment: "production", state: "ok", versions: 9, models: 7 }]), "2 models have drifted.");
});

test("what is said has its edges", () => {
  const fewer = (recent) => said({ state: "ok", recent_count: recent, week_ago_count: 100 });
  assert.equal(fewer(50), "50% fewer predictions than in the same hours last week.");
  assert.equal(fewer(51), null);
  const rise = { state: "drift", relative_change: 0.5, relative_change_low: null, relative_change_high: null, reference_mae: 1 };
  assert.match(said({ ...rise, changed_at: ago(6 + 69) }), /since (?!before)/);
  assert.match(said({ ...rise, changed_at: ago(6 + 71) }), /since before /);
});
