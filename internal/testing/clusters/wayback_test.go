package clusters_test

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/engine"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/random"
	"github.com/residualdb/residual/internal/testing/storetest"
)

// What the way there and back moves, and how many questions are asked of both ends of each way.
const wayRows, wayQuestions = 40_000, 150

// TestThereAndBack moves the rows of an engine to a cluster, and from there to another engine, by export and ingest: answers stay the same.
func TestThereAndBack(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2})
	binary := build(t)
	now := storetest.Now
	openEngine := func() *engine.DB {
		db, err := engine.Open(t.TempDir(), engine.Options{Now: now, Elapsed: func() time.Duration { return 0 }})
		require.NoError(t, err)
		return db
	}
	from := serve(t, openEngine(), now)
	r := random.Rand(t)
	h := newHistory(r, wayRows, 4000, storetest.Now())
	for todo := h.advance(); todo != nil; todo = h.advance() {
		for i := range todo {
			todo[i].do(t, from)
		}
	}
	there := serve(t, openStore(t, makeTables(t, c, clickhouse.Options{Now: now})), now)
	back := serve(t, openEngine(), now)
	file := filepath.Join(t.TempDir(), "rows.ndjson.zst")
	for _, way := range [][2]*server{{from, there}, {there, back}} {
		for _, args := range [][]string{{"export", "--server", way[0].url, "--force", file}, {"ingest", "--server", way[1].url, file}} {
			out, err := exec.Command(binary, args...).CombinedOutput()
			require.NoError(t, err, "%v: %s", args, out)
		}
	}
	a := &asker{Rand: r, versions: []string{"v1", "v2", "v3", "v9"}, environments: []string{"production", "staging"}, now: storetest.Now(), days: 60, withoutLags: true, withoutStates: true}
	a.learn(h)
	asked := map[string]*askedOf{}
	for range wayQuestions {
		askBoth(t, a, from, there, asked)
		askBoth(t, a, there, back, asked)
	}
	require.Greater(t, total(asked), wayQuestions)
}
