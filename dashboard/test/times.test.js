import assert from "node:assert/strict";
import test from "node:test";
import { age, brief, clock, hours, offset, parse, rfc, span } from "../static/times.js";

const s = "\u00a0", h = 3_600_000, now = Date.parse("2026-11-29T15:20:00Z"), berlin = "Europe/Berlin";

test("times of answers are UTC", () => {
  assert.equal(parse("2026-11-29 15:20:00"), now);
  assert.equal(parse("2026-11-29 15:20:00.250"), now + 250);
  assert.equal(parse(null), null);
  assert.equal(parse("1970-01-01 00:00:00"), null, "no time at all");
  assert.equal(parse("nonsense"), null);
  assert.equal(rfc(now + 999), "2026-11-29T15:20:00Z");
});

test("a clock says as much of the day as is needed, in the zone", () => {
  assert.equal(clock(Date.parse("2026-11-29T05:50:00Z"), now, berlin), "06:50");
  assert.equal(clock(Date.parse("2026-11-28T21:10:00Z"), now, berlin), "yesterday 22:10");
  assert.equal(clock(Date.parse("2026-11-28T23:30:00Z"), now, berlin), "00:30", "a day begins in the zone");
  assert.equal(clock(Date.parse("2026-11-26T13:00:00Z"), now, berlin), "Thu 26 Nov 14:00");
  assert.equal(clock(Date.parse("2025-03-03T13:00:00Z"), now, "UTC"), "3 Mar 2025 13:00");
  assert.equal(offset(now, berlin), "UTC+1");
  assert.equal(offset(Date.parse("2026-07-01T00:00:00Z"), berlin), "UTC+2");
  assert.equal(offset(now, "Asia/Kolkata"), "UTC+5:30");
  assert.equal(offset(now, "America/St_Johns"), "UTC−3:30");
  assert.equal(offset(now, "UTC"), "UTC");
});

test("spans and ages", () => {
  for (const [ms, want] of [[8000, `8${s}s`], [4 * 60e3, `4${s}min`], [9 * h + 20 * 60e3, `9${s}h 20${s}min`], [2 * h, `2${s}h`], [31 * h, `31${s}h`], [5 * 24 * h, `5${s}d`], [-5, `0${s}s`]]) assert.equal(span(ms), want);
  for (const [ms, want] of [[11_000, `11${s}s`], [59_999, `59${s}s`], [9.9 * h, `9${s}h`], [47.9 * h, `47${s}h`], [48 * h, `2${s}d`]]) assert.equal(age(ms), want);
  assert.equal(hours(6), `6${s}h`);
  assert.equal(hours(168), "7 days");
  assert.equal(brief(72), `3${s}d`);
});
