// The measures that a chart shows: their column, their standard error, and how their axis goes.

/** @typedef {import("./server.js").Row} Row */
/**
 * @typedef {object} Measure
 * @property {string} label
 * @property {string} column of the time series
 * @property {string} [now] its column in a row of the list, with recent_ or reference_ before it
 * @property {readonly string[]} needs columns for its standard error
 * @property {(value: number, at: (column: string) => number | null) => number | null} error the standard error of a bucket's value
 * @property {"zero" | "both" | "one"} axis
 */

/** @param {string} label @param {string} column @param {Partial<Measure>} [more] @returns {Measure} */
const measure = (label, column, more = {}) => ({ label, column, needs: [], error: () => null, axis: "zero", ...more });

/**
 * The standard error of a mean error: its variance is what the mean square is above the square of the mean.
 * @param {number} bias @param {number | null} mse @param {number | null} n
 */
export const biasError = (bias, mse, n) => mse === null || n === null || n < 2 ? null : Math.sqrt(Math.max(0, mse - bias * bias) / n);

/** @type {Record<string, Measure>} */
export const measures = {
  mae: measure("MAE", "mae", { now: "mae", needs: ["mae_standard_error"], error: (_, at) => at("mae_standard_error") }),
  rmse: measure("RMSE", "rmse", { now: "rmse", needs: ["rmse_standard_error"], error: (_, at) => at("rmse_standard_error") }),
  bias: measure("Bias", "bias", { now: "bias", needs: ["mse"], error: (bias, at) => biasError(bias, at("mse"), at("actual_count")), axis: "both" }),
  p50: measure("p50", "abs_error_p50", { now: "abs_error_p50" }),
  p95: measure("p95", "abs_error_p95", { now: "abs_error_p95" }),
  p99: measure("p99", "abs_error_p99", { now: "abs_error_p99" }),
  r2: measure("R²", "r2", { axis: "one" }),
  wmape: measure("WMAPE", "wmape"),
};

/** @param {Measure} measure @returns {string[]} the columns to ask for */
export const columns = (measure) => [measure.column, ...measure.needs, "prediction_count", "actual_count"];
