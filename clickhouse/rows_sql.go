package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// picture is what is to be known of rows.
type picture struct {
	// where is the condition on rows of the table predictions.
	where string
	// from is the earliest time that it asks for, and length how long it is from there to the latest, in milliseconds; 0 where that is not known.
	from, length int64
	// scopes are those of the models.
	scopes
	features, lags bool
	// together is set where an identity may have a row with and one without an actual. Else it may in the series mixed alone.
	together bool
	mixed    []event.Series
	// pinned, unless it is empty, is a condition on rows of series that are not mixed.
	pinned string
	// models is the condition on models alone.
	models string
	// one is the series of all rows, nil where there may be several.
	one *event.Series
	// unsure is set where the models may have scopes beyond these.
	unsure bool
	// along, unless it is nil, goes along with the statement.
	along *along
}

// mixedNamed is how many series a statement names as mixed. Of more, all are taken to be.
const mixedNamed = 200

// mix adds series whose rows are to be put together.
func (p *picture) mix(of []event.Series) {
	p.mixed = append(slices.Clip(p.mixed), of...)
	p.together = p.together || len(p.mixed) > mixedNamed
}

// flat tells whether rows are selected in one step. A step more costs 2 ms of the 8 that a question about some hundred rows takes.
func (p *picture) flat() bool { return !p.actuals && !p.together && len(p.mixed) == 0 }

// flatly is rows as the table has them, for what stands after FROM.
func (s *Store) flatly(p *picture) string {
	return s.config.Database + ".predictions FINAL WHERE " + p.where
}

// selected is what selects rows as they are: what stands before SELECT, and after FROM. The columns are those of sql.
func (s *Store) selected(p *picture) (with, from string) {
	if !p.flat() {
		return "", "(\n" + s.sql(p) + "\n)"
	}
	return "WITH predicted_value AS p, actual_value AS a, has_actual = 1 AS known, toUInt8(1 + has_actual) AS kind, toUnixTimestamp64Milli(timestamp) AS ms\n", s.flatly(p)
}

// sql selects rows as they are: of each identity what was sent last, with the actual that was sent last. The columns are model_id,
// environment, model_version, ms, prediction_id, p, a, known, kind, and lag and features where they are asked for. The kind is that of a row
// that is read by itself, 0 of rows that are put together.
func (s *Store) sql(p *picture) string {
	rows := s.rows(p)
	outer := "model_id, environment, model_version, toUnixTimestamp64Milli(timestamp) AS ms, prediction_id, p, kind"
	if p.features {
		outer += ", features_last AS features"
	}
	switch {
	case !p.actuals:
		if p.lags {
			outer += ", toInt64(-1) AS lag"
		}
		return fmt.Sprintf("SELECT %s, own AS a, own_version > 0 AS known\nFROM (\n    %s\n)", outer, rows)
	case !p.scoped && !p.lags:
		return s.withLast(p, outer, rows)
	}
	return s.withAll(p, outer, rows)
}

// withLast joins rows with the last actual that was sent of each id.
func (s *Store) withLast(p *picture, outer, rows string) string {
	return fmt.Sprintf(`SELECT %s, given.at > own_version AS later, if(later, given.value, own) AS a, if(later, given.is_known = 1, own_version > 0) AS known
FROM (
    %s
) AS rows LEFT ANY JOIN (
    SELECT model_id, prediction_id, max(version) AS at, argMax(actual_value, version) AS value, argMax(known, version) AS is_known
    FROM %s
    GROUP BY model_id, prediction_id
) AS given USING (model_id, prediction_id)`, outer, rows, s.actualsOf(p))
}

// actualsOf are the actuals that rows may have. Whatever has come a while before them is forgotten. Those of other rows are left out by their ids
// where they may be the most: in a time that is no shorter than that while they are not, and to look for the ids took longer than all the rest.
func (s *Store) actualsOf(p *picture) string {
	actuals := fmt.Sprintf("%s.actuals\n    WHERE (%s) AND received >= fromUnixTimestamp64Milli(%d, 'UTC')", s.config.Database, p.models, max(p.from-s.actualsReach(), 0))
	if p.along != nil && p.length >= s.actualsReach() {
		return actuals
	}
	return actuals + fmt.Sprintf(" AND prediction_id IN (SELECT prediction_id FROM %s.predictions WHERE %s)", s.config.Database, p.where)
}

// withAll joins rows with all actuals of each id, which lags and scopes need.
func (s *Store) withAll(p *picture, outer, rows string) string {
	mine := "events"
	if p.scoped {
		mine = "arrayFilter(x -> (x.5 = '' OR x.5 = model_version) AND (x.6 = '' OR x.6 = environment), events)"
	}
	lag := ""
	if p.lags {
		// The first actual since none was known: the last one that was there when the row came, or the first after that and after the last
		// that was withdrawn. There is none where the row came with its actual, or has got it with another of its versions before.
		lag = `,
    arrayMax(arrayPushFront(arrayMap(x -> if(x.2 = 0, x.1, toUInt64(0)), mine), toUInt64(0))) AS withdrawn,
    arrayFilter(x -> x.1 < born, mine)[-1] AS before, withdrawn < born AND before.2 = 1 AS remembered, if(withdrawn > born, withdrawn, born) AS since,
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
    FROM %s
    GROUP BY model_id, prediction_id
) AS given USING (model_id, prediction_id)`, outer, mine, lag, rows, s.actualsOf(p))
}

