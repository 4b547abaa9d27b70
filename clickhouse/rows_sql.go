package clickhouse

import (
	"fmt"
	"strings"
	"time"
)

// picture is what is to be known of rows.
type picture struct {
	// where is the condition on rows of the table predictions.
	where string
	// from is the earliest time that it asks for.
	from int64
	// actuals is set where some of the models have actuals that came apart from their rows, and scoped where one of these names a version
	// or an environment.
	actuals, scoped bool
	features, lags  bool
	// mixed is set where an identity may have a row with and one without an actual.
	mixed bool
	// models is the condition on models alone.
	models string
}

// sql selects rows as they are: of each identity what was sent last, with the actual that was sent last. The columns are model_id,
// environment, model_version, ms, prediction_id, p, a, known, and lag and features where they are asked for.
func (s *Store) sql(p *picture) string {
	rows := s.newest(p)
	if p.mixed {
		rows = s.together(p)
	}
	outer := "model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p"
	if p.features {
		outer += ", features_last AS features"
	}
	if !p.actuals {
		if p.lags {
			outer += ", toInt64(-1) AS lag"
		}
		return fmt.Sprintf("SELECT %s, own AS a, own_version > 0 AS known\nFROM (\n    %s\n)", outer, rows)
	}
	mine := "events"
	if p.scoped {
		mine = "arrayFilter(x -> (x.5 = '' OR x.5 = model_version) AND (x.6 = '' OR x.6 = environment), events)"
	}
	lag := ""
	if p.lags {
		// The first actual since none was known: the last one that was there when the row came, or the first after that and after the last
		// that was withdrawn. There is none where the row came with its actual, or has got it with another of its versions before.
		lag = `,
    arrayMax(x -> if(x.2 = 0, x.1, 0), arrayPushFront(mine, (toUInt64(0), toUInt8(1), toFloat64(0), toInt64(0), '', ''))) AS withdrawn,
    arrayFilter(x -> x.1 < born, mine)[-1] AS before, withdrawn < born AND before.2 = 1 AS remembered, greatest(withdrawn, born) AS since,
    if(remembered, before, arrayFirst(x -> x.2 = 1 AND x.1 > since, mine)) AS first,
    multiIf(own_first > since, own_first, own_version > since, own_version, 0) AS own_next,
    own_first = born AND withdrawn < born OR NOT remembered AND own_next > 0 AND own_next < first.1 AS together,
    if(known AND first.1 > 0 AND NOT together, greatest(first.4 - ms, 0), toInt64(-1)) AS lag`
	}
	return fmt.Sprintf(`SELECT %s, %s AS mine, mine[-1] AS latest, latest.1 > own_version AS later,
    if(later, latest.3, own) AS a, if(later, latest.2 = 1, own_version > 0) AS known%s
FROM (
    %s
) AS rows LEFT ANY JOIN (
    SELECT model_id, prediction_id, arraySort(x -> x.1, groupArray((version, known, actual_value, observed, model_version, environment))) AS events
    FROM %s.actuals
    WHERE (%s) AND received >= fromUnixTimestamp64Milli(%d, 'UTC') AND prediction_id IN (SELECT prediction_id FROM %[5]s.predictions WHERE %[8]s)
    GROUP BY model_id, prediction_id
) AS given USING (model_id, prediction_id)`, outer, mine, lag, rows, s.config.Database, p.models, max(p.from-s.actualsReach(), 0), p.where)
}

// actualsReach is how long before a row an actual of it may have come, in milliseconds.
func (s *Store) actualsReach() int64 {
	return (s.config.ActualsTTL + s.config.MaxFuture + time.Hour).Milliseconds()
}

// spansAre is that a row is in one of some spans.
func spansAre(spans [][2]int64) string {
	parts := make([]string, len(spans))
	for i, x := range spans {
		parts[i] = timeIs(x[0], x[1])
	}
	return strings.Join(parts, " OR ")
}

// together selects of each identity what was sent last, of its row with an actual and of that without.
func (s *Store) together(p *picture) string {
	features := ""
	if p.features {
		features = ",\n        argMax(features, version) AS features_last"
	}
	if p.lags && p.actuals {
		features += ",\n        min(version) AS born, minIf(version, has_actual = 1) AS own_first"
	}
	return fmt.Sprintf(`SELECT model_id, environment, model_version, timestamp, prediction_id, argMax(predicted_value, version) AS p,
        argMaxIf(actual_value, version, has_actual = 1) AS own, maxIf(version, has_actual = 1) AS own_version%s
    FROM %s.predictions WHERE %s
    GROUP BY model_id, environment, model_version, timestamp, prediction_id`, features, s.config.Database, p.where)
}

// newest is together of rows of which each identity has one: FINAL costs a tenth.
func (s *Store) newest(p *picture) string {
	more := ""
	if p.features {
		more = ", features AS features_last"
	}
	if p.lags && p.actuals {
		more += ", version AS born, if(has_actual = 1, version, 0) AS own_first"
	}
	return fmt.Sprintf(`SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version%s
    FROM %s.predictions FINAL WHERE %s`, more, s.config.Database, p.where)
}
