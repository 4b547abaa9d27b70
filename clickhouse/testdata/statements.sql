-- sums of rows whose actuals came with them
SELECT model_id, model_version, environment, toInt64(roundDown(ms, CAST([0, 10, 20, 30], 'Array(Int64)'))) AS cell, count(), countIf(known), min(ms), max(ms), minIf(ms, known), maxIf(ms, known), sumKahanIf(p - a, known AND p > a), sumKahanIf(a - p, known AND p < a), varPopStableIf(abs(p - a), known), maxIf(abs(p - a), known), toFloat64(0), toUInt64(0), toFloat64(0), toFloat64(0), toFloat64(0), toFloat64(0), toFloat64(0), toFloat64(0)
FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, own AS a, own_version > 0 AS known
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version
    FROM residual.predictions FINAL WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= fromUnixTimestamp64Milli(0, 'UTC') AND timestamp < fromUnixTimestamp64Milli(10, 'UTC')) OR (timestamp >= fromUnixTimestamp64Milli(20, 'UTC') AND timestamp < fromUnixTimestamp64Milli(30, 'UTC')))
)
)
GROUP BY model_id, model_version, environment, cell

-- sums of a series whose actuals came apart
SELECT model_id, model_version, environment, toInt64(roundDown(ms, CAST([0, 10, 20, 30], 'Array(Int64)'))) AS cell, count(), countIf(known), min(ms), max(ms), minIf(ms, known), maxIf(ms, known), sumKahanIf(p - a, known AND p > a), sumKahanIf(a - p, known AND p < a), varPopStableIf(abs(p - a), known), maxIf(abs(p - a), known), varPopStableIf((p - a) * (p - a), known), toUInt64(0), toFloat64(0), toFloat64(0), toFloat64(0), toFloat64(0), toFloat64(0), toFloat64(0)
FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, events AS mine, mine[-1] AS latest, latest.1 > own_version AS later,
    if(later, latest.3, own) AS a, if(later, latest.2 = 1, own_version > 0) AS known
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version
    FROM residual.predictions FINAL WHERE (model_id IN ('a\'b')) AND ((timestamp >= fromUnixTimestamp64Milli(0, 'UTC') AND timestamp < fromUnixTimestamp64Milli(10, 'UTC')) OR (timestamp >= fromUnixTimestamp64Milli(20, 'UTC') AND timestamp < fromUnixTimestamp64Milli(30, 'UTC'))) AND (model_id, environment, model_version) IN (('a\'b', 'e', 'v\\'))
) AS rows LEFT ANY JOIN (
    SELECT model_id, prediction_id, arraySort(x -> x.1, groupArray((version, known, actual_value, observed, model_version, environment))) AS events
    FROM residual.actuals
    WHERE (model_id IN ('a\'b')) AND received >= fromUnixTimestamp64Milli(0, 'UTC') AND prediction_id IN (SELECT prediction_id FROM residual.predictions WHERE (model_id IN ('a\'b')) AND ((timestamp >= fromUnixTimestamp64Milli(0, 'UTC') AND timestamp < fromUnixTimestamp64Milli(10, 'UTC')) OR (timestamp >= fromUnixTimestamp64Milli(20, 'UTC') AND timestamp < fromUnixTimestamp64Milli(30, 'UTC'))) AND (model_id, environment, model_version) IN (('a\'b', 'e', 'v\\')))
    GROUP BY model_id, prediction_id
) AS given USING (model_id, prediction_id)
)
GROUP BY model_id, model_version, environment, cell

-- errors and lags by size
SELECT model_id, model_version, environment, toInt64(roundDown(ms, CAST([0, 10, 20, 30], 'Array(Int64)'))) AS cell, of.1 = 1 AS is_lag, toInt64(of.2) AS number, count()
FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, arrayFilter(x -> (x.5 = '' OR x.5 = model_version) AND (x.6 = '' OR x.6 = environment), events) AS mine, mine[-1] AS latest, latest.1 > own_version AS later,
    if(later, latest.3, own) AS a, if(later, latest.2 = 1, own_version > 0) AS known,
    arrayMax(x -> if(x.2 = 0, x.1, 0), arrayPushFront(mine, (toUInt64(0), toUInt8(1), toFloat64(0), toInt64(0), '', ''))) AS withdrawn,
    arrayFilter(x -> x.1 < born, mine)[-1] AS before, withdrawn < born AND before.2 = 1 AS remembered, greatest(withdrawn, born) AS since,
    if(remembered, before, arrayFirst(x -> x.2 = 1 AND x.1 > since, mine)) AS first,
    multiIf(own_first > since, own_first, own_version > since, own_version, 0) AS own_next,
    own_first = born AND withdrawn < born OR NOT remembered AND own_next > 0 AND own_next < first.1 AS together,
    if(known AND first.1 > 0 AND NOT together, greatest(first.4 - ms, 0), toInt64(-1)) AS lag
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, version AS born, if(has_actual = 1, version, 0) AS own_first
    FROM residual.predictions FINAL WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= fromUnixTimestamp64Milli(0, 'UTC') AND timestamp < fromUnixTimestamp64Milli(10, 'UTC')) OR (timestamp >= fromUnixTimestamp64Milli(20, 'UTC') AND timestamp < fromUnixTimestamp64Milli(30, 'UTC')))
) AS rows LEFT ANY JOIN (
    SELECT model_id, prediction_id, arraySort(x -> x.1, groupArray((version, known, actual_value, observed, model_version, environment))) AS events
    FROM residual.actuals
    WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND received >= fromUnixTimestamp64Milli(0, 'UTC') AND prediction_id IN (SELECT prediction_id FROM residual.predictions WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= fromUnixTimestamp64Milli(0, 'UTC') AND timestamp < fromUnixTimestamp64Milli(10, 'UTC')) OR (timestamp >= fromUnixTimestamp64Milli(20, 'UTC') AND timestamp < fromUnixTimestamp64Milli(30, 'UTC'))))
    GROUP BY model_id, prediction_id
) AS given USING (model_id, prediction_id)
) ARRAY JOIN [(0, if(abs(p - a) = 0, 0, 2551 + 50 * toInt64(bitShiftRight(reinterpretAsUInt64(abs(p - a)), 52)) + toInt64(bitShiftRight(bitAnd(reinterpretAsUInt64(abs(p - a)), 4503599627370495) * 50, 52)))), (1, if(toFloat64(greatest(lag, 0)) = 0, 0, 2551 + 50 * toInt64(bitShiftRight(reinterpretAsUInt64(toFloat64(greatest(lag, 0))), 52)) + toInt64(bitShiftRight(bitAnd(reinterpretAsUInt64(toFloat64(greatest(lag, 0))), 4503599627370495) * 50, 52))))] AS of
WHERE known AND (of.1 = 0 OR lag >= 0)
GROUP BY model_id, model_version, environment, cell, is_lag, number

