package clusters_test

import (
	"fmt"
	"math/rand/v2"
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

// TestKindsUnknown has rows sent again without their actual, or with one, of which the table series does not know, as it does not of those that
// are stored while a question is under way: whoever reads them counts each once, as the engine does.
func TestKindsUnknown(t *testing.T) {
	const questions, many = 250, 60_000
	c := nodes.Start(t, nodes.Options{Shards: 1})
	now := storetest.Now
	db, err := engine.Open(t.TempDir(), engine.Options{Now: now, Elapsed: func() time.Duration { return 0 }})
	require.NoError(t, err)
	config := makeTables(t, c, clickhouse.Options{Now: now, BatchWait: time.Millisecond})
	one, other := serve(t, db, now), serve(t, openStore(t, config), now)
	send := func(source, lines string) {
		for _, s := range []*server{one, other} {
			s.send(t, source, []byte(lines))
		}
	}
	r := random.Rand(t)
	// Of every model that ends with k all rows have an actual, of those with w none has.
	models := []string{"ak", "aw", "bk", "bw"}
	for _, model := range models {
		send(engine.SourcePredictions, linesOf(r, model, strings.HasSuffix(model, "k"), 0, 300))
	}
	send(engine.SourcePredictions, linesOf(r, "manyk", true, 0, many))
	var actuals strings.Builder
	for i := range 300 {
		fmt.Fprintf(&actuals, `{"model_id":"b%s","prediction_id":"%d","actual_value":%d}`+"\n", []string{"k", "w"}[i%2], r.IntN(300), r.IntN(100))
	}
	send(engine.SourceActuals, actuals.String())
	c.Nodes[0].Query(t, "DETACH TABLE "+config.Database+".series_of_predictions")
	for _, model := range models {
		send(engine.SourcePredictions, linesOf(r, model, strings.HasSuffix(model, "w"), 100, 200))
	}
	a := &asker{Rand: r, models: append(models, "manyk"), versions: []string{"v1"}, environments: []string{"production"}, ids: []string{"7", "150"}, now: now(), days: 2, withoutLags: true}
	asked := &tally{}
	for asked.n < questions {
		askBoth(t, a, one, other, asked)
	}
	for _, model := range models {
		deletion := engine.Deletion{Models: []string{model}}
		want, err := one.store.CountDeletion(t.Context(), deletion)
		require.NoError(t, err)
		got, err := other.store.CountDeletion(t.Context(), deletion)
		require.NoError(t, err)
		require.Equal(t, want.Rows, got.Rows)
	}
}

// linesOf are rows of a model by number, each at its own time.
func linesOf(r *rand.Rand, model string, known bool, from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		actual := ""
		if known {
			actual = fmt.Sprintf(`,"actual_value":%d`, r.IntN(100))
		}
		at := storetest.Now().Add(-time.Duration(i) * 1009 * time.Millisecond).Format("2006-01-02 15:04:05.000")
		fmt.Fprintf(&b, `{"timestamp":%q,"model_id":%q,"prediction_id":"%d","features":"{\"feature1\":%d}","predicted_value":%d%s,"model_version":"v1","environment":"production"}`+"\n",
			at, model, i, i%100, r.IntN(100), actual)
	}
	return b.String()
}
