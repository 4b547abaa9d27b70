// Both endpoints against ClickHouse in this process, on the same rows: the tutorial's SQL with a literal time in the place of now() and
// without the quotes around its templates, which would make them strings in strings.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";

import { Session } from "chdb";

import { residual, serve, temporary } from "./server.mjs";

const end = "2026-03-01 12:00:00";

// Times that stand in for now: after every row, among the latest rows, and long before them.
const moments = ["2026-03-01 12:00:00", "2026-02-27 03:14:15", "2026-02-10 00:00:00"];

const datasets = {
  "models, versions and environments": [
    "--models", "5", "--versions", "3", "--environments", "production,staging,canary", "--late-share", "0.1", "--late-by", "30h",
    "--waiting-share", "0.05",
  ],
  "bursts and a model that drifts": ["--shape", "bursty", "--models", "3", "--drift-model", "2", "--seed", "7"],
  "many versions": ["--shape", "many-versions", "--versions", "60", "--models", "2", "--seed", "3"],
};

const floatTolerance = 1e-12;

const metricsSQL = (p) => `
  SELECT model_id, model_version, environment, count() AS prediction_count,
    sqrt(avg(pow(predicted_value - actual_value, 2))) AS rmse,
    avg(abs(predicted_value - actual_value)) AS mae,
    min(timestamp) AS period_start, max(timestamp) AS period_end
  FROM ${rowsUntil(p.as_of)}
  WHERE 1=1 AND model_id = ${quoted(p.model_id)} AND model_version = ${quoted(p.model_version)} AND environment = ${quoted(p.environment)}
    AND timestamp >= ${now(p.as_of)} - interval ${p.time_window} hour
  GROUP BY model_id, model_version, environment`;

const driftSide = (p, name, from, to) => `
  SELECT model_id, model_version, environment, avg(abs(predicted_value - actual_value)) AS ${name}_mae, count() AS ${name}_count
  FROM ${rowsUntil(p.as_of)}
  WHERE timestamp >= ${now(p.as_of)} - interval ${from} hour ${to === undefined ? "" : `AND timestamp < ${now(p.as_of)} - interval ${to} hour`}
    AND model_id = ${quoted(p.model_id)} AND environment = ${quoted(p.environment)}
  GROUP BY model_id, model_version, environment`;

const driftSQL = (p) => `
  WITH recent_metrics AS (${driftSide(p, "recent", p.recent_window_hours)}),
    historical_metrics AS (${driftSide(p, "historical", p.historical_window_hours, p.recent_window_hours)})
  SELECT r.model_id, r.model_version, r.environment, r.recent_mae, h.historical_mae,
    (r.recent_mae - h.historical_mae) / h.historical_mae AS drift_percentage,
    r.recent_count, h.historical_count, ${now(p.as_of)} AS analysis_timestamp
  FROM recent_metrics r
  LEFT JOIN historical_metrics h
    ON r.model_id = h.model_id AND r.model_version = h.model_version AND r.environment = h.environment
  WHERE h.historical_mae > 0
  ORDER BY abs(drift_percentage) DESC`;

const quoted = (text) => `'${text}'`;
const now = (asOf) => `toDateTime('${asOf}')`;
// as_of also leaves out what came after it; arrived keeps the milliseconds that the column of the tutorial's schema drops.
const rowsUntil = (asOf) => `(SELECT * FROM ml_model_predictions WHERE arrived <= '${asOf}.000')`;

