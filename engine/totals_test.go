package engine_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// TestTotalsAreExact adds errors that differ by 600 powers of two over models, versions and environments: the total is
// that of all rows to the bit, which the sum of the parts' own answers is not.
func TestTotalsAreExact(t *testing.T) {
	s := seed(t)
	c := chooser{rand.New(rand.NewPCG(s, 1)), testNow}
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	var o oracle
	for range 40 {
		var b event.Batch
		for range 50 {
			e := c.event(len(o.rows))
			require.NoError(t, b.Add(e, db.Rules()))
			o.add(e)
		}
		_, err := db.Append(context.Background(), &b)
		require.NoError(t, err)
		if c.IntN(10) == 0 {
			require.NoError(t, db.Checkpoint(context.Background()))
		}
	}
	for columns := range engine.Columns(8) {
		q := engine.MetricsQuery{Model: "*", Version: "*", Environment: "*", Window: 2000 * time.Hour, Across: columns}
		got := checkMetrics(t, db, &o, q, testNow)
		checkReport(t, db, &o, q, testNow)
		checkDrift(t, db, &o, engine.DriftQuery{
			Model: "*", Environment: "*", Historical: 2000 * time.Hour, Recent: 100 * time.Hour, Across: columns,
		}, testNow)
		checkDriftReport(t, db, &o, engine.DriftReportQuery{
			Model: "*", Environment: "*", Historical: 2000 * time.Hour, Recent: 100 * time.Hour, Across: columns,
		}, testNow)
		if columns == engine.ModelColumn|engine.VersionColumn|engine.EnvironmentColumn {
			require.Len(t, got.Rows, 1)
			row := got.Rows[0]
			require.Equal(t, [3]string{"*", "*", "*"}, [3]string{row.Model, row.Version, row.Environment})
		}
	}
}

// TestTotalOfNothing is an answer without rows.
func TestTotalOfNothing(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	across := engine.ModelColumn | engine.VersionColumn | engine.EnvironmentColumn
	metrics, err := db.Metrics(context.Background(), engine.MetricsQuery{Model: "*", Across: across})
	require.NoError(t, err)
	require.Empty(t, metrics.Rows)
	report, err := db.Report(context.Background(), engine.ReportQuery{Model: "a,b*", Across: across})
	require.NoError(t, err)
	require.Empty(t, report.Rows)
}

// TestPrefixOfManyModelsEndsWithItsContext holds a scan over all models to the time that a query has.
func TestPrefixOfManyModelsEndsWithItsContext(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	predictions{"v1", "production", testNow.Add(-time.Hour), testNow, time.Hour, false}.append(t, db)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, model := range []string{"*", "nothing*", "a,b,m"} {
		for _, across := range []engine.Columns{0, engine.ModelColumn} {
			_, err := db.Metrics(ctx, engine.MetricsQuery{Model: model, Across: across})
			require.ErrorIs(t, err, context.Canceled, model)
		}
	}
}
