CREATE DATABASE IF NOT EXISTS residual;

CREATE TABLE IF NOT EXISTS residual.predictions (
    model_id String CODEC(ZSTD(1)),
    environment String CODEC(ZSTD(1)),
    model_version String CODEC(ZSTD(1)),
    timestamp DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    prediction_id String CODEC(ZSTD(1)),
    has_actual UInt8 CODEC(ZSTD(1)),
    version UInt64 CODEC(Delta(8), ZSTD(1)),
    predicted_value Float64 CODEC(ZSTD(1)),
    actual_value Float64 CODEC(ZSTD(1)),
    features String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(timestamp)
ORDER BY (model_id, environment, model_version, timestamp, prediction_id, has_actual)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 4096;

CREATE TABLE IF NOT EXISTS residual.series (
    model_id String,
    environment String,
    model_version String,
    month UInt32,
    first SimpleAggregateFunction(min, Int64),
    last SimpleAggregateFunction(max, Int64),
    kinds SimpleAggregateFunction(groupBitOr, UInt8)
)
ENGINE = AggregatingMergeTree()
ORDER BY (model_id, environment, model_version, month)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS residual.actuals (
    model_id String CODEC(ZSTD(1)),
    prediction_id String CODEC(ZSTD(1)),
    version UInt64 CODEC(Delta(8), ZSTD(1)),
    model_version String CODEC(ZSTD(1)),
    environment String CODEC(ZSTD(1)),
    known UInt8 CODEC(ZSTD(1)),
    actual_value Float64 CODEC(ZSTD(1)),
    observed Int64 CODEC(Delta(8), ZSTD(1)),
    received DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ReplacingMergeTree()
PARTITION BY toYYYYMM(received)
ORDER BY (model_id, prediction_id, version, model_version, environment)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 4096;

CREATE TABLE IF NOT EXISTS residual.scopes (
    model_id String,
    scoped SimpleAggregateFunction(max, UInt8)
)
ENGINE = AggregatingMergeTree()
ORDER BY (model_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS residual.requests (
    id String,
    kind Enum8('block' = 1, 'key' = 2),
    digest String,
    successful UInt64,
    quarantined UInt64,
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree()
ORDER BY (kind, id)
TTL toDateTime(at) + toIntervalDay(7)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS residual.pending (
    id String,
    at DateTime64(3, 'UTC') DEFAULT now64(3),
    block String CODEC(NONE)
)
ENGINE = MergeTree()
PARTITION BY toStartOfMinute(at)
ORDER BY (id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, max_bytes_to_merge_at_max_space_in_pool = 1048576, max_bytes_to_merge_at_min_space_in_pool = 1048576;

CREATE TABLE IF NOT EXISTS residual.quarantine (
    source String,
    inserted_at DateTime64(3, 'UTC'),
    import_id String,
    line_number UInt32,
    error_column String,
    code UInt8,
    reason String,
    line String CODEC(ZSTD(1)),
    place String,
    stored DateTime DEFAULT now()
)
ENGINE = ReplacingMergeTree()
PARTITION BY toYYYYMMDD(stored)
ORDER BY (inserted_at, source, import_id, line_number, line)
TTL stored + toIntervalDay(30)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS residual.positions (
    source String,
    part String,
    value String,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, part)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS residual.meta (
    name String,
    value String,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (name)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS residual.workspace (
    folder String,
    name String,
    version UInt64,
    value String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (folder, name)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS residual.series_of_predictions TO residual.series AS
SELECT model_id, environment, model_version, toYYYYMM(timestamp) AS month, min(toUnixTimestamp64Milli(timestamp)) AS first, max(toUnixTimestamp64Milli(timestamp)) AS last,
    groupBitOr(toUInt8(1 + has_actual)) AS kinds
FROM residual.predictions GROUP BY model_id, environment, model_version, month;

CREATE MATERIALIZED VIEW IF NOT EXISTS residual.scopes_of_actuals TO residual.scopes AS
SELECT model_id, max(toUInt8(model_version != '' OR environment != '')) AS scoped FROM residual.actuals GROUP BY model_id;

