-- sums of rows whose actuals came with them
WITH predicted_value - actual_value AS e
SELECT model_id, model_version, environment, has_actual, count(), min(timestamp), max(timestamp), sumKahan(e), sumKahan(abs(e)), varPopStable(abs(e)), max(abs(e))
FROM residual.predictions FINAL WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010'))
GROUP BY model_id, model_version, environment, has_actual

-- the same, and whether actuals came apart
WITH predicted_value - actual_value AS e
SELECT model_id, model_version, environment, 1 IN (SELECT 1 FROM residual.scopes WHERE (startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))), has_actual, count(), min(timestamp), max(timestamp), sumKahan(e), sumKahan(abs(e)), varPopStable(abs(e)), max(abs(e))
FROM residual.predictions FINAL WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010'))
GROUP BY model_id, model_version, environment, has_actual

-- all sums
WITH predicted_value AS p, actual_value AS a, predicted_value - actual_value AS e
SELECT model_id, model_version, environment, toInt64(roundDown(toUnixTimestamp64Milli(timestamp), CAST([0, 10, 20, 30], 'Array(Int64)'))) AS cell, has_actual, count(), min(timestamp), max(timestamp), sumKahan(e), sumKahan(abs(e)), varPopStable(abs(e)), max(abs(e)), varPopStable(e * e), countIf(a != 0), sumKahanIf(abs(e) / abs(a), a != 0), sumKahanIf(2 * (abs(e) / (abs(p) + abs(a))), p != a), sumKahan(a), sumKahan(abs(a)), varPopStable(a), max(abs(a))
FROM residual.predictions FINAL WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010'))
GROUP BY model_id, model_version, environment, cell, has_actual

-- errors by size
SELECT model_id, model_version, environment, cell, groupBitOr(kinds), is_lag, groupArray(number), groupArray(rows)
FROM (
WITH predicted_value AS p, actual_value AS a, has_actual = 1 AS known, toUInt8(1 + has_actual) AS kind, toUnixTimestamp64Milli(timestamp) AS ms
SELECT model_id, model_version, environment, toInt64(roundDown(ms, CAST([0, 10, 20, 30], 'Array(Int64)'))) AS cell, groupBitOr(kind) AS kinds, toUInt8(0) AS is_lag, if(known, toInt64(if(abs(p - a) = 0, 0, 2551 + 50 * toInt64(bitShiftRight(reinterpretAsUInt64(abs(p - a)), 52)) + toInt64(bitShiftRight(bitAnd(reinterpretAsUInt64(abs(p - a)), 4503599627370495) * 50, 52)))), -1) AS number, count() AS rows
FROM residual.predictions FINAL WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010'))
GROUP BY model_id, model_version, environment, cell, is_lag, number
)
GROUP BY model_id, model_version, environment, cell, is_lag

-- sums of rows of which a series has both kinds
WITH p - a AS e
SELECT model_id, model_version, environment, groupBitOr(kind), count(), min(ms), max(ms), countIf(known), minIf(ms, known), maxIf(ms, known), sumKahanIf(e, known), sumKahanIf(abs(e), known), varPopStableIf(abs(e), known), maxIf(abs(e), known)
FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind, own AS a, own_version > 0 AS known
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind
    FROM residual.predictions FINAL WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')) AND (model_id, environment, model_version) NOT IN (('a\'b', 'e', 'v\\'))
    UNION ALL
    SELECT model_id, environment, model_version, timestamp, prediction_id, argMax(predicted_value, version) AS p,
        argMaxIf(actual_value, version, has_actual = 1) AS own, maxIf(version, has_actual = 1) AS own_version, toUInt8(0) AS kind
    FROM residual.predictions WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')) AND (model_id, environment, model_version) IN (('a\'b', 'e', 'v\\'))
    GROUP BY model_id, environment, model_version, timestamp, prediction_id
)
)
GROUP BY model_id, model_version, environment

-- rows of which a series has both kinds, and the others are of one
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind, own AS a, own_version > 0 AS known
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind
    FROM residual.predictions FINAL WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')) AND has_actual = 0 AND (model_id, environment, model_version) NOT IN (('a\'b', 'e', 'v\\'))
    UNION ALL
    SELECT model_id, environment, model_version, timestamp, prediction_id, argMax(predicted_value, version) AS p,
        argMaxIf(actual_value, version, has_actual = 1) AS own, maxIf(version, has_actual = 1) AS own_version, toUInt8(0) AS kind
    FROM residual.predictions WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')) AND (model_id, environment, model_version) IN (('a\'b', 'e', 'v\\'))
    GROUP BY model_id, environment, model_version, timestamp, prediction_id
)

