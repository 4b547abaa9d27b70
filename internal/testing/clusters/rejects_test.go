package clusters_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
)

// TestRejectsOnce repeats a request with a key and rejected lines while its rows, and then its key, cannot be stored: in the end its lines are in
// the quarantine once. Under another key the same lines are others.
func TestRejectsOnce(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2})
	config := makeTables(t, c, clickhouse.Options{BatchWait: time.Millisecond})
	s := openStore(t, config)
	defer func() { require.NoError(t, s.Close()) }()
	send := func(key string) (engine.Appended, error) {
		var b event.Batch
		require.NoError(t, event.NewDecoder().Decode(&b, []byte("bad\n"+aRowOfEach(6)), event.NDJSON, s.Rules()))
		return s.AppendOnce(t.Context(), &b, engine.Key{ID: key, Hash: [16]byte{1}})
	}
	kept := func() (count int) {
		_, err := s.EachReject(t.Context(), engine.QuarantineQuery{}, func(*engine.QuarantineRow) bool { count++; return true })
		require.NoError(t, err)
		return count
	}
	for _, refuses := range []struct {
		table string
		kept  int
	}{{"predictions", 0}, {"requests", 1}} {
		onEach := func(statement string) {
			for _, n := range c.Nodes {
				n.Query(t, "ALTER TABLE "+config.Database+"."+refuses.table+" "+statement)
			}
		}
		onEach("MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000")
		fails := func() int {
			_, err := send("k")
			require.Error(t, err)
			return kept()
		}
		eventually(t, "rows are still refused", func() bool { return fails() == refuses.kept })
		for range 3 {
			require.Equal(t, refuses.kept, fails(), refuses.table)
		}
		onEach("RESET SETTING min_free_disk_bytes_to_perform_insert")
	}
	for _, duplicate := range []bool{false, true} {
		done, err := send("k")
		require.NoError(t, err)
		require.Equal(t, engine.Appended{Successful: 6, Quarantined: 1, Duplicate: duplicate}, engine.Appended{Successful: done.Successful, Quarantined: done.Quarantined, Duplicate: done.Duplicate})
		require.Equal(t, 1, kept())
	}
	_, err := send("another")
	require.NoError(t, err)
	require.Equal(t, 2, kept())
}