// generate writes events to a file. Three rows in four get milliseconds, so that a second has rows before and after its start.
function generate(file, flags) {
  let i = 0;
  const text = residual("generate", "--rows", "150000", "--days", "60", "--to", end, ...flags);
  writeFileSync(file, text.replace(/("timestamp": "[^"]*)"/g, (_, start) => (i++ % 4 ? `${start}.${String((i * 37) % 1000).padStart(3, "0")}"` : `${start}"`)));
}

// loadClickHouse returns a session with the tutorial's table. A row without an actual does not fit its schema: there it is quarantined.
function loadClickHouse(t, file) {
  const session = new Session();
  t.after(() => session.close());
  session.query("SET session_timezone = 'UTC'");
  session.query(`CREATE TABLE ml_model_predictions (timestamp DateTime, arrived DateTime64(3), model_id String, prediction_id String,
    features String, predicted_value Float64, actual_value Float64, model_version String, environment String)
    ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (timestamp, model_id, prediction_id)`);
  session.query(`INSERT INTO ml_model_predictions
    SELECT toDateTime(parsed), parsed, model_id, prediction_id, features, predicted_value, assumeNotNull(actual_value), model_version, environment
    FROM (SELECT *, parseDateTime64BestEffort(timestamp, 3) AS parsed FROM file('${file}', JSONEachRow, 'timestamp String, model_id String,
      prediction_id String, features String, predicted_value Float64, actual_value Nullable(Float64), model_version String, environment String'))
    WHERE actual_value IS NOT NULL`);
  return (sql) => JSON.parse(session.query(`${sql} SETTINGS output_format_json_quote_64bit_integers = 0, session_timezone = 'UTC'`, "JSON"));
}

// same compares an answer with ClickHouse's: columns, types, rows, order. It returns the largest relative difference of two floats.
function same(got, want, about) {
  assert.deepEqual(got.meta, want.meta, about);
  assert.equal(got.rows, want.rows, about);
  let worst = 0;
  want.data.forEach((row, i) => {
    for (const { name, type } of want.meta) {
      const [a, b] = [got.data[i][name], row[name]];
      if (type !== "Float64" || a === b) {
        assert.equal(a, b, `${about}: row ${i}, ${name}`);
        continue;
      }
      // A drift is a ratio less one: the ratio is what has digits to compare.
      const base = name === "drift_percentage" ? 1 + Math.abs(b) : Math.abs(b);
      const off = Math.abs(a - b) / base;
      assert.ok(off <= floatTolerance, `${about}: row ${i}, ${name}: ${a} is not ${b}`);
      worst = Math.max(worst, off);
    }
  });
  return worst;
}

for (const [name, flags] of Object.entries(datasets)) {
  test(name, async (t) => {
    const dir = temporary();
    const file = join(dir, "events.ndjson");
    generate(file, flags);
    const clickhouse = loadClickHouse(t, file);
    const data = join(dir, "data");
    const server = await serve(t, { dir: data });
    residual("ingest", "--server", server.url, file);

    const series = clickhouse("SELECT DISTINCT model_id, model_version, environment FROM ml_model_predictions ORDER BY ALL").data;
    const models = clickhouse("SELECT DISTINCT model_id, environment FROM ml_model_predictions ORDER BY ALL").data;
    // With many series a few of them stand for the others.
    const some = series.filter((_, i) => i % Math.ceil(series.length / 40) === 0);
    const questions = [];
    for (const as_of of moments) {
      for (const s of some) {
        for (const time_window of [0, 1, 24, 48, 24 * 90]) questions.push(["model_performance_metrics", { ...s, time_window, as_of }, metricsSQL]);
      }
      for (const m of models) {
        for (const [recent_window_hours, historical_window_hours] of [[6, 168], [24, 720], [1, 2], [48, 24], [0, 24]]) {
          questions.push(["model_drift_detection", { ...m, recent_window_hours, historical_window_hours, as_of }, driftSQL]);
        }
      }
    }
    const answers = questions.map(([, parameters, sql]) => clickhouse(sql(parameters)));

    const ask = async (t, url) => {
      let worst = 0;
      let rows = 0;
      for (const [i, [pipe, parameters]] of questions.entries()) {
        const response = await fetch(`${url}/v0/pipes/${pipe}.json?${new URLSearchParams(parameters)}`);
        worst = Math.max(worst, same(await response.json(), answers[i], `${pipe} ${JSON.stringify(parameters)}`));
        rows += answers[i].rows;
      }
      assert.ok(rows > 50, `only ${rows} of ${questions.length} questions have answers`);
      t.diagnostic(`${questions.length} questions, ${rows} rows, largest relative difference ${worst}`);
    };
    await t.test("in memory", (t) => ask(t, server.url));
    await server.stop();
    const again = await serve(t, { dir: data });
    await t.test("sealed and read back", (t) => ask(t, again.url));

    await t.test("the newest version", async () => {
      for (const { model_id, environment } of models) {
        const newest = clickhouse(`SELECT argMax(model_version, first) AS v FROM (SELECT model_version, min(arrived) AS first
          FROM ml_model_predictions WHERE model_id = '${model_id}' AND environment = '${environment}' GROUP BY model_version)`).data[0].v;
        const parameters = { model_id, environment, time_window: 24 * 90, as_of: end };
        const got = await (await fetch(`${again.url}/v0/pipes/model_performance_metrics.json?${new URLSearchParams(parameters)}`)).json();
        same(got, clickhouse(metricsSQL({ ...parameters, model_version: newest })), `latest of ${model_id} in ${environment}`);
      }
    });
  });
}