-- the same, where series are of either kind
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind, own AS a, own_version > 0 AS known
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind
    FROM residual.predictions FINAL WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')) AND has_actual = if((model_id, environment, model_version) IN (('a\'b', 'e', 'v\\')), 0, 1) AND (model_id, environment, model_version) NOT IN (('a\'b', 'e', 'v\\'))
    UNION ALL
    SELECT model_id, environment, model_version, timestamp, prediction_id, argMax(predicted_value, version) AS p,
        argMaxIf(actual_value, version, has_actual = 1) AS own, maxIf(version, has_actual = 1) AS own_version, toUInt8(0) AS kind
    FROM residual.predictions WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')) AND (model_id, environment, model_version) IN (('a\'b', 'e', 'v\\'))
    GROUP BY model_id, environment, model_version, timestamp, prediction_id
)

-- sums of rows whose actuals came apart, and whether one names a version
WITH p - a AS e
SELECT model_id, model_version, environment, 1 IN (SELECT scoped FROM residual.scopes WHERE (startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))), groupBitOr(kind), count(), min(ms), max(ms), countIf(known), minIf(ms, known), maxIf(ms, known), sumKahanIf(e, known), sumKahanIf(abs(e), known), varPopStableIf(abs(e), known), maxIf(abs(e), known)
FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind, given.at > own_version AS later, if(later, given.value, own) AS a, if(later, given.is_known = 1, own_version > 0) AS known
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind
    FROM residual.predictions FINAL WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010'))
) AS rows LEFT ANY JOIN (
    SELECT model_id, prediction_id, max(version) AS at, argMax(actual_value, version) AS value, argMax(known, version) AS is_known
    FROM residual.actuals
    WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND received >= fromUnixTimestamp64Milli(0, 'UTC') AND prediction_id IN (SELECT prediction_id FROM residual.predictions WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')))
    GROUP BY model_id, prediction_id
) AS given USING (model_id, prediction_id)
)
GROUP BY model_id, model_version, environment

-- sums of a series whose actuals came apart
WITH p - a AS e
SELECT groupBitOr(kind), count(), min(ms), max(ms), countIf(known), minIf(ms, known), maxIf(ms, known), sumKahanIf(e, known), sumKahanIf(abs(e), known), varPopStableIf(abs(e), known), maxIf(abs(e), known)
FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind, given.at > own_version AS later, if(later, given.value, own) AS a, if(later, given.is_known = 1, own_version > 0) AS known
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind
    FROM residual.predictions FINAL WHERE (model_id IN ('a\'b')) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')) AND (model_id, environment, model_version) IN (('a\'b', 'e', 'v\\'))
) AS rows LEFT ANY JOIN (
    SELECT model_id, prediction_id, max(version) AS at, argMax(actual_value, version) AS value, argMax(known, version) AS is_known
    FROM residual.actuals
    WHERE (model_id IN ('a\'b')) AND received >= fromUnixTimestamp64Milli(0, 'UTC') AND prediction_id IN (SELECT prediction_id FROM residual.predictions WHERE (model_id IN ('a\'b')) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')) AND (model_id, environment, model_version) IN (('a\'b', 'e', 'v\\')))
    GROUP BY model_id, prediction_id
) AS given USING (model_id, prediction_id)
)
HAVING count() > 0

