package connector

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

// TestPasses holds errors of the store to whether they pass by themselves, and the others to what is to be done.
func TestPasses(t *testing.T) {
	for _, err := range []error{engine.ErrFull, engine.ErrNoSpace, engine.ErrUnavailable, refusal{errors.New("memory")}} {
		require.True(t, passes(fmt.Errorf("append: %w", err)), "%v", err)
	}
	for err, advice := range map[error]string{
		engine.ErrPositionsFull: "--memory-limit", engine.ErrBatch: "report it", engine.ErrClosed: "start it again",
	} {
		require.False(t, passes(fmt.Errorf("append: %w", err)), "%v", err)
		require.Contains(t, adviceOf(err), advice)
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{First: time.Second, Max: 10 * time.Second}
	for range 2 {
		for _, most := range []time.Duration{1, 2, 4, 8, 10, 10} {
			d := b.Next()
			require.LessOrEqual(t, d, most*time.Second)
			require.GreaterOrEqual(t, d, most*time.Second/2)
		}
		b.Reset()
	}
}

// TestLagIsNotKnown has the lag unknown until it is measured, and again after a failure.
func TestLagIsNotKnown(t *testing.T) {
	unknown := Lag{Unknown, Unknown, Unknown}
	var r Report
	r.Begin()
	require.Equal(t, unknown, r.Snapshot().Lag)
	r.Lagging(Lag{Messages: 3})
	require.Equal(t, Lag{Messages: 3}, r.Snapshot().Lag)
	r.End(errors.New("gone"), time.Now())
	require.Equal(t, unknown, r.Snapshot().Lag)
	r.Lagging(Lag{})
	require.Equal(t, Lag{}, r.Snapshot().Lag)
	r.LostSight()
	require.Equal(t, unknown, r.Snapshot().Lag)
}
