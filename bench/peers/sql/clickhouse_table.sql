CREATE TABLE ml_model_predictions (
    timestamp DateTime('UTC'),
    model_id String,
    prediction_id String,
    features String,
    predicted_value Float64,
    actual_value Float64,
    model_version String,
    environment String
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (timestamp, model_id, prediction_id)
SETTINGS default_compression_codec = '{codec}'
