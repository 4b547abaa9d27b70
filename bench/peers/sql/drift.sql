WITH 
recent_metrics AS (
    SELECT 
        model_id,
        model_version,
        environment,
        avg(abs(predicted_value - actual_value)) as recent_mae,
        count() as recent_count
    FROM ml_model_predictions
    WHERE timestamp >= {now} - interval {recent_window_hours} hour
        AND model_id = '{model_id}'
        AND environment = '{environment}'
    GROUP BY model_id, model_version, environment
),
historical_metrics AS (
    SELECT 
        model_id,
        model_version,
        environment,
        avg(abs(predicted_value - actual_value)) as historical_mae,
        count() as historical_count
    FROM ml_model_predictions
    WHERE timestamp >= {now} - interval {historical_window_hours} hour
        AND timestamp < {now} - interval {recent_window_hours} hour
        AND model_id = '{model_id}'
        AND environment = '{environment}'
    GROUP BY model_id, model_version, environment
)

SELECT 
    r.model_id,
    r.model_version,
    r.environment,
    r.recent_mae,
    h.historical_mae,
    (r.recent_mae - h.historical_mae) / h.historical_mae as drift_percentage,
    r.recent_count,
    h.historical_count,
    {now} as analysis_timestamp
FROM recent_metrics r
LEFT JOIN historical_metrics h 
ON r.model_id = h.model_id 
    AND r.model_version = h.model_version 
    AND r.environment = h.environment
WHERE h.historical_mae > 0
ORDER BY abs(drift_percentage) DESC
