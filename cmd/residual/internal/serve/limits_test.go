package serve

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// TestLimitsFollowMemory holds that a body, and all of them together, take an eighth of the memory, whatever there is
// of it, and that each request taken in has room for a body of residual ingest.
func TestLimitsFollowMemory(t *testing.T) {
	for _, memory := range []arg.Size{memoryLimitMin, 100 << 20, 512 << 20, 4 << 30, 64 << 30} {
		plan := planMemory(int64(memory))
		l := plan.http
		require.LessOrEqual(t, l.BodyBytesMax, int64(memory)/8)
		require.LessOrEqual(t, l.InFlightBytesMax, int64(memory)/8)
		require.LessOrEqual(t, l.BodyBytesMax, l.InFlightBytesMax)
		require.GreaterOrEqual(t, l.BodyBytesMax, int64(8<<20))
		require.GreaterOrEqual(t, l.IngestsMax, 2)
		if l.InFlightBytesMax < 256<<20 {
			require.LessOrEqual(t, int64(l.IngestsMax)*(4<<20), l.InFlightBytesMax)
		}
		require.Less(t, l.HeapBytesMax, plan.managed)
		require.LessOrEqual(t, l.AnswerBytesMax, int64(memory)/8)
		require.LessOrEqual(t, int64(l.ConnsMax)*httpapi.ConnBytes, int64(memory)/8)
		require.Less(t, l.ConnsPerIPMax, l.ConnsMax)
		require.LessOrEqual(t, plan.columns+plan.heads+plan.actuals+plan.rejects+int64(plan.keys)*engine.KeyMemoryBytes, l.HeapBytesMax)
	}
	defaults := planMemory(int64(At("", "").memoryLimit)).http
	require.EqualValues(t, 64<<20, defaults.BodyBytesMax)
	require.Equal(t, 8192, defaults.ConnsMax)
	require.Equal(t, 1024, defaults.ConnsPerIPMax)
}