-- errors and lags by size, of actuals that name versions
SELECT model_id, model_version, environment, cell, groupBitOr(kinds), is_lag, groupArray(number), groupArray(rows)
FROM (
SELECT model_id, model_version, environment, toInt64(roundDown(ms, CAST([0, 10, 20, 30], 'Array(Int64)'))) AS cell, groupBitOr(kind) AS kinds, of.1 = 1 AS is_lag, if(known, toInt64(of.2), -1) AS number, count() AS rows
FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind, arrayFilter(x -> (x.5 = '' OR x.5 = model_version) AND (x.6 = '' OR x.6 = environment), events) AS mine, mine[-1] AS latest, latest.1 > own_version AS later,
    if(later, latest.3, own) AS a, if(later, latest.2 = 1, own_version > 0) AS known,
    arrayMax(arrayPushFront(arrayMap(x -> if(x.2 = 0, x.1, toUInt64(0)), mine), toUInt64(0))) AS withdrawn,
    arrayFilter(x -> x.1 < born, mine)[-1] AS before, withdrawn < born AND before.2 = 1 AS remembered, if(withdrawn > born, withdrawn, born) AS since,
    if(remembered, before, arrayFirst(x -> x.2 = 1 AND x.1 > since, mine)) AS first,
    multiIf(own_first > since, own_first, own_version > since, own_version, 0) AS own_next,
    own_first = born AND withdrawn < born OR NOT remembered AND own_next > 0 AND own_next < first.1 AS together,
    if(known AND first.1 > 0 AND NOT together, greatest(first.4 - ms, 0), toInt64(-1)) AS lag
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind, version AS born, if(has_actual = 1, version, 0) AS own_first
    FROM residual.predictions FINAL WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010') OR (timestamp >= '1970-01-01 00:00:00.020' AND timestamp < '1970-01-01 00:00:00.030'))
) AS rows LEFT ANY JOIN (
    SELECT model_id, prediction_id, arraySort(x -> x.1, groupArray((version, known, actual_value, observed, model_version, environment))) AS events
    FROM residual.actuals
    WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND received >= fromUnixTimestamp64Milli(0, 'UTC') AND prediction_id IN (SELECT prediction_id FROM residual.predictions WHERE ((startsWith(model_id, 'b') OR model_id IN ('a') OR model_id = 'a,b*') AND (startsWith(model_id, 'b'))) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010') OR (timestamp >= '1970-01-01 00:00:00.020' AND timestamp < '1970-01-01 00:00:00.030')))
    GROUP BY model_id, prediction_id
) AS given USING (model_id, prediction_id)
) ARRAY JOIN [(0, if(abs(p - a) = 0, 0, 2551 + 50 * toInt64(bitShiftRight(reinterpretAsUInt64(abs(p - a)), 52)) + toInt64(bitShiftRight(bitAnd(reinterpretAsUInt64(abs(p - a)), 4503599627370495) * 50, 52)))), (1, if(toFloat64(greatest(lag, 0)) = 0, 0, 2551 + 50 * toInt64(bitShiftRight(reinterpretAsUInt64(toFloat64(greatest(lag, 0))), 52)) + toInt64(bitShiftRight(bitAnd(reinterpretAsUInt64(toFloat64(greatest(lag, 0))), 4503599627370495) * 50, 52))))] AS of
WHERE of.1 = 0 OR known AND lag >= 0
GROUP BY model_id, model_version, environment, cell, is_lag, number
)
GROUP BY model_id, model_version, environment, cell, is_lag

-- sums of series with cells of their own
WITH predicted_value - actual_value AS e
SELECT own_cell AS cell, has_actual, count(), min(timestamp), max(timestamp), sumKahan(e), sumKahan(abs(e)), varPopStable(abs(e)), max(abs(e))
FROM (
SELECT *, arrayLastIndex(b -> b <= ms, bounds) AS place, bounds[place] AS own_cell
FROM (
SELECT *, toUnixTimestamp64Milli(timestamp) AS ms FROM residual.predictions FINAL WHERE (model_id IN (SELECT model_id FROM series_along)) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.040')) AND (model_id, environment, model_version) IN (SELECT model_id, environment, model_version FROM series_along)
) AS rows_of INNER ALL JOIN series_along USING (model_id, environment, model_version)
WHERE wanted[place] = 1
)
GROUP BY cell, has_actual

-- counts of these, of actuals that name versions
WITH p - a AS e
SELECT own_cell AS cell, groupBitOr(kind), count(), min(ms), max(ms), countIf(known), minIf(ms, known), maxIf(ms, known)
FROM (
SELECT *, arrayLastIndex(b -> b <= ms, bounds) AS place, bounds[place] AS own_cell
FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind, arrayFilter(x -> (x.5 = '' OR x.5 = model_version) AND (x.6 = '' OR x.6 = environment), events) AS mine, mine[-1] AS latest, latest.1 > own_version AS later,
    if(later, latest.3, own) AS a, if(later, latest.2 = 1, own_version > 0) AS known
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind
    FROM residual.predictions FINAL WHERE (model_id IN (SELECT model_id FROM series_along)) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.040')) AND (model_id, environment, model_version) IN (SELECT model_id, environment, model_version FROM series_along)
) AS rows LEFT ANY JOIN (
    SELECT model_id, prediction_id, arraySort(x -> x.1, groupArray((version, known, actual_value, observed, model_version, environment))) AS events
    FROM residual.actuals
    WHERE (model_id IN (SELECT model_id FROM series_along)) AND received >= fromUnixTimestamp64Milli(0, 'UTC') AND prediction_id IN (SELECT prediction_id FROM residual.predictions WHERE (model_id IN (SELECT model_id FROM series_along)) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.040')) AND (model_id, environment, model_version) IN (SELECT model_id, environment, model_version FROM series_along))
    GROUP BY model_id, prediction_id
) AS given USING (model_id, prediction_id)
) AS rows_of INNER ALL JOIN series_along USING (model_id, environment, model_version)
WHERE wanted[place] = 1
)
GROUP BY cell

