// The rows of the pipe predictions in ClickHouse and DuckDB, both in this process: they read its Parquet and come to what the server
// says. The commands and the SQL of docs/rows.md are run, and their answers compared with those shown.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { DuckDBInstance } from "@duckdb/node-api";
import { Session } from "chdb";

import { residual, serve, temporary } from "./server.mjs";

const floatTolerance = 1e-12;
const root = fileURLToPath(new URL("..", import.meta.url));
const document = readFileSync(join(root, "docs", "rows.md"), "utf8");
const shownServer = "http://127.0.0.1:7181";
const shownOther = "http://127.0.0.1:7182";

// load starts a server with the rows that docs/rows.md speaks of.
async function load(t) {
  const server = await serve(t);
  const file = join(temporary(), "events.ndjson");
  writeFileSync(file, residual("generate", "--rows", "100000", "--to", "2026-01-01", "--waiting-share", "0.1"));
  residual("ingest", "--server", server.url, file);
  return server;
}

const close = (got, want, about) => assert.ok(Math.abs(got - want) <= floatTolerance * Math.abs(want), `${about}: ${got} is not ${want}`);

const summary = (from) => `SELECT count(*) AS n, count(actual_value) AS known, sum(predicted_value) AS predicted, sqrt(avg(residual * residual)) AS rmse,
  avg(absolute_error) AS mae, avg(residual) AS bias, max(absolute_error) AS worst FROM ${from}`;

test("ClickHouse and DuckDB come to what the server says", async (t) => {
  const server = await load(t);
  const clickhouse = new Session();
  t.after(() => clickhouse.close());
  const duckdb = await (await DuckDBInstance.create(":memory:")).connect();
  const file = join(temporary(), "rows.parquet");
  const all = { model_id: "*", model_version: "*", environment: "*", from: "2025-01-01 00:00:00" };
  for (const [parameters, sql] of [
    [all, "true"],
    [{ ...all, environment: "staging" }, "environment = 'staging'"],
    [{ ...all, model_id: "model_1*", to: "2025-12-01 00:00:00" }, "model_id LIKE 'model_1%' AND timestamp < '2025-12-01 00:00:00'"],
    [{ ...all, "feature.feature1>": "50" }, undefined],
  ]) {
    const about = JSON.stringify(parameters);
    const url = `${server.url}/v0/pipes/predictions.parquet?${new URLSearchParams({ ...parameters, limit: 0 })}`;
    writeFileSync(file, Buffer.from(await (await fetch(url)).arrayBuffer()));
    const answers = {
      "ClickHouse's url()": JSON.parse(clickhouse.query(summary(`url('${url}', Parquet)`), "JSONEachRow")),
      "ClickHouse's file()": JSON.parse(clickhouse.query(summary(`file('${file}', Parquet)`), "JSONEachRow")),
      DuckDB: (await duckdb.runAndReadAll(summary(`read_parquet('${file}')`))).getRowObjectsJson()[0],
    };
    const report = sql && (await (await fetch(`${server.url}/v0/pipes/model_performance_report.json?${new URLSearchParams({ ...parameters, group_by: "" })}`)).json()).data[0];
    const [first] = Object.values(answers);
    assert.ok(first.n > 1000, about);
    for (const [name, answer] of Object.entries(answers)) {
      assert.equal(Number(answer.n), Number(first.n), `${name}, ${about}`);
      close(answer.predicted, first.predicted, `${name}, ${about}`);
      close(answer.rmse, first.rmse, `${name}, ${about}`);
      if (!report) continue;
      assert.equal(Number(answer.n), report.prediction_count, `${name}, ${about}`);
      assert.equal(Number(answer.known), report.actual_count, `${name}, ${about}`);
      close(answer.rmse, report.rmse, `${name}, ${about}`);
      close(answer.mae, report.mae, `${name}, ${about}`);
      assert.equal(answer.worst, report.max_error, `${name}, ${about}`);
    }
  }
  const types = clickhouse.query(`SELECT toTypeName(timestamp), toTypeName(model_id), toTypeName(predicted_value), toTypeName(residual) FROM file('${file}', Parquet) LIMIT 1`, "TSVRaw");
  assert.equal(types.trim(), "DateTime64(3, 'UTC')\tString\tFloat64\tNullable(Float64)");
});

test("the commands and the SQL of docs/rows.md", async (t) => {
  const server = await load(t);
  const other = await serve(t);
  const clickhouse = new Session();
  t.after(() => clickhouse.close());
  const here = (text) => text.replaceAll(shownServer, server.url).replaceAll(shownOther, other.url);
  let ran = 0;
  for (const [, command, want] of document.matchAll(/```console\n\$ (.*)\n([^]*?)```/g)) {
    if (command.startsWith("residual generate")) continue; // load has done so
    const got = execFileSync("bash", ["-o", "pipefail", "-c", here(command)], {
      encoding: "utf8", env: { ...process.env, PATH: `${root}:${process.env.PATH}` }, stdio: ["ignore", "pipe", "ignore"],
    });
    const timeless = (text) => text.replace(/, \d+ requests.*/, "");
    assert.equal(timeless(got), timeless(want), command);
    ran++;
  }
  for (const [, sql, want] of document.matchAll(/```sql\n([^]*?)```\n```text\n([^]*?)```/g)) {
    assert.equal(clickhouse.query(here(sql), "TSV"), want, sql);
    ran++;
  }
  assert.equal(ran, 3);
  const rows = "/v0/pipes/predictions.ndjson?model_id=*&model_version=*&environment=*&from=2025-01-01%2000:00:00&limit=0&order=timestamp";
  const [sent, arrived] = await Promise.all([server, other].map(async ({ url }) => (await fetch(url + rows)).text()));
  assert.equal(arrived, sent);
});
