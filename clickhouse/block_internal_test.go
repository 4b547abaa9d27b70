package clickhouse

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/random"
)

// someShards are shards of these weights without servers.
func someShards(t *testing.T, weights ...uint64) *shards {
	t.Helper()
	var list []*shard
	for i, w := range weights {
		list = append(list, &shard{number: i + 1, weight: w})
	}
	s, err := newShards(list)
	require.NoError(t, err)
	return &s
}

// TestShardOfModel has hashes as ClickHouse computes them: SELECT cityHash64('a') % 3.
func TestShardOfModel(t *testing.T) {
	s := someShards(t, 1, 2)
	for model, remainder := range map[string]uint64{"a": 2603192927274642682 % 3, "model_5": 3348764224563200827 % 3, "": 11160318154034397263 % 3} {
		want := 1
		if remainder > 0 {
			want = 2
		}
		require.Equal(t, want, s.of(model).number, model)
	}
	_, err := newShards([]*shard{{number: 1}})
	require.ErrorIs(t, err, ErrCluster)
}

// identity is what makes two rows versions of one prediction.
type identity struct {
	event.Series
	at int64
	id string
}

// someRequests are requests of a few models and months whose predictions count up, and what came of each identity.
func someRequests(t *testing.T, r *rand.Rand) (requests []*request, came map[identity][]float64) {
	t.Helper()
	came = map[identity][]float64{}
	count := 0.0
	for range 1 + r.IntN(4) {
		var b event.Batch
		for range r.IntN(60) {
			count++
			e := event.Event{
				Timestamp: time.UnixMilli(1_764_000_000_000 + r.Int64N(3)*2_000_000_000 + r.Int64N(3)), ModelID: fmt.Sprint("m", r.IntN(6)), ModelVersion: fmt.Sprint("v", r.IntN(2)),
				Environment: "e", PredictionID: strconv.Itoa(r.IntN(3)), Features: `{"a":1}`, PredictedValue: count, HasActual: r.IntN(2) == 0,
			}
			if e.HasActual {
				e.ActualValue = -count
			}
			require.NoError(t, b.Add(e, event.Rules{Newest: 1 << 50}))
			i := identity{event.Series{Model: e.ModelID, Version: e.ModelVersion, Environment: "e"}, e.Timestamp.UnixMilli(), e.PredictionID}
			came[i] = append(came[i], count)
		}
		requests = append(requests, &request{batch: &b})
	}
	return requests, came
}

// TestBlocks holds blocks to the rows of their requests: each is in the block of its shard and month, in the order of the key, and rows of
// one identity in the order in which they came.
func TestBlocks(t *testing.T) {
	r := random.Rand(t)
	s := someShards(t, 1, 1, 3)
	for range random.Rounds(100) {
		requests, came := someRequests(t, r)
		got := map[identity][]float64{}
		for _, b := range blocksOf(requests, s) {
			b.stamp(1000<<versionTagBits|5, time.UnixMilli(7))
			var last string
			var version uint64
			var c sentColumns
			b.columnsOf(0, len(b.rows), &c)
			for i := range c.models {
				require.Equal(t, s.list[b.shard], s.of(c.models[i]))
				require.Equal(t, b.month, monthOf(c.times[i]))
				require.Equal(t, c.known[i] == 1, c.actuals[i] == -c.values[i])
				key := fmt.Sprintf("%s %s %s %013d %s", c.models[i], c.environments[i], c.versions[i], c.times[i], c.ids[i])
				require.LessOrEqual(t, last, key)
				if last == key {
					version += 1 << versionTagBits
				} else {
					version = 1000<<versionTagBits | 5
				}
				require.Equal(t, version, c.orders[i])
				last = key
				x := identity{event.Series{Model: c.models[i], Version: c.versions[i], Environment: c.environments[i]}, c.times[i], c.ids[i]}
				got[x] = append(got[x], c.values[i])
			}
		}
		require.Equal(t, came, got)
	}
}

func TestBlocksOfActuals(t *testing.T) {
	s := someShards(t, 1, 1)
	var a event.Actuals
	for _, x := range []event.Actual{
		{ModelID: "b", PredictionID: "2", Value: 1, ModelVersion: "v"},
		{ModelID: "a", PredictionID: "1", Value: 2, Observed: time.UnixMilli(99)},
		{ModelID: "b", PredictionID: "2", Withdrawn: true},
		{ModelID: "b", PredictionID: "1", Value: 4},
	} {
		require.NoError(t, a.Add(x, event.Rules{Newest: 1 << 50}))
	}
	var rows []string
	for _, b := range blocksOf([]*request{{actuals: &a}}, s) {
		require.Zero(t, b.month)
		b.stamp(1<<versionTagBits, time.UnixMilli(7))
		var c sentColumns
		b.columnsOf(0, len(b.rows), &c)
		for i := range c.models {
			require.Equal(t, s.list[b.shard], s.of(c.models[i]))
			rows = append(rows, fmt.Sprintf("%s %s %q %g known=%d observed=%d version=%d", c.models[i], c.ids[i], c.versions[i], c.values[i], c.known[i], c.times[i], c.orders[i]>>versionTagBits))
		}
	}
	slices.Sort(rows)
	require.Equal(t, []string{
		`a 1 "" 2 known=1 observed=99 version=1`,
		`b 1 "" 4 known=1 observed=7 version=1`,
		`b 2 "" 0 known=0 observed=7 version=2`,
		`b 2 "v" 1 known=1 observed=7 version=1`,
	}, rows)
}

func TestVersionsAscend(t *testing.T) {
	var c clock
	require.Equal(t, uint64(100<<versionTagBits|3), c.after(100, 1, 3))
	require.Equal(t, uint64(101<<versionTagBits|3), c.after(50, 10, 3), "the clock went back")
	require.Equal(t, uint64(111<<versionTagBits|3), c.after(105, 1, 3), "the steps of a block are its own")
	require.Equal(t, uint64(500<<versionTagBits|3), c.after(500, 1, 3))
}
