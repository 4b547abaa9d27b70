package clusters_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/engine"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/storetest"
)

// TestDeletedBlocksLeftBehind deletes rows of a request whose blocks were stored and not marked, as a server leaves them that dies between:
// what another server completes later does not bring them back. While a shard is away that may have such an announcement, nothing is deleted.
func TestDeletedBlocksLeftBehind(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2, Links: true})
	config := makeTables(t, c, clickhouse.Options{Now: storetest.Now, BatchWait: time.Millisecond, LeftAfter: time.Hour, InsertTimeout: 5 * time.Second})
	onEach := func(statement string) {
		for _, n := range c.Nodes {
			n.Query(t, "ALTER TABLE "+config.Database+"."+statement)
		}
	}
	one, other := serve(t, openStore(t, config), storetest.Now), serve(t, openStore(t, config), storetest.Now)
	lines := ""
	for _, model := range []string{"m0", "m1", "m2", "m3", "m4", "m5"} {
		lines += line(model, "a")
	}
	count := func(s *server) int { return len(allPredictions(t, s.url)) }

	onEach("requests MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000")
	requireComeAgain(t, request(t, http.MethodPost, one.url+"/v0/events?wait=true&name=ml_model_predictions", lines), "not known")
	require.Equal(t, 6, count(other), "BUG: the blocks are not stored")
	onEach("requests RESET SETTING min_free_disk_bytes_to_perform_insert")

	some := engine.Deletion{Models: []string{"m0", "m1", "m2", "m3"}}
	c.Nodes[1].Link.Down(true)
	_, err := other.store.DeleteRows(t.Context(), some)
	require.ErrorIs(t, err, engine.ErrUnavailable)
	require.ErrorContains(t, err, "nothing was deleted")
	c.Nodes[1].Link.Down(false)
	_, err = other.store.DeleteRows(t.Context(), some)
	require.NoError(t, err)
	require.Equal(t, 2, count(other))

	config.LeftAfter = time.Nanosecond
	third := serve(t, openStore(t, config), storetest.Now)
	eventually(t, "blocks stay left behind", func() bool {
		left := 0
		for _, n := range c.Nodes {
			if n.Query(t, "SELECT count() FROM "+config.Database+".pending WHERE id NOT IN (SELECT id FROM "+config.Database+".requests)") != "0" {
				left++
			}
		}
		return left == 0
	})
	require.Equal(t, 2, count(third))
}
