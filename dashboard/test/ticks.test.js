import assert from "node:assert/strict";
import test from "node:test";
import { lined, round, timeTicks, valueRange, valueTicks } from "../static/ticks.js";

const hour = 3_600_000, day = 24 * hour, berlin = "Europe/Berlin";
const every = (from, step, n) => Array.from({ length: n }, (_, i) => Date.parse(from) + i * step);
const texts = (starts, width, zone) => timeTicks(starts, { from: starts[0], to: starts[starts.length - 1] + (starts[1] - starts[0]), width, zone }).map((t) => t.text);

test("a week of hours has dates at midnight and noon between", () => {
  assert.deepEqual(texts(every("2026-11-22T15:00:00Z", hour, 169), 1220, berlin), ["23 Nov", "12:00", "24 Nov", "12:00", "25 Nov", "12:00", "26 Nov", "12:00", "27 Nov", "12:00", "28 Nov", "12:00", "29 Nov", "12:00"]);
});

test("six hours have clock times, three months dates, years months", () => {
  assert.deepEqual(texts(every("2026-11-29T09:30:00Z", hour / 4, 25), 1220, berlin), ["10:30", "11:00", "11:30", "12:00", "12:30", "13:00", "13:30", "14:00", "14:30", "15:00", "15:30", "16:00", "16:30"]);
  assert.deepEqual(texts(every("2026-08-31T00:00:00Z", day, 91), 1220, "UTC").slice(0, 3), ["31 Aug", "7 Sep", "14 Sep"]);
  const months = texts(every("2025-01-01T00:00:00Z", day, 700), 1220, "UTC");
  assert.ok(months.includes("Jan 2026") && months.includes("Apr"), months.join());
});

test("ticks stand on bucket starts, apart enough, however wide the chart is and in whatever zone", () => {
  for (const zone of ["UTC", berlin, "Asia/Kolkata", "America/Santiago", "Australia/Lord_Howe"]) {
    for (const [step, n] of [[60_000, 200], [hour / 4, 100], [hour, 169], [6 * hour, 120], [day, 90], [7 * day, 200]]) {
      for (const width of [160, 320, 700, 1400, 3000]) {
        const starts = every("2026-03-20T13:00:00Z", step, n), ticks = timeTicks(starts, { from: starts[0], to: starts[n - 1] + step, width, zone });
        const px = width / (n * step);
        ticks.forEach((t, i) => {
          assert.ok(starts.includes(t.at));
          if (i > 0) assert.ok((t.at - ticks[i - 1].at) * px >= 72 - 1e-6, `${zone} ${step / hour} h, ${width} px`);
        });
        assert.ok(new Set(ticks.map((t) => t.at)).size === ticks.length);
      }
    }
  }
});

test("where a clock changes, dates stand at the first bucket of the day", () => {
  // Berlin leaves summer time on 25 October 2026: the day has 25 hours, and 12:00 comes after 13 of them.
  const autumn = timeTicks(every("2026-10-24T22:00:00Z", hour, 49), { from: Date.parse("2026-10-24T22:00:00Z"), to: Date.parse("2026-10-26T23:00:00Z"), width: 400, zone: berlin });
  assert.deepEqual(autumn.map((t) => [t.text, new Date(t.at).toISOString().slice(5, 13)]), [["25 Oct", "10-24T22"], ["12:00", "10-25T11"], ["26 Oct", "10-25T23"], ["12:00", "10-26T11"]]);
  // Santiago has no midnight on 6 September 2026: the day begins at 01:00.
  const starts = [...every("2026-09-04T04:00:00Z", day, 2), ...every("2026-09-06T04:00:00Z", day, 1), ...every("2026-09-07T03:00:00Z", day, 2)];
  const skipped = timeTicks(starts, { from: starts[0], to: starts[4] + day, width: 800, zone: "America/Santiago" });
  assert.deepEqual(skipped.map((t) => t.text), ["4 Sep", "5 Sep", "6 Sep", "7 Sep", "8 Sep"]);
  assert.ok(skipped.every((t) => t.midnight));
});

test("lines go through midnights, and through all ticks of less than 25 hours", () => {
  const ticks = [{ at: 0, text: "1 Jan", midnight: true }, { at: 1, text: "12:00", midnight: false }];
  assert.equal(lined(ticks, 7 * day).length, 1);
  assert.equal(lined(ticks, day).length, 2);
});

test("values have some four round steps over the whole range", () => {
  assert.deepEqual(valueTicks(0, 7.4, 4), [0, 2, 4, 6, 8]);
  assert.deepEqual(valueTicks(0, 9.6, 4), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(valueTicks(0, 0.31, 4), [0, 0.1, 0.2, 0.3, 0.4]);
  assert.deepEqual(valueTicks(-3.1, 4.2, 5), [-4, -2, 0, 2, 4, 6]);
  assert.deepEqual(valueTicks(0.62, 1, 4), [0.6, 0.7, 0.8, 0.9, 1]);
  assert.deepEqual(valueTicks(0, 0, 4).length >= 2, true);
  for (let high = 1e-9; high < 1e12; high *= 1.7) {
    const at = valueTicks(0, high, 4);
    assert.ok(at.length >= 4 && at.length <= 7 && at[0] === 0 && at[at.length - 1] >= high, `${high}: ${at}`);
  }
  assert.equal(round(0.21), 0.5);
  assert.equal(round(NaN), 1);
});

test("the range follows the lines; bands stretch it by a fifth at most", () => {
  assert.deepEqual(valueRange([2, 5, null], [1, 5.5], "zero"), { low: 0, high: 5.5 });
  assert.deepEqual(valueRange([2, 5], [-40, 100], "zero"), { low: 0, high: 6 });
  assert.deepEqual(valueRange([-2, 3], [-50, 50], "both"), { low: -3, high: 4 });
  assert.deepEqual(valueRange([0.7, 0.9], [], "one"), { low: 0.7, high: 1 });
  assert.deepEqual(valueRange([null, Infinity], [null], "zero"), { low: 0, high: 1 });
  assert.deepEqual(valueRange([0, 0], [0], "zero"), { low: 0, high: 1 });
});