-- how many rows these have, whatever actuals came apart
WITH predicted_value - actual_value AS e
SELECT own_cell AS cell, has_actual, count(), min(timestamp), max(timestamp)
FROM (
SELECT *, arrayLastIndex(b -> b <= ms, bounds) AS place, bounds[place] AS own_cell
FROM (
SELECT *, toUnixTimestamp64Milli(timestamp) AS ms FROM residual.predictions FINAL WHERE (model_id IN (SELECT model_id FROM series_along)) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.040')) AND (model_id, environment, model_version) IN (SELECT model_id, environment, model_version FROM series_along)
) AS rows_of INNER ALL JOIN series_along USING (model_id, environment, model_version)
WHERE wanted[place] = 1
)
GROUP BY cell, has_actual

-- errors and lags of these by size
SELECT model_id, model_version, environment, cell, groupBitOr(kinds), is_lag, groupArray(number), groupArray(rows)
FROM (
SELECT model_id, model_version, environment, own_cell AS cell, groupBitOr(kind) AS kinds, of.1 = 1 AS is_lag, if(known, toInt64(of.2), -1) AS number, count() AS rows
FROM (
SELECT *, arrayLastIndex(b -> b <= ms, bounds) AS place, bounds[place] AS own_cell
FROM (
SELECT model_id, environment, model_version, ms, p, a, known, kind, lag FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind, arrayFilter(x -> (x.5 = '' OR x.5 = model_version) AND (x.6 = '' OR x.6 = environment), events) AS mine, mine[-1] AS latest, latest.1 > own_version AS later,
    if(later, latest.3, own) AS a, if(later, latest.2 = 1, own_version > 0) AS known,
    arrayMax(arrayPushFront(arrayMap(x -> if(x.2 = 0, x.1, toUInt64(0)), mine), toUInt64(0))) AS withdrawn,
    arrayFilter(x -> x.1 < born, mine)[-1] AS before, withdrawn < born AND before.2 = 1 AS remembered, if(withdrawn > born, withdrawn, born) AS since,
    if(remembered, before, arrayFirst(x -> x.2 = 1 AND x.1 > since, mine)) AS first,
    multiIf(own_first > since, own_first, own_version > since, own_version, 0) AS own_next,
    own_first = born AND withdrawn < born OR NOT remembered AND own_next > 0 AND own_next < first.1 AS together,
    if(known AND first.1 > 0 AND NOT together, greatest(first.4 - ms, 0), toInt64(-1)) AS lag
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind, version AS born, if(has_actual = 1, version, 0) AS own_first
    FROM residual.predictions FINAL WHERE (model_id IN (SELECT model_id FROM series_along)) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.040')) AND (model_id, environment, model_version) IN (SELECT model_id, environment, model_version FROM series_along)
) AS rows LEFT ANY JOIN (
    SELECT model_id, prediction_id, arraySort(x -> x.1, groupArray((version, known, actual_value, observed, model_version, environment))) AS events
    FROM residual.actuals
    WHERE (model_id IN (SELECT model_id FROM series_along)) AND received >= fromUnixTimestamp64Milli(0, 'UTC') AND prediction_id IN (SELECT prediction_id FROM residual.predictions WHERE (model_id IN (SELECT model_id FROM series_along)) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.040')) AND (model_id, environment, model_version) IN (SELECT model_id, environment, model_version FROM series_along))
    GROUP BY model_id, prediction_id
) AS given USING (model_id, prediction_id)
)
) AS rows_of INNER ALL JOIN series_along USING (model_id, environment, model_version)
WHERE wanted[place] = 1
) ARRAY JOIN [(0, if(abs(p - a) = 0, 0, 2551 + 50 * toInt64(bitShiftRight(reinterpretAsUInt64(abs(p - a)), 52)) + toInt64(bitShiftRight(bitAnd(reinterpretAsUInt64(abs(p - a)), 4503599627370495) * 50, 52)))), (1, if(toFloat64(greatest(lag, 0)) = 0, 0, 2551 + 50 * toInt64(bitShiftRight(reinterpretAsUInt64(toFloat64(greatest(lag, 0))), 52)) + toInt64(bitShiftRight(bitAnd(reinterpretAsUInt64(toFloat64(greatest(lag, 0))), 4503599627370495) * 50, 52))))] AS of
WHERE of.1 = 0 OR known AND lag >= 0
GROUP BY model_id, model_version, environment, cell, is_lag, number
)
GROUP BY model_id, model_version, environment, cell, is_lag

