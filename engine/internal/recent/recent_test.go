package recent_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/recent"
)

// TestCounter counts what comes at random times, as time goes on, and holds the sums to those over all that ever came.
func TestCounter(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	type event struct {
		at int64
		recent.Counts
	}
	var (
		counter recent.Counter
		all     []event
		now     = int64(1_800_000_000_000)
	)
	for range 5000 {
		now += r.Int64N(1 << r.IntN(24))
		e := event{now, recent.Counts{Rows: r.Uint64N(10), Rejected: r.Uint64N(3)}}
		all = append(all, e)
		counter.Add(e.at, e.Counts)
		if r.IntN(4) == 0 {
			now += r.Int64N(1 << r.IntN(28))
		}
		var want [3]recent.Counts
		for _, e := range all {
			for i, within := range []bool{e.at/1000 > now/1000-60, e.at/60_000 > now/60_000-60, e.at/60_000 > now/60_000-1440} {
				if within {
					want[i].Rows += e.Rows
					want[i].Rejected += e.Rejected
				}
			}
		}
		minute, hour, day := counter.Until(now)
		require.Equal(t, want, [3]recent.Counts{minute, hour, day})
	}
}
