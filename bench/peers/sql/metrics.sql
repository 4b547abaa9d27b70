SELECT 
    model_id,
    model_version,
    environment,
    count() as prediction_count,
    sqrt(avg(pow(predicted_value - actual_value, 2))) as rmse,
    avg(abs(predicted_value - actual_value)) as mae,
    min(timestamp) as period_start,
    max(timestamp) as period_end
FROM ml_model_predictions
WHERE 1=1
    AND model_id = '{model_id}'
    AND model_version = '{model_version}'
    AND environment = '{environment}'
    AND timestamp >= {now} - interval {time_window} hour
GROUP BY model_id, model_version, environment
