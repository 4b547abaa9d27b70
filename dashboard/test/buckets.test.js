import assert from "node:assert/strict";
import test from "node:test";
import { defaults } from "../static/address.js";
import { buckets, choices, choose, coverageByAge, hourlyActuals, lengths, parameters, points, rangeHours, window } from "../static/buckets.js";

const hour = 3_600_000, day = 24 * hour, names = Object.keys(lengths);

test("the bucket is the smallest with forty actuals expected, of those with 6 to 260 in the window", () => {
  for (const [length, hourly, want] of [
    [6 * hour, 100, "1h"], [6 * hour, 2500, "5m"], [6 * hour, 160, "15m"], [24 * hour, 100, "1h"], [7 * day, 100, "1h"], [7 * day, 7, "6h"], [7 * day, 1, "6h"], [30 * day, 100, "6h"], [90 * day, 100, "1d"],
    [90 * day, 0, "1d"], [7 * day, 0, "6h"], [24 * hour, 0, "1h"], [10 * 60_000, 0, "1m"], [60_000, 1e9, "1m"], [3000 * day, 5, "1w"], [9000 * day, 0, "1w"],
  ]) assert.equal(choose(length, hourly), want, `${length / hour} h, ${hourly} an hour`);
});

test("whatever the window and the traffic, a choice fits as the rule says", () => {
  for (let length = 6 * 60_000; length < 260 * 7 * day; length *= 1.37) {
    for (const hourly of [0, 0.01, 1, 39, 40, 41, 1e4]) {
      const chosen = choose(length, hourly), n = length / lengths[chosen];
      assert.ok(n >= 6 && n <= 260, `${length / hour} h: ${n} buckets`);
      const finer = names.slice(0, names.indexOf(chosen)).filter((name) => length / lengths[name] <= 260);
      if (hourly * lengths[chosen] / hour >= 40) assert.ok(finer.every((name) => hourly * lengths[name] / hour < 40), "a finer one would do");
      assert.ok(choices(length).includes(chosen));
    }
  }
});

test("actuals of an hour are those of all versions, as far as they were there", () => {
  const row = (first, last, n) => ({ first_event: `2026-11-${first}`, last_event: `2026-11-${last}`, actual_count: n }), at = (text) => Date.parse(`2026-11-${text}T00:00:00Z`);
  const rows = [row("01 00:00:00", "11 00:00:00", 2400), row("11 00:00:00", "12 00:00:00", 480), row("12 00:00:00", "12 00:00:00", 7), { first_event: null, last_event: null, actual_count: 0 }];
  assert.equal(hourlyActuals(rows, { from: at("02"), to: at("03") }), 10);
  assert.equal(hourlyActuals(rows, { from: at("10"), to: at("12") }), 15);
  assert.equal(hourlyActuals(rows, { from: at("12"), to: at("13") }), 7 / 24);
  assert.equal(hourlyActuals([], { from: at("12"), to: at("13") }), 0);
});

test("a window that ends now is asked by its length, one that is fixed by its ends", () => {
  const now = Date.parse("2026-11-29T15:20:00Z"), values = defaults("/model");
  assert.deepEqual(parameters(values, now), { time_window: 168, as_of: "" });
  assert.deepEqual(window(values, now), { from: now - 7 * day, to: now, fixed: false });
  const fixed = { ...values, from: "2026-11-26T00:00:00Z", to: "2026-11-30T00:00:00Z" };
  assert.deepEqual(window(fixed, now), { from: Date.parse(fixed.from), to: now, fixed: true }, "it does not go beyond now");
  assert.equal(window({ ...fixed, to: "2026-11-20T00:00:00Z" }, now).fixed, false, "one that ends before it begins is none");
  assert.equal(rangeHours("6h"), 6);
  assert.equal(rangeHours("90d"), 2160);
});

test("a bucket ends where the next one begins, and the last one with the window or when it is full", () => {
  const starts = [0, 23 * 3600, 47 * 3600]; // a day of 23 hours first
  assert.deepEqual(buckets(starts, "1d", 50 * hour).map((b) => [b.from / hour, b.to / hour, b.end / hour, b.middle / hour]), [[0, 23, 23, 11.5], [23, 47, 47, 35], [47, 50, 71, 48.5]]);
});

test("small buckets are not drawn, unless most are small, nor one that still fills", () => {
  const of = buckets([0, 3600, 7200, 10_800, 14_400], "1h", 4.5 * hour), f = (values, counts) => points(values, counts, of);
  assert.deepEqual(f([1, 2, 3, 4, 5], [50, 9, 29, 40, 29]), { values: [1, null, 3, 4, null], hollow: [false, false, true, false, false], lone: [true, false, false, false, false] });
  assert.deepEqual(f([1, 2, 3, 4, 5], [50, 40, 40, 40, 30]).values, [1, 2, 3, 4, 5], "30 are enough for one that fills");
  assert.deepEqual(f([1, 2, 3, null, 5], [1, 2, 3, 0, 4]), { values: [1, 2, 3, null, null], hollow: [true, true, true, false, false], lone: [false, false, false, false, false] });
  assert.deepEqual(f([null, 2, null, 4, null], [0, 50, 0, 50, 0]).lone, [false, true, false, true, false]);
});

test("coverage by age sums hours into ages, and leaves out ages that are not there", () => {
  const now = 5.5 * hour, of = buckets([0, 3600, 7200, 10_800, 14_400, 18_000], "1h", now);
  const ages = coverageByAge(of, [10, 10, 10, 10, 10, 4], [10, 9, 8, 6, 2, 1], now);
  assert.deepEqual(ages.map((a) => [a.from, a.to, a.predictions, a.actuals]), [[0, 1, 4, 1], [1, 2, 10, 2], [2, 4, 20, 14], [4, 8, 20, 19]]);
  assert.equal(ages[3].share, 0.95);
  assert.deepEqual(coverageByAge(of, [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], now), []);
});
