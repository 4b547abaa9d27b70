package clusters_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/engine"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/random"
	"github.com/residualdb/residual/internal/testing/storetest"
)

// TestRowsInSlices has answers of rows that are many slices long: of one series, of many, of one millisecond, of months that lie far apart, with
// actuals that came apart and without. They are those of the engine.
func TestRowsInSlices(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2})
	now := storetest.Now
	db, err := engine.Open(t.TempDir(), engine.Options{Now: now, Elapsed: func() time.Duration { return 0 }})
	require.NoError(t, err)
	config := makeTables(t, c, clickhouse.Options{Now: now, BatchWait: time.Millisecond, SliceRows: 40})
	one, other := serve(t, db, now), serve(t, openStore(t, config), now)
	send := func(source, lines string) {
		for _, s := range []*server{one, other} {
			s.send(t, source, []byte(lines))
		}
	}
	r := random.Rand(t)
	send(engine.SourcePredictions, linesOf(r, "long", true, 0, 500))
	send(engine.SourcePredictions, linesOf(r, "mixed", true, 0, 300)+linesOf(r, "mixed", false, 200, 400))
	var lines, actuals strings.Builder
	for i := range 200 {
		// A series of each model for every second row, and a burst.
		fmt.Fprintf(&lines, `{"timestamp":"%s","model_id":"few%d","prediction_id":"%d","features":"{\"feature1\":%d}","predicted_value":%d,"model_version":"v%d","environment":"production"}`+"\n",
			now().AddDate(0, -i%30, 0).Format("2006-01-02 15:04:05"), i%5, i, i%100, r.IntN(100), i/2)
		fmt.Fprintf(&lines, `{"timestamp":"2024-02-03 04:05:06.789","model_id":"burst","prediction_id":"%d","features":"{\"feature1\":%d}","predicted_value":%d,"actual_value":1,"model_version":"v1","environment":"production"}`+"\n", i, i%100, r.IntN(100))
		fmt.Fprintf(&actuals, `{"model_id":"few%d","prediction_id":"%d","actual_value":%d}`+"\n", i%5, i/3, r.IntN(100))
	}
	send(engine.SourcePredictions, lines.String())
	send(engine.SourceActuals, actuals.String())
	answer := func(s *server, q engine.RowsQuery) (rows []string) {
		_, err := s.store.EachRows(t.Context(), q, func(b *engine.RowBatch) bool {
			for i := range b.SeriesOf {
				rows = append(rows, fmt.Sprint(b.Series[b.SeriesOf[i]], b.Times[i], string(b.IDs.At(i)), string(b.Features.At(i)), b.Predicted[i], b.Actual[i], b.Known.Get(i)))
			}
			return true
		})
		require.NoError(t, err)
		return rows
	}
	asked := 0
	for _, model := range []string{"*", "mixed", "few*", "few1,burst,long"} {
		for _, order := range []engine.RowOrder{engine.Unordered, engine.TimeAscending, engine.TimeDescending, engine.WorstFirst, engine.Sample} {
			for _, limit := range []int{0, 90} {
				for _, condition := range [][]engine.FeatureCondition{nil, {{Key: "feature1", Op: engine.Less, Value: strconv.Itoa(10 + asked%80)}}} {
					q := engine.RowsQuery{Model: model, Version: engine.All, Environment: engine.All, From: time.UnixMilli(0), Order: order, Limit: limit, Features: condition, Columns: engine.IDColumn | engine.FeaturesColumn}
					if asked++; limit == 0 && order >= engine.WorstFirst || limit > 0 && order == engine.Unordered {
						continue // the one needs a limit, and any rows are right where the other has one
					}
					want, got := answer(one, q), answer(other, q)
					if order == engine.Sample {
						want, got = []string{strconv.Itoa(len(want))}, []string{strconv.Itoa(len(got))}
					}
					if order == engine.Unordered {
						slices.Sort(want)
						slices.Sort(got)
					}
					require.Equal(t, want, got, "%+v", q)
				}
			}
		}
	}
	require.Len(t, answer(other, engine.RowsQuery{Model: "*", Version: engine.All, From: time.UnixMilli(0), Limit: 100, Columns: engine.IDColumn | engine.FeaturesColumn}), 100)
}

