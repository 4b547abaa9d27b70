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

// TestLog holds what is logged to errors, each text of which once in a while, and to connectors that run again.
func TestLog(t *testing.T) {
	var logged []string
	r := Report{Log: func(s Snapshot) { logged = append(logged, fmt.Sprint(s.State, " ", s.LastErr)) }}
	r.Begin()
	r.Reached()
	for range 3 {
		r.Warn(errors.New("slow"))
		r.Trouble("part", errors.New("gone"))
		r.Trouble("part", nil)
	}
	for i := range 100 {
		r.Warn(fmt.Errorf("error %d", i))
	}
	require.Equal(t, []string{"running slow", "running gone", "running <nil>", "running <nil>", "running <nil>", "running error 0"}, logged[:6])
	require.Len(t, logged, 3+loggedMax)
	require.False(t, r.isNews("gone", time.Now()))
	require.True(t, r.isNews("gone", time.Now().Add(logEvery)))
}

// TestBeginForgetsTrouble has a part fail in one run of a connector, which the next one knows nothing of.
func TestBeginForgetsTrouble(t *testing.T) {
	var r Report
	r.Begin()
	r.Reached()
	r.Trouble("part", errors.New("gone"))
	require.Equal(t, Failing, r.Snapshot().State)
	r.End(errors.New("over"), time.Now())
	r.Begin()
	require.Equal(t, Failing, r.Snapshot().State, "until the other side answers")
	r.Reached()
	require.Equal(t, Running, r.Snapshot().State)
	require.NoError(t, r.Snapshot().Err)
}
