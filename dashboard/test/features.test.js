import assert from "node:assert/strict";
import test from "node:test";
import { lines, read, shown, telling, valueAt } from "../static/features.js";

test("the features that tell the worst rows apart come first; ids and noise do not come", () => {
  const sample = Array.from({ length: 100 }, (_, i) => ({ rain: i % 5 === 0, distance: i % 10, order: `o${i}`, city: ["a", "b"][i % 2], courier: { days: i } }));
  const worst = Array.from({ length: 20 }, (_, i) => ({ rain: true, distance: i % 10, order: `w${i}`, city: ["a", "b"][i % 2], courier: { days: 2 + i % 3 } }));
  assert.deepEqual(telling(worst, sample, 4).sort(), ["courier.days", "rain"]);
  assert.deepEqual(telling(worst, sample, 1).length, 1);
  assert.deepEqual(telling(sample, sample, 4), []);
  const places = (n, step) => Array.from({ length: n }, (_, i) => ({ place: `p${(i * step) % 17}` }));
  assert.deepEqual(telling(places(20, 5), places(100, 7), 4), [], "many values in few rows are shared out unevenly by chance");
  assert.deepEqual(telling([], sample, 4), []);
  assert.deepEqual(telling([null], [], 4), [], "what is no object tells nothing");
  assert.equal(valueAt(worst[0], "courier.days"), 2);
  assert.equal(valueAt(null, "rain"), undefined);
});

test("features are read as objects alone, and shown as lines, however deep they are", () => {
  assert.equal(read("[1]"), null);
  assert.equal(read("not json"), null);
  assert.equal(read("null"), null);
  assert.deepEqual(lines({ a: 1, b: { c: "x", d: [1, { e: null }] }, f: {} }).map((l) => [l.depth, l.key, l.value]),
    [[0, "a", "1"], [0, "b", null], [1, "c", "x"], [1, "d", null], [2, "0", "1"], [2, "1", null], [3, "e", "null"], [0, "f", "{}"]]);
  let deep = {};
  for (let i = 0; i < 500; i++) deep = { a: deep };
  assert.ok(lines(deep).length < 20);
  assert.ok(lines(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]))).length <= 2000);
  assert.equal(shown("<b>"), "<b>");
  assert.equal(shown(undefined), "");
});
