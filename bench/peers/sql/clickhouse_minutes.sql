CREATE TABLE ml_model_minutes (
    minute DateTime('UTC'),
    model_id String,
    model_version String,
    environment String,
    predictions SimpleAggregateFunction(sum, UInt64),
    absolutes SimpleAggregateFunction(sum, Float64),
    squares SimpleAggregateFunction(sum, Float64),
    first SimpleAggregateFunction(min, DateTime('UTC')),
    last SimpleAggregateFunction(max, DateTime('UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (model_id, environment, model_version, minute)
