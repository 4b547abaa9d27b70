// A project as Tinybird's TypeScript SDK has it: make tb deploys it.

import { defineDatasource, defineEndpoint, engine, node, p, t } from "@tinybirdco/sdk";

export const scores = defineDatasource("scores", {
  description: "Scores of the ranking service",
  schema: {
    timestamp: t.dateTime(),
    model_id: t.string(),
    prediction_id: t.string(),
    features: t.string(),
    predicted_value: t.float64(),
    actual_value: t.float64(),
    model_version: t.string(),
    environment: t.string(),
  },
  engine: engine.mergeTree({ sortingKey: ["timestamp"] }),
});

export const teamErrors = defineEndpoint("team_errors", {
  description: "Errors of a model by version",
  params: { model_id: p.string().optional("none"), hours: p.int32().optional(24) },
  nodes: [
    node({
      name: "team_errors_node",
      sql: `SELECT model_version, count() AS n, avg(abs(predicted_value - actual_value)) AS mae
        FROM ml_model_predictions
        WHERE model_id = {{String(model_id, 'none')}} AND timestamp >= now() - INTERVAL {{Int32(hours, 24)}} HOUR
        GROUP BY model_version ORDER BY model_version`,
    }),
  ],
  output: { model_version: t.string(), n: t.uint64(), mae: t.float64() },
});
