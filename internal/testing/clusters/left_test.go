package clusters_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/engine"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/storetest"
)

// aRowOfEach is a row of each of some models: m0, m1 and so on.
func aRowOfEach(models int) string {
	var b strings.Builder
	for i := range models {
		b.WriteString(line(fmt.Sprint("m", i), "a"))
	}
	return b.String()
}

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
	lines := aRowOfEach(6)
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

// TestAnnouncementsDropped has announcements of some minutes ago: those whose blocks are stored go, also while another one cannot be completed, which
// stays, and with it those of its minute.
func TestAnnouncementsDropped(t *testing.T) {
	c := nodes.Start(t, nodes.Options{})
	n := c.Nodes[0]
	config := makeTables(t, c, clickhouse.Options{})
	begin := time.Now().Truncate(time.Minute)
	add := func(id string, minutes time.Duration, marked bool) {
		t.Helper()
		at := begin.Add(-minutes * time.Minute).UnixMilli()
		n.Query(t, fmt.Sprintf("INSERT INTO %s.pending (id, at, block) SELECT '%s', fromUnixTimestamp64Milli(%d), 'no announcement'", config.Database, id, at))
		if marked {
			n.Query(t, fmt.Sprintf("INSERT INTO %s.requests (id, kind, at) SELECT '%s', 'block', now64(3)", config.Database, id))
		}
	}
	gone := func(id string) {
		t.Helper()
		eventually(t, id+" stays", func() bool {
			return n.Query(t, "SELECT count() FROM "+config.Database+".pending WHERE id = '"+id+"'") == "0"
		})
	}
	add("young", 0, true)
	add("stored", 20, true)
	add("left", 30, false)
	add("beside it", 30, true)
	s := openStore(t, config)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	gone("stored")
	add("later", 20, true) // another look, the first one has come to its end
	gone("later")
	there := n.Query(t, "SELECT arrayStringConcat(arraySort(groupArray(id)), ', ') FROM "+config.Database+".pending")
	require.Equal(t, "beside it, left, young", there)
}

// TestRefusedAnnouncements sends a request of two shards again and again while one of them, which can be reached, refuses blocks: it is
// announced and stored on the other one once for a while and not with every try, requests for that one go on, and what was announced is
// completed once it can be.
func TestRefusedAnnouncements(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2})
	config := makeTables(t, c, clickhouse.Options{Now: storetest.Now, BatchWait: time.Millisecond, LeftAfter: time.Millisecond})
	s := serve(t, openStore(t, config), storetest.Now)
	post := func(lines string) answer {
		return request(t, http.MethodPost, s.url+"/v0/events?wait=true&name=ml_model_predictions", lines)
	}
	lines := aRowOfEach(12)
	require.Equal(t, http.StatusOK, post(lines).status)
	healthy, sick := c.Nodes[0], c.Nodes[1]
	announced := func() int {
		n, err := strconv.Atoi(healthy.Query(t, "SELECT count() FROM "+config.Database+".pending"))
		require.NoError(t, err)
		return n
	}
	mine := healthy.Query(t, "SELECT min(model_id) FROM "+config.Database+".predictions")
	table := "ALTER TABLE " + config.Database + ".predictions"
	sick.Query(t, table+" MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000")
	before, begin := announced(), time.Now()
	for range 30 {
		requireComeAgain(t, post(lines), "disk")
	}
	most := 1 + int(time.Since(begin)/(5*time.Second)) // a shard that has refused is left alone for 5 s
	require.LessOrEqual(t, announced()-before, most)
	require.Equal(t, http.StatusOK, post(line(mine, "b")).status)

	sick.Query(t, table+" RESET SETTING min_free_disk_bytes_to_perform_insert")
	eventually(t, "rows are still refused", func() bool { return post(lines).status == http.StatusOK })
	eventually(t, "what was announced is not completed", func() bool {
		return healthy.Query(t, "SELECT count() FROM "+config.Database+".pending WHERE id NOT IN (SELECT id FROM "+config.Database+".requests)") == "0"
	})
	require.Len(t, allPredictions(t, s.url), 13)
}