// actualsReach is for how many milliseconds before a window begins its actuals may have come.
func (s *Store) actualsReach() int64 {
	return (s.config.ActualsTTL + s.config.MaxFuture + time.Hour).Milliseconds()
}

// spansAre is that a row is in one of some spans.
func spansAre(spans []engine.CellSpan) string {
	parts := make([]string, len(spans))
	for i, x := range spans {
		parts[i] = timeIs(x.From, x.To)
	}
	return strings.Join(parts, " OR ")
}

// rows selects the rows of identities: those of series that are mixed put together, the others as they are.
func (s *Store) rows(p *picture) string {
	if p.together {
		return s.together(p, p.where)
	}
	alone := p.where
	if p.pinned != "" {
		alone += " AND " + p.pinned
	}
	if len(p.mixed) == 0 {
		return s.newest(p, alone)
	}
	return s.newest(p, alone+" AND "+seriesAreNot(p.mixed)) + "\n    UNION ALL\n    " + s.together(p, p.where+" AND "+seriesAre(p.mixed))
}

// together selects of each identity what was sent last, of its row with an actual and of that without.
func (s *Store) together(p *picture, where string) string {
	more := ""
	if p.features {
		more = ",\n        argMax(features, version) AS features_last"
	}
	if p.lags && p.actuals {
		more += ",\n        min(version) AS born, minIf(version, has_actual = 1) AS own_first"
	}
	return fmt.Sprintf(`SELECT model_id, environment, model_version, timestamp, prediction_id, argMax(predicted_value, version) AS p,
        argMaxIf(actual_value, version, has_actual = 1) AS own, maxIf(version, has_actual = 1) AS own_version, toUInt8(0) AS kind%s
    FROM %s.predictions WHERE %s
    GROUP BY model_id, environment, model_version, timestamp, prediction_id`, more, s.config.Database, where)
}

// newest selects the newest row of each identity of series whose rows are all of one kind, so that FINAL is enough; it takes a fifth of the
// processor that together does.
func (s *Store) newest(p *picture, where string) string {
	more := ""
	if p.features {
		more = ", features AS features_last"
	}
	if p.lags && p.actuals {
		more += ", version AS born, if(has_actual = 1, version, 0) AS own_first"
	}
	return fmt.Sprintf(`SELECT model_id, environment, model_version, timestamp, prediction_id, predicted_value AS p, actual_value AS own,
        if(has_actual = 1, version, 0) AS own_version, toUInt8(1 + has_actual) AS kind%s
    FROM %s.predictions FINAL WHERE %s`, more, s.config.Database, where)
}

// togetherMost is how many rows are put together where it is not known whether that is needed: a tenth of a second.
const togetherMost = 50_000

// counted is a series in some span of time: how many rows are stored of it, of which kinds, and the times of the first and the last.
type counted struct {
	event.Series
	rows        uint64
	kinds       uint8
	first, last int64
}

// count counts the stored rows of a picture by series, in the order of the key.
func (q *sums) count(ctx context.Context, of *asked, p *picture) (found []counted, err error) {
	statement := fmt.Sprintf(`SELECT model_id, model_version, environment, count(), groupBitOr(toUInt8(1 + has_actual)), toUnixTimestamp64Milli(min(timestamp)), toUnixTimestamp64Milli(max(timestamp))
FROM %s.predictions WHERE %s GROUP BY model_id, model_version, environment ORDER BY model_id, environment, model_version`, q.store.config.Database, p.where)
	err = of.ask(ctx, "look for rows of both kinds", func(ctx context.Context, conn driver.Conn) error {
		found = found[:0]
		return eachRow(query(ctx), conn, statement, func(rows driver.Rows) error {
			var x counted
			if err := rows.Scan(&x.Model, &x.Version, &x.Environment, &x.rows, &x.kinds, &x.first, &x.last); err != nil {
				return err
			}
			found = append(found, x)
			return nil
		})
	})
	return found, err
}

// pin sees to it that each identity of a picture is selected once, whatever is stored until it is. Beyond a few rows those of a series that are
// all of one kind are taken to stay so: what comes in the other kind meanwhile is not seen.
func (q *sums) pin(ctx context.Context, of *asked, p *picture) error {
	found, err := q.count(ctx, of, p)
	if err != nil {
		return err
	}
	p.pin(found, rowsOf(found))
	return nil
}

func rowsOf(of []counted) (rows uint64) {
	for i := range of {
		rows += of[i].rows
	}
	return rows
}

// pin is that of sums, where it is known of which kinds the rows of each series are. total is how many rows there are about.
func (p *picture) pin(found []counted, total uint64) {
	var with, without, both []event.Series
	for i := range found {
		switch x := &found[i]; x.kinds {
		case withActual:
			with = append(with, x.Series)
		case withoutActual:
			without = append(without, x.Series)
		default:
			both = append(both, x.Series)
		}
	}
	p.together = total <= togetherMost || len(with)+len(without) == 0 || len(without) > mixedNamed && len(with) > mixedNamed
	p.mixed = nil
	p.mix(both)
	p.pinned = pinnedTo(with, without)
}

// pinnedTo is that rows of series are of the kind that all of them are.
func pinnedTo(with, without []event.Series) string {
	switch {
	case len(without) == 0:
		return "has_actual = 1"
	case len(with) == 0:
		return "has_actual = 0"
	case len(without) <= len(with):
		return "has_actual = if(" + seriesAre(without) + ", 0, 1)"
	}
	return "has_actual = if(" + seriesAre(with) + ", 1, 0)"
}
