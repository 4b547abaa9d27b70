import assert from "node:assert/strict";
import test from "node:test";
import { instant, moment } from "../static/moments.js";

const now = Date.parse("2026-11-29T15:20:00Z"), berlin = "Europe/Berlin";
const read = (typed, zone = berlin) => { const ms = moment(typed, now, zone); return ms === null ? null : new Date(ms).toISOString().slice(0, 16); };

test("times are read as people type them, in the reader's zone", () => {
  for (const [typed, want] of [
    ["26 Nov 21:06", "2026-11-26T20:06"], ["26 november 2025, 21:06", null], ["26 Nov 2025 21:06", "2025-11-26T20:06"], ["Thu 26 Nov 14:00", "2026-11-26T13:00"], ["26 Nov", "2026-11-25T23:00"],
    ["12 Dec 08:00", "2025-12-12T07:00"], ["yesterday 9:00", "2026-11-28T08:00"], ["yesterday", "2026-11-27T23:00"], ["06:50", "2026-11-29T05:50"], ["today", "2026-11-28T23:00"], ["3d ago", "2026-11-26T15:20"],
    ["90 min ago", "2026-11-29T13:50"], ["2 hours ago", "2026-11-29T13:20"], ["1.5h ago", "2026-11-29T13:50"], ["2w ago", "2026-11-15T15:20"], ["now", "2026-11-29T15:20"], [" NOW ", "2026-11-29T15:20"],
    ["2026-11-26T20:06:00Z", "2026-11-26T20:06"], ["2026-11-26 21:06:00+01:00", "2026-11-26T20:06"], ["2026-11-26 21:06", "2026-11-26T20:06"], ["2026-11-26", "2026-11-25T23:00"], ["1 Jul 12:00", "2026-07-01T10:00"],
  ]) assert.equal(read(typed), want, typed);
});

test("what is no time is none", () => {
  for (const typed of ["", " ", "soon", "31 Feb 10:00", "26 Nov 24:00", "26 Nov 10:60", "26 Nox 10:00", "2026-13-01", "2026-02-30 10:00", "d ago", "-3d ago", "10", "99:99", "2026-99-99T00:00:00Z", "<b>1</b>"]) assert.equal(read(typed), null, typed);
});

test("where the clock changes, a time is the first of two, and one that is skipped comes after the gap", () => {
  assert.equal(read("25 Oct 2:30"), "2026-10-25T00:30");
  assert.equal(read("29 Mar 2:30"), "2026-03-29T01:30");
  for (let ms = Date.UTC(2026, 0, 1); ms < Date.UTC(2027, 0, 1); ms += 37 * 60_000 * 13) assert.equal(instant(ms, "UTC"), ms);
});