-- counts of rows of a long time
WITH p - a AS e
SELECT own_cell AS cell, groupBitOr(kind), count(), min(ms), max(ms), countIf(known), minIf(ms, known), maxIf(ms, known)
FROM (
SELECT *, arrayLastIndex(b -> b <= ms, bounds) AS place, bounds[place] AS own_cell
FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind, arrayFilter(x -> (x.5 = '' OR x.5 = model_version) AND (x.6 = '' OR x.6 = environment), events) AS mine, mine[-1] AS latest, latest.1 > own_version AS later,
    if(later, latest.3, own) AS a, if(later, latest.2 = 1, own_version > 0) AS known,
    arrayMax(arrayPushFront(arrayMap(x -> if(x.2 = 0, x.1, toUInt64(0)), mine), toUInt64(0))) AS withdrawn,
    arrayFilter(x -> x.1 < born, mine)[-1] AS before, withdrawn < born AND before.2 = 1 AS remembered, if(withdrawn > born, withdrawn, born) AS since,
    if(remembered, before, arrayFirst(x -> x.2 = 1 AND x.1 > since, mine)) AS first,
    multiIf(own_first > since, own_first, own_version > since, own_version, 0) AS own_next,
    own_first = born AND withdrawn < born OR NOT remembered AND own_next > 0 AND own_next < first.1 AS together,
    if(known AND first.1 > 0 AND NOT together, greatest(first.4 - ms, 0), toInt64(-1)) AS lag
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind, version AS born, if(has_actual = 1, version, 0) AS own_first
    FROM residual.predictions FINAL WHERE (model_id IN (SELECT model_id FROM series_along)) AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.040')) AND (model_id, environment, model_version) IN (SELECT model_id, environment, model_version FROM series_along)
) AS rows LEFT ANY JOIN (
    SELECT model_id, prediction_id, arraySort(x -> x.1, groupArray((version, known, actual_value, observed, model_version, environment))) AS events
    FROM residual.actuals
    WHERE (model_id IN (SELECT model_id FROM series_along)) AND received >= fromUnixTimestamp64Milli(0, 'UTC')
    GROUP BY model_id, prediction_id
) AS given USING (model_id, prediction_id)
) AS rows_of INNER ALL JOIN series_along USING (model_id, environment, model_version)
WHERE wanted[place] = 1
)
GROUP BY cell

-- sums of a series by name, and whether actuals of its model came apart
WITH predicted_value - actual_value AS e
SELECT 1 IN (SELECT 1 FROM residual.scopes WHERE model_id = 'a'), has_actual, count(), min(timestamp), max(timestamp), sumKahan(e), sumKahan(abs(e)), varPopStable(abs(e)), max(abs(e))
FROM residual.predictions FINAL WHERE (model_id = 'a') AND ((timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')) AND environment = 'e' AND model_version = 'v'
GROUP BY has_actual

-- rows up to a limit, of all series that there are
SELECT model_id, model_version, environment, ms, prediction_id, p, a, known, lag, features, toUInt64(0) AS place
FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind, features_last AS features, toInt64(-1) AS lag, own AS a, own_version > 0 AS known
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind, features AS features_last
    FROM residual.predictions FINAL WHERE model_id IN ('a\'b') AND (model_id, environment, model_version) IN (('a\'b', 'e', 'v\\')) AND (timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')
)
)
ORDER BY model_id, environment, model_version, ms, prediction_id
LIMIT 10

-- rows of more series than are named, which are taken up to the limit
SELECT model_id, model_version, environment, ms, prediction_id, p, a, known, lag, features, toUInt64(0) AS place
FROM (
SELECT model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind, features_last AS features, toInt64(-1) AS lag, own AS a, own_version > 0 AS known
FROM (
    SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind, features AS features_last
    FROM residual.predictions FINAL WHERE (model_id = 'a') AND (timestamp >= '1970-01-01 00:00:00.000' AND timestamp < '1970-01-01 00:00:00.010')
)
)
ORDER BY model_id, environment, model_version, ms, prediction_id

