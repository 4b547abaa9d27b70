package admission_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi/internal/admission"
)

var now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func caller(address netip.Addr) admission.Caller {
	return admission.Caller{Address: netip.PrefixFrom(address, address.BitLen())}
}

// TestQuotaIsExact compares a quota with the definition of a bucket: in no span of time does a caller get more than
// what it held and what flowed in, and who waits is never refused.
func TestQuotaIsExact(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, rate := range []int{1, 3, 7, 1000, 1_000_000} {
		q := admission.Quota{Rate: rate}
		address := netip.MustParseAddr("192.0.2.1")
		at := now
		level := float64(rate)
		for range 20_000 {
			step := time.Duration(r.ExpFloat64() * float64(time.Second) / float64(rate))
			at = at.Add(step)
			level = min(level+step.Seconds()*float64(rate), float64(rate))
			ok, left, reset := q.Take(caller(address), at)
			const slack = 1e-2 // a cost in whole nanoseconds is less than the exact one
			if ok {
				require.Greater(t, level, 1-slack)
				level = max(level-1, 0)
			} else {
				require.Less(t, level, 1+slack)
				require.Zero(t, left)
			}
			require.LessOrEqual(t, reset, time.Second)
			require.LessOrEqual(t, left, rate)
		}
	}
}

// TestQuotaForgets sends from more addresses than are remembered.
func TestQuotaForgets(t *testing.T) {
	q := admission.Quota{Rate: 1}
	address := netip.MustParseAddr("10.0.0.0")
	for i := range 3 * admission.CallersMax {
		ok, _, _ := q.Take(caller(address), now.Add(time.Duration(i)))
		require.True(t, ok)
		address = address.Next()
	}
	require.LessOrEqual(t, q.Callers(), admission.CallersMax)
	address = address.Prev()
	ok, _, _ := q.Take(caller(address), now.Add(time.Duration(3*admission.CallersMax)))
	require.False(t, ok, "the last one is remembered")
	for range admission.CallersMax {
		address = address.Next()
		q.Take(caller(address), now.Add(time.Minute))
	}
	require.LessOrEqual(t, q.Callers(), admission.CallersMax)
}
