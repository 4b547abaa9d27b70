package clusters_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
)

// TestRetentionOfTables opens tables that drop rows after a month: rows that they would drop at once are rejected, with no word of it to
// the store, and a retention that is longer than theirs is refused.
func TestRetentionOfTables(t *testing.T) {
	now := time.Now().UTC() // by which the tables drop rows
	const month = 30 * 24 * time.Hour
	c := nodes.Start(t, nodes.Options{})
	config := clickhouse.Config{Addresses: []string{c.Nodes[0].Address}, Database: "short", Username: nodes.User, Password: nodes.Password}
	_, err := clickhouse.Init(t.Context(), config, schema.Layout{Database: config.Database, Retention: month})
	require.NoError(t, err)

	longer := config
	longer.Retention = 2 * month
	_, err = clickhouse.Open(t.Context(), longer)
	require.ErrorIs(t, err, clickhouse.ErrSchema)
	longer.Retention, longer.RetentionOf = 0, []engine.ModelRetention{{Models: "m", Keep: 2 * month}}
	_, err = clickhouse.Open(t.Context(), longer)
	require.ErrorIs(t, err, clickhouse.ErrSchema)

	s := openStore(t, config)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	oldest := time.UnixMilli(s.Rules().Oldest).UTC()
	for i, at := range []time.Time{oldest, now} {
		var batch event.Batch
		e := event.Event{Timestamp: at, ModelID: "m", PredictionID: strconv.Itoa(i), Features: "{}", ModelVersion: "v1", Environment: "production"}
		require.NoError(t, batch.Add(e, s.Rules()))
		_, err = s.Append(t.Context(), &batch)
		require.NoError(t, err)
	}
	c.Nodes[0].Query(t, "OPTIMIZE TABLE short.predictions FINAL")
	c.Nodes[0].Query(t, "OPTIMIZE TABLE short.series FINAL")
	require.Equal(t, "2", c.Nodes[0].Query(t, "SELECT count() FROM short.predictions"), "a row that was taken is gone")
	require.Equal(t, "2", c.Nodes[0].Query(t, "SELECT uniqExact(month) FROM short.series"))
	var batch event.Batch
	require.Error(t, batch.Add(event.Event{Timestamp: oldest.Add(-time.Millisecond), ModelID: "m", PredictionID: "c", Features: "{}", ModelVersion: "v1", Environment: "production"}, s.Rules()))

	// It is changed by hand, in the tables and in what they say of themselves.
	for table, column := range map[string]string{"predictions": "toDateTime(timestamp)", "series": "toDateTime(intDiv(last, 1000))", "actuals": "toDateTime(received)"} {
		c.Nodes[0].Query(t, "ALTER TABLE short."+table+" MODIFY TTL addMonths(toStartOfMonth("+column+"), 1) + INTERVAL 60 DAY")
	}
	_, err = clickhouse.Check(t.Context(), config)
	require.ErrorIs(t, err, clickhouse.ErrSchema)
	c.Nodes[0].Query(t, "INSERT INTO short.meta SELECT 'retention', '60', toUnixTimestamp64Micro(now64(6))")
	_, err = clickhouse.Check(t.Context(), config)
	require.NoError(t, err)
	longer.Retention, longer.RetentionOf = 2*month, nil
	again, err := clickhouse.Open(t.Context(), longer)
	require.NoError(t, err)
	require.NoError(t, again.Close())
}
