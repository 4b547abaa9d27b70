SELECT
    model_id,
    model_version,
    environment,
    sum(predictions) as prediction_count,
    sqrt(sum(squares) / prediction_count) as rmse,
    sum(absolutes) / prediction_count as mae,
    min(first) as period_start,
    max(last) as period_end
FROM ml_model_minutes
WHERE model_id = '{model_id}'
    AND model_version = '{model_version}'
    AND environment = '{environment}'
    AND minute >= {now} - interval {time_window} hour
GROUP BY model_id, model_version, environment
