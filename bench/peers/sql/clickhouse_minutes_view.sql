CREATE MATERIALIZED VIEW ml_model_minutes_view TO ml_model_minutes AS
SELECT
    toStartOfMinute(timestamp) AS minute,
    model_id,
    model_version,
    environment,
    count() AS predictions,
    sum(abs(predicted_value - actual_value)) AS absolutes,
    sum(pow(predicted_value - actual_value, 2)) AS squares,
    min(timestamp) AS first,
    max(timestamp) AS last
FROM ml_model_predictions
GROUP BY minute, model_id, model_version, environment
