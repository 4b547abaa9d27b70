package clusters_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/engine"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/random"
	"github.com/residualdb/residual/internal/testing/storetest"
)

// TestBoundedProfile has a user whose profile leaves out what is beyond a few rows, shows what is deleted, and the like: answers are whole all the
// same.
func TestBoundedProfile(t *testing.T) {
	const rows, request, questions = 3000, 500, 150
	c := nodes.Start(t, nodes.Options{})
	now := storetest.Now
	db, err := engine.Open(t.TempDir(), engine.Options{Now: now, Elapsed: func() time.Duration { return 0 }})
	require.NoError(t, err)
	config := makeTables(t, c, clickhouse.Options{Now: now, BatchWait: time.Millisecond})
	config.Username = nodes.Bounded
	one, other := serve(t, db, now), serve(t, openStore(t, config), now)
	r := random.Rand(t)
	h := newHistory(r, rows, request, now())
	for todo := h.advance(); todo != nil; todo = h.advance() {
		for i := range todo {
			require.Equal(t, todo[i].do(t, one), todo[i].do(t, other))
		}
	}
	deletion := step{deletion: &engine.Deletion{Models: []string{h.sent[0].ModelID}}}
	require.Equal(t, deletion.do(t, one), deletion.do(t, other))
	a := &asker{Rand: r, versions: []string{"v1", "v2", "v3", "v9"}, environments: []string{"production", "staging"}, now: now(), days: 60, withoutLags: true}
	a.learn(h)
	asked := &tally{}
	for asked.n < questions {
		askBoth(t, a, one, other, asked)
	}
}