// TestRowsHoldNoMemory has a long answer of which nobody takes more than the first rows: no server keeps the others for it.
func TestRowsHoldNoMemory(t *testing.T) {
	const rows, most = 100_000, 24 << 20
	c := nodes.Start(t, nodes.Options{})
	config := makeTables(t, c, clickhouse.Options{Now: storetest.Now, SliceRows: 5000})
	c.Nodes[0].Query(t, fmt.Sprintf(`INSERT INTO %s.predictions SELECT 'm', 'production', 'v1', fromUnixTimestamp64Milli(%d - number * 1000, 'UTC'), toString(number), 1, number, 1, 2,
'{"text":"' || repeat(toString(sipHash64(number)), 30) || '"}' FROM numbers(%d)`, config.Database, storetest.Now().UnixMilli(), rows))
	store := openStore(t, config)
	defer func() { require.NoError(t, store.Close()) }()
	for _, order := range []engine.RowOrder{engine.Unordered, engine.TimeAscending, engine.TimeDescending} {
		taken := 0
		_, err := store.EachRows(t.Context(), engine.RowsQuery{Model: "m", Version: engine.All, From: time.UnixMilli(0), Order: order}, func(b *engine.RowBatch) bool {
			if taken == 0 {
				held, err := strconv.Atoi(c.Nodes[0].Query(t, "SELECT max(peak_memory_usage) FROM system.processes WHERE query LIKE 'SELECT model_id%predictions%'"))
				require.NoError(t, err)
				require.Less(t, held, most)
			}
			taken += b.Len()
			return true
		})
		require.NoError(t, err)
		require.Equal(t, rows, taken)
	}
}

// TestQuarantineOfMany asks for a few of many rejected lines, of which some were stored twice: no more than these are read.
func TestQuarantineOfMany(t *testing.T) {
	const lines, most = 300_000, 50_000
	c := nodes.Start(t, nodes.Options{})
	config := makeTables(t, c, clickhouse.Options{Now: storetest.Now})
	for range 2 {
		c.Nodes[0].Query(t, fmt.Sprintf("INSERT INTO %s.quarantine (source, inserted_at, import_id, line_number, error_column, code, reason, line, place) SELECT '%s', fromUnixTimestamp64Milli(%d + number, 'UTC'), 'i', number, '', 1, 'r', toString(number), '' FROM numbers(%d)",
			config.Database, engine.SourcePredictions, storetest.Now().UnixMilli(), lines))
	}
	c.Nodes[0].Query(t, fmt.Sprintf("INSERT INTO %s.actuals (model_id, prediction_id) VALUES ('m', 'a')", config.Database))
	store := openStore(t, config)
	server := serve(t, store, storetest.Now)
	readRows := func() int {
		n, err := strconv.Atoi(c.Nodes[0].Query(t, "SELECT sum(value) FROM system.events WHERE event = 'SelectedRows'"))
		require.NoError(t, err)
		return n
	}
	for _, q := range []engine.QuarantineQuery{
		{Limit: 3},
		{Limit: 3, Source: engine.SourcePredictions},
		{Limit: 3, Within: "m", ModelOf: func(string, []byte) (string, bool) { return "m", true }},
	} {
		before := readRows()
		var got []string
		_, err := store.EachReject(t.Context(), q, func(r *engine.QuarantineRow) bool {
			got = append(got, string(r.Line))
			return true
		})
		require.NoError(t, err)
		require.Equal(t, []string{strconv.Itoa(lines - 1), strconv.Itoa(lines - 2), strconv.Itoa(lines - 3)}, got)
		if q.Within == "" {
			require.Less(t, readRows()-before, most, "%+v", q)
		}
	}
	require.Eventually(t, func() bool { return !store.Stats().Unmeasured }, time.Minute, 10*time.Millisecond)
	stats := store.Stats()
	require.True(t, stats.Elsewhere)
	require.Positive(t, stats.Disk.Quarantine)
	require.Positive(t, stats.Disk.Actuals)
	require.Positive(t, stats.Disk.Free)
	require.GreaterOrEqual(t, stats.QuarantineKept, lines)
	_, sources := server.ask(t, "/v0/datasources/"+engine.SourceActuals)
	require.Contains(t, sources, fmt.Sprint(`"bytes":`, stats.Disk.Actuals))
}
