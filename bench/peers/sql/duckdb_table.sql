CREATE TABLE ml_model_predictions (
    timestamp TIMESTAMP,
    model_id VARCHAR,
    prediction_id VARCHAR,
    features VARCHAR,
    predicted_value DOUBLE,
    actual_value DOUBLE,
    model_version VARCHAR,
    environment VARCHAR
)
