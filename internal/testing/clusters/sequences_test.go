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

// How many sequences are tried, and of how many requests each.
const sequences, sequenceLength = 400, 6

// TestSequences sends rows and actuals of one id in random orders to the engine and to a cluster, a model for each order: every row comes to have
// the same prediction and actual. Lags are left out: docs/cluster.md says where they differ.
func TestSequences(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2})
	now := storetest.Now
	db, err := engine.Open(t.TempDir(), engine.Options{Now: now, Elapsed: func() time.Duration { return 0 }})
	require.NoError(t, err)
	one := serve(t, db, now)
	other := serve(t, openStore(t, makeTables(t, c, clickhouse.Options{Now: now, BatchWait: time.Millisecond})), now)
	r := random.Rand(t)
	said := make([]string, sequences)
	for range sequenceLength {
		// One step of every sequence is one request of each kind.
		var predictions, actuals strings.Builder
		for i := range sequences {
			said[i] += sequenceStep(r, fmt.Sprint("m", i), &predictions, &actuals)
		}
		for _, s := range []*server{one, other} {
			s.send(t, engine.SourcePredictions, []byte(predictions.String()))
			s.send(t, engine.SourceActuals, []byte(actuals.String()))
		}
	}
	want, got := rowsByModel(t, one), rowsByModel(t, other)
	differ := 0
	for i := range sequences {
		if model := fmt.Sprint("m", i); want[model] != got[model] {
			t.Errorf("%s:%s\n  engine:  %s\n  cluster: %s", model, said[i], want[model], got[model])
			if differ++; differ == 5 {
				break
			}
		}
	}
}

// sequenceStep writes the next request of a sequence, and returns what it is.
func sequenceStep(r *rand.Rand, model string, predictions, actuals *strings.Builder) string {
	version := fmt.Sprint("v", 1+r.IntN(2))
	observed := storetest.Now().Add(-time.Duration(r.IntN(48)) * time.Hour).Format(time.DateTime)
	switch r.IntN(6) {
	case 0, 1:
		fmt.Fprintf(predictions, `{"timestamp":"2026-01-14 08:00:00","model_id":%q,"prediction_id":"a","features":"{}","predicted_value":%d,"model_version":%q,"environment":"production"}`+"\n", model, r.IntN(100), version)
		return " P(" + version + ")"
	case 2:
		fmt.Fprintf(predictions, `{"timestamp":"2026-01-14 08:00:00","model_id":%q,"prediction_id":"a","features":"{}","predicted_value":%d,"actual_value":%d,"model_version":%q,"environment":"production"}`+"\n",
			model, r.IntN(100), r.IntN(100), version)
		return " PA(" + version + ")"
	case 3:
		fmt.Fprintf(actuals, `{"model_id":%q,"prediction_id":"a","actual_value":null}`+"\n", model)
		return " W"
	case 4:
		fmt.Fprintf(actuals, `{"model_id":%q,"prediction_id":"a","actual_value":%d,"timestamp":%q,"model_version":%q}`+"\n", model, r.IntN(100), observed, version)
		return " A(" + version + " " + observed[8:13] + ")"
	}
	fmt.Fprintf(actuals, `{"model_id":%q,"prediction_id":"a","actual_value":%d,"timestamp":%q}`+"\n", model, r.IntN(100), observed)
	return " A(" + observed[8:13] + ")"
}

// rowsByModel are the rows of each model of a server, as texts.
func rowsByModel(t *testing.T, s *server) map[string]string {
	t.Helper()
	rows := map[string]string{}
	q := engine.RowsQuery{Model: "*", Version: "*", Environment: "*", From: time.UnixMilli(0), Order: engine.TimeAscending}
	_, err := s.store.EachRows(t.Context(), q, func(b *engine.RowBatch) bool {
		for i := range b.SeriesOf {
			of := b.Series[b.SeriesOf[i]]
			actual := "?"
			if b.Known.Get(i) {
				actual = fmt.Sprint(b.Actual[i])
			}
			rows[of.Model] += fmt.Sprintf(" %s: %v %s", of.Version, b.Predicted[i], actual)
		}
		return true
	})
	require.NoError(t, err)
	return rows
}
