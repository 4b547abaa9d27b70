package clickhouse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/clickhouse"
)

// TestClusterOfTwo writes through one node what another one reads, kills one, and finds on its disk what it had.
func TestClusterOfTwo(t *testing.T) {
	c := clickhouse.Start(t, clickhouse.Options{Shards: 2})
	one, two := c.Nodes[0], c.Nodes[1]
	for _, n := range c.Nodes {
		n.Query(t, "CREATE DATABASE residual")
		n.Query(t, "CREATE TABLE residual.rows (model String, value Float64) ENGINE = MergeTree ORDER BY model SETTINGS fsync_after_insert = 1")
		n.Query(t, "CREATE TABLE residual.all AS residual.rows ENGINE = Distributed('residual', 'residual', 'rows', cityHash64(model))")
	}
	one.Query(t, "INSERT INTO residual.all SELECT toString(number), number FROM numbers(1000) SETTINGS distributed_foreground_insert = 1")
	require.Equal(t, "1000\t499500", two.Query(t, "SELECT count(), sum(value) FROM residual.all"))
	held := two.Query(t, "SELECT count() FROM residual.rows")
	require.NotEqual(t, "0", held)
	require.NotEqual(t, "1000", held)

	before := two.PID()
	two.Kill(t)
	two.Start(t)
	require.NotEqual(t, before, two.PID())
	require.Equal(t, held, two.Query(t, "SELECT count() FROM residual.rows"))
	require.Equal(t, "1000\t499500", one.Query(t, "SELECT count(), sum(value) FROM residual.all"))

	two.Pause(t)
	require.Equal(t, "1", one.Query(t, "SELECT 1"))
	two.Resume(t)
	require.Equal(t, held, two.Query(t, "SELECT count() FROM residual.rows"))
	require.Contains(t, c.URL(), "clickhouse://residual@127.0.0.1:")

	// What the library lives by may fail, as for memory that others have taken.
	before = two.PID()
	two.Query(t, "KILL QUERY WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%KILL%' SYNC")
	require.Equal(t, held, two.Query(t, "SELECT count() FROM residual.rows"))
	two.Revive(t)
	require.Equal(t, before, two.PID())
}
