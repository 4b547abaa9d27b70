// Numbers as they are read: three significant digits, and one unit and number of decimals for those that are compared.

/** @typedef {number | null | undefined} Value */
/** @typedef {{ unit: string, by: number, decimals: number, exponent?: boolean }} Scale */

export const none = "–";
export const minus = "−";
const gap = "\u00a0";

/** @type {[string, number][]} */
const units = [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]];

/** @param {Value} x @returns {x is number} */
const known = (x) => typeof x === "number" && Number.isFinite(x);

/**
 * The scale in which the largest of the values has three significant digits.
 * @param {Value[]} values
 * @returns {Scale}
 */
export function scale(values) {
  const exact = Math.max(0, ...values.filter(known).map(Math.abs)), most = rounded(exact);
  if (most !== 0 && (most < 0.001 || most >= 1e15)) return { unit: "", by: 1, decimals: 2, exponent: true };
  const [unit, by] = (Math.round(exact) >= 10_000 && units.find(([, size]) => most >= size)) || ["", 1];
  const digits = most === 0 ? 1 : Math.floor(Math.log10(most / by)) + 1;
  return { unit, by, decimals: most === 0 ? 0 : Math.max(0, 3 - digits) };
}

/** @param {number} x x to three significant digits, so that 999.96 is taken for 1,000 */
const rounded = (x) => Number(x.toPrecision(3));

/**
 * @param {Value} x
 * @param {Scale} [at] that of the number alone, if it is not given
 */
export function number(x, at) {
  if (!known(x)) return none;
  const s = at ?? scale([x]);
  if (s.exponent) return x === 0 ? "0" : exponent(x);
  return sign(grouped(x / s.by, s.decimals)) + (s.unit && gap + s.unit);
}

/** @param {number} x */
function exponent(x) {
  const [digits, power] = x.toExponential(2).split("e");
  return sign(digits) + "e" + sign(power.replace("+", ""));
}

/** @param {string} text */
const sign = (text) => text.replace("-", minus);

/** @type {Map<number, Intl.NumberFormat>} */
const formats = new Map();

/** @param {number} x @param {number} decimals */
function grouped(x, decimals) {
  let format = formats.get(decimals);
  if (!format) formats.set(decimals, format = new Intl.NumberFormat("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals, useGrouping: true }));
  const text = format.format(x);
  return /[1-9]/.test(text) ? text : text.replace("-", "");
}

/** @param {Value} x @param {Scale} [at] a number with its sign, also above zero */
export function signed(x, at) {
  const text = number(x, at);
  return known(x) && x > 0 && /[1-9]/.test(text) ? "+" + text : text;
}

/** @param {Value} ratio a change: +78%, 0%, −3%, from +1,000 % ×12.0 */
export function change(ratio) {
  if (!known(ratio)) return none;
  if (ratio >= 10) return "×" + (ratio + 1 >= 1e6 ? exponent(ratio + 1) : grouped(ratio + 1, ratio + 1 < 100 ? 1 : 0));
  const text = grouped(ratio * 100, 0);
  return (ratio > 0 && text !== "0" ? "+" : "") + sign(text) + "%";
}

/** @param {Value} ratio whole per cent without sign; what is as good as endless, as a multiple */
export const percent = (ratio) => !known(ratio) ? none : Math.abs(ratio) >= 10 ? change(Math.abs(ratio)) : grouped(Math.abs(ratio) * 100, 0) + "%";

/** @param {Value} ratio a share of a whole: what is not all is not 100%, what is not nothing not 0% */
export function share(ratio) {
  if (!known(ratio)) return none;
  if (ratio > 0.995 && ratio < 1) return ">99%";
  if (ratio > 0 && ratio < 0.005) return "<1%";
  return grouped(ratio * 100, 0) + "%";
}

/** @param {Value} n how many: whole up to 99,999 */
export const count = (n) => !known(n) ? none : n < 100_000 ? grouped(n, 0) : number(n);

/** @param {Value} x how many standard errors a change is away from none */
export const z = (x) => !known(x) ? none : Math.abs(x) >= 1e4 ? number(x) : sign(grouped(x, 1));

/** @param {number} n @param {string} one @param {string} [many] */
export const plural = (n, one, many = one + "s") => n === 1 ? one : many;

/** @param {Value} bytes */
export function bytes(bytes) {
  if (!known(bytes)) return none;
  const [unit, by] = bytes >= 2 ** 40 ? ["TiB", 2 ** 40] : bytes >= 2 ** 30 ? ["GiB", 2 ** 30] : bytes >= 2 ** 20 ? ["MiB", 2 ** 20] : bytes >= 1024 ? ["KiB", 1024] : ["B", 1];
  const value = bytes / Number(by);
  return grouped(value, by === 1 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.max(value, 1))))) + gap + unit;
}
