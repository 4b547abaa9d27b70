import assert from "node:assert/strict";
import test from "node:test";
import { runs } from "../static/strip.js";

test("hours of one state are one stretch, unless time is between", () => {
  const row = (hour, state) => ({ bucket_start: `2026-11-29 0${hour}:00:00`, bucket_end: `2026-11-29 0${hour + 1}:00:00`, state });
  const at = (hour) => Date.parse(`2026-11-29T0${hour}:00:00Z`);
  assert.deepEqual(runs([row(0, "ok"), row(1, "ok"), row(2, "drift"), row(4, "drift")]), [
    { state: "ok", from: at(0), to: at(2) }, { state: "drift", from: at(2), to: at(3) }, { state: "drift", from: at(4), to: at(5) },
  ]);
  assert.deepEqual(runs([]), []);
});
