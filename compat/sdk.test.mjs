// Tinybird's own TypeScript client, unchanged but for its base URL.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";

import { createClient, TinybirdError } from "@tinybirdco/sdk";

import { createToken, serve, temporary } from "./server.mjs";

const source = "ml_model_predictions";

// clock is a time as the tutorial writes it, so many seconds ago.
const clock = (ago) => new Date(Date.now() - ago * 1000).toISOString().slice(0, 19).replace("T", " ");

const prediction = (id, ago, predicted, actual) => ({
  timestamp: clock(ago),
  model_id: "price_prediction_model",
  prediction_id: id,
  features: JSON.stringify({ feature1: 0.5, feature2: 10.2 }),
  predicted_value: predicted,
  actual_value: actual,
  model_version: "v1.2.3",
  environment: "production",
});

const asked = { model_id: "price_prediction_model", model_version: "v1.2.3", environment: "production", time_window: 48 };

const failsWith = (status, text) => (error) => {
  assert.ok(error instanceof TinybirdError, String(error));
  assert.equal(error.statusCode, status, error.message);
  assert.match(error.message, text);
  assert.match(error.response.documentation, /^https:/);
  return true;
};

for (const secured of [false, true]) {
  test(`the client ingests and queries, ${secured ? "with" : "without"} tokens`, async (t) => {
    const dir = temporary();
    const token = secured
      ? createToken(dir, "app", `DATASOURCES:APPEND:${source}`, `DATASOURCES:DELETE:${source}`, "PIPES:READ:model_performance_metrics", "PIPES:READ:predictions",
        "PIPES:READ:model_drift_detection")
      : "anything";
    const { url } = await serve(t, { dir });
    const client = createClient({ baseUrl: `${url}/`, token });

    await t.test("ingest", async () => {
      assert.deepEqual(await client.ingest(source, prediction("p1", 60, 42.5, 45.5)), { successful_rows: 1, quarantined_rows: 0 });
    });
    await t.test("ingest without waiting", async () => {
      assert.deepEqual(await client.ingest(source, prediction("p2", 50, 1, 2), { wait: false, maxRetries: 3 }), {
        successful_rows: 1, quarantined_rows: 0,
      });
    });
    await t.test("ingestBatch with rows that do not fit", async () => {
      const rows = [
        prediction("p3", 40, 3, 5),
        { ...prediction("p4", 30, 3, 5), predicted_value: "3" },
        { ...prediction("p5", 10 * 3600, 10, 11), features: { nested: [1n, new Map([["a", 1]])] } },
      ];
      assert.deepEqual(await client.ingestBatch(source, rows), { successful_rows: 2, quarantined_rows: 1 });
    });
    await t.test("datasources.append of files", async () => {
      const ndjson = join(dir, "rows.ndjson");
      writeFileSync(ndjson, `${JSON.stringify(prediction("p6", 20, 4, 4))}\n`);
      assert.deepEqual(await client.datasources.append(source, { file: ndjson }), { successful_rows: 1, quarantined_rows: 0 });
      const csv = join(dir, "rows.csv");
      writeFileSync(csv, `${clock(15)};price_prediction_model;p7;"{""a"": 1}";2;2;v1.2.3;production\n`);
      assert.deepEqual(await client.datasources.append(source, { file: csv, csvDialect: { delimiter: ";" } }), {
        successful_rows: 1, quarantined_rows: 0,
      });
    });

    await t.test("query model_performance_metrics", async () => {
      const { meta, data, rows, statistics } = await client.query("model_performance_metrics", asked);
      assert.deepEqual(meta.map(({ name, type }) => `${name} ${type}`), [
        "model_id String", "model_version String", "environment String", "prediction_count UInt64",
        "rmse Float64", "mae Float64", "period_start DateTime", "period_end DateTime",
      ]);
      assert.equal(rows, 1);
      assert.equal(data[0].prediction_count, 6);
      assert.equal(data[0].mae, (3 + 1 + 2 + 1) / 6);
      assert.ok(Math.abs(data[0].rmse - Math.sqrt((9 + 1 + 4 + 1) / 6)) < 1e-12);
      assert.match(data[0].period_start, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
      assert.equal(typeof statistics.elapsed, "number");
    });
    await t.test("query without a match", async () => {
      const { data, rows } = await client.query("model_performance_metrics", { ...asked, model_id: "absent" });
      assert.deepEqual({ data, rows }, { data: [], rows: 0 });
    });
    await t.test("query model_drift_detection", async () => {
      const { data } = await client.query("model_drift_detection", { model_id: "price_prediction_model", recent_window_hours: 6 });
      assert.equal(data.length, 1);
      assert.equal(data[0].recent_count, 5);
      assert.equal(data[0].historical_count, 1);
      assert.ok(Math.abs(data[0].drift_percentage - 0.2) < 1e-12);
    });

    await t.test("errors", async () => {
      await assert.rejects(client.query("model_performance_metrics", { time_window: "abc" }), failsWith(400, /time_window.*whole number/));
      await assert.rejects(client.query("absent"), (error) => failsWith(404, /absent/)(error) && error.isNotFoundError());
      await assert.rejects(client.ingest("absent", {}), failsWith(404, /absent/));
      await assert.rejects(client.datasources.replace(source, { file: join(dir, "rows.csv") }), failsWith(400, /mode.*append/));
    });
    await t.test("sql", async () => {
      const { data } = await client.sql("SELECT model_id, count() AS n FROM ml_model_predictions WHERE model_id = 'price_prediction_model' GROUP BY model_id");
      assert.equal(data.length, 1);
      assert.equal(data[0].model_id, "price_prediction_model");
      assert.ok(data[0].n >= 6);
      await assert.rejects(client.sql("SELECT median(predicted_value) FROM ml_model_predictions"), failsWith(400, /line 1, column 8/));
    });
    await t.test("what there is not says so", async () => {
      await assert.rejects(client.datasources.append(source, { url: "https://example.com/rows.csv" }), failsWith(400, /url/));
      const jwt = { name: "x", expiresAt: Date.now() / 1000 + 60, scopes: [{ type: "PIPES:READ", resource: "model_drift_detection" }] };
      await assert.rejects(client.tokens.createJWT(jwt), (error) => error instanceof TinybirdError && [404, 405].includes(error.statusCode));
    });
    if (secured) await t.test("a token that does not cover it", async () => {
      const reader = createClient({ baseUrl: url, token: createToken(dir, "reader", "PIPES:READ:model_performance_metrics") });
      assert.equal((await untilKnown(() => reader.query("model_performance_metrics", asked))).rows, 1);
      await assert.rejects(reader.ingest(source, prediction("p8", 1, 1, 1)), (error) => failsWith(403, /scope/)(error) && error.isAuthError());
      await assert.rejects(reader.datasources.truncate(source), (error) => failsWith(403, /scope/)(error) && error.isAuthError());
      await assert.rejects(createClient({ baseUrl: url, token: "p.wrong" }).query("model_drift_detection"), failsWith(403, /token/));
    });
    const count = async () => {
      const { data } = await client.query("model_performance_metrics", asked);
      return data.length === 0 ? 0 : data[0].prediction_count;
    };
    await t.test("datasources.delete", async () => {
      const deleteCondition = "prediction_id = 'p7'";
      const dry = await client.datasources.delete(source, { deleteCondition, dryRun: true });
      assert.equal(dry.rows_to_be_deleted, 1);
      assert.equal(await count(), 6);
      const job = await client.datasources.delete(source, { deleteCondition });
      assert.match(job.job_url, /\/v0\/jobs\//);
      assert.equal(await count(), 5);
      await assert.rejects(client.datasources.delete(source, { deleteCondition: "1" }), failsWith(400, /condition/));
      assert.equal(await count(), 5);
    });
    await t.test("datasources.truncate", async () => {
      await client.datasources.truncate(source);
      assert.equal(await count(), 0);
    });
  });
}

// untilKnown repeats a call until a token that was just created counts, which takes a second at most.
async function untilKnown(call) {
  for (const deadline = Date.now() + 5000; ; ) {
    try {
      return await call();
    } catch (error) {
      if (error.statusCode !== 403 || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
