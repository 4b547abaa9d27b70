package engine_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/memory"
)

var featureNames = flag.Int("engine.names", 20_000, "feature names of TestManyFeatureNames, each in a row of its own")

// TestManyFeatureNames stores rows of one model that have each a feature of their own name: nothing keeps the names but
// the rows, another model's answer is the same beside them, and every row reads back, also after a restart.
func TestManyFeatureNames(t *testing.T) {
	const bytesMax = 48
	rows := *featureNames
	ctx, dir := context.Background(), t.TempDir()
	opts := engine.Options{NoBackground: true}
	db := openDB(t, dir, opts)
	decoder := event.NewDecoder()
	line := func(model string, n int) []byte {
		return fmt.Appendf(nil, `{"timestamp":%q,"model_id":%q,"prediction_id":"p%d","features":{"name_%d":%d,"b":{"c_%d":null}},`+
			`"predicted_value":1,"actual_value":2,"model_version":"v1","environment":"production"}`+"\n",
			testNow.Add(-time.Duration(n)*time.Millisecond).Format(time.RFC3339Nano), model, n, n, n, n)
	}
	send := func(model string, from, to int) {
		var body bytes.Buffer
		var b event.Batch
		for n := from; n < to; n++ {
			body.Write(line(model, n))
		}
		require.NoError(t, decoder.Decode(&b, body.Bytes(), event.NDJSON, db.Rules()))
		require.Equal(t, to-from, b.Len())
		_, err := db.Append(ctx, &b)
		require.NoError(t, err)
	}
	ask := func() engine.MetricsResult {
		answer, err := db.Metrics(ctx, engine.MetricsQuery{Model: "other", Version: "v1", Window: time.Hour})
		require.NoError(t, err)
		return answer
	}
	send("other", 0, 100)
	require.NoError(t, db.Checkpoint(ctx))
	want := ask()
	var live int64
	for half := range 2 { // the second has buffers of its size already
		before := memory.Live()
		for n := half * rows / 2; n < (half+1)*rows/2; n += 1000 {
			send("names", n, min(n+1000, (half+1)*rows/2))
		}
		require.NoError(t, db.Checkpoint(ctx))
		live = memory.Live() - before
	}
	t.Logf("%d names: %.1f bytes a row in memory", rows, float64(live)/float64(rows/2))
	require.Less(t, live, int64(bytesMax*rows/2))
	require.Equal(t, want, ask())

	check := func() {
		t.Helper()
		seen := make([]bool, rows)
		require.NoError(t, db.EachRow(func(e event.Event) {
			if e.ModelID != "names" {
				return
			}
			n, err := strconv.Atoi(e.PredictionID[1:])
			seen[n] = err == nil && e.Features == fmt.Sprintf(`{"name_%d":%d,"b":{"c_%d":null}}`, n, n, n)
		}))
		require.Equal(t, -1, slices.Index(seen, false))
	}
	check()
	require.NoError(t, db.Close())
	db = openDB(t, dir, opts)
	check()
	require.Equal(t, want.Rows, ask().Rows)
}
