import assert from "node:assert/strict";
import test from "node:test";
import { bytes, change, count, number, percent, scale, share, signed, z } from "../static/numbers.js";

const s = "\u00a0";

test("a number alone has three significant digits", () => {
  for (const [x, want] of [
    [6.124, "6.12"], [10.55, "10.6"], [984.4, "984"], [1134.2, "1,134"], [9999.4, "9,999"], [18_740, `18.7${s}k`], [1e6, `1.00${s}M`], [1.5e9, `1.50${s}G`], [2e12, `2.00${s}T`], [0.193, "0.193"],
    [0.0147, "0.0147"], [0.0000132, "1.32e−5"], [-0.0000132, "−1.32e−5"], [1e15, "1.00e15"], [0, "0"], [-6.5, "−6.50"], [null, "–"], [undefined, "–"], [NaN, "–"], [Infinity, "–"], [-0, "0"],
  ]) assert.equal(number(x), want, String(x));
});

test("numbers that are compared share unit and decimals", () => {
  const at = scale([18_740, 9_200, null]);
  assert.deepEqual([18_740, 9_200].map((x) => number(x, at)), [`18.7${s}k`, `9.2${s}k`]);
  assert.deepEqual([37.7, 3.4].map((x) => number(x, scale([37.7, 3.4]))), ["37.7", "3.4"]);
  assert.deepEqual([0.00001, 0].map((x) => number(x, scale([0.00001]))), ["1.00e−5", "0"]);
  assert.equal(number(9.999, scale([9.999])), "10.0", "rounding does not add a digit");
});

test("signs are true minus and plus, and none on nothing", () => {
  assert.equal(signed(4.79), "+4.79");
  assert.equal(signed(-30.7), "−30.7");
  assert.equal(signed(0), "0");
  assert.equal(signed(-0.001, { unit: "", by: 1, decimals: 1 }), "0.0");
});

test("changes", () => {
  for (const [x, want] of [[0.784, "+78%"], [0, "0%"], [0.001, "0%"], [-0.001, "0%"], [-0.03, "−3%"], [9.9, "+990%"], [11, "×12.0"], [999, "×1,000"], [null, "–"], [1e9, "×1.00e9"]]) assert.equal(change(x), want, String(x));
  assert.equal(percent(-0.61), "61%");
  assert.equal(percent(11), "×12.0");
});

test("a share that is not all is not 100%", () => {
  for (const [x, want] of [[1, "100%"], [0.999, ">99%"], [0.994, "99%"], [0, "0%"], [0.001, "<1%"], [0.874, "87%"], [null, "–"]]) assert.equal(share(x), want, String(x));
});

test("counts, z and bytes", () => {
  assert.equal(count(99_999), "99,999");
  assert.equal(count(123_456), `123${s}k`);
  assert.equal(z(14.44), "14.4");
  assert.equal(z(-2.5), "−2.5");
  assert.equal(bytes(536_870_912), `512${s}MiB`);
  assert.equal(bytes(10), `10${s}B`);
});
