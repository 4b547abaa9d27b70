package thread_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/residualdb/residual/internal/thread"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestBackgroundDo holds that what is handed over runs once, one at a time, before Do returns, also while and after Stop.
func TestBackgroundDo(t *testing.T) {
	const callers, calls = 8, 200
	for name, b := range map[string]*thread.Background{"nil": nil, "started": thread.Start(1)} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			var ran atomic.Int64
			for range callers {
				all.Go(func() {
					for range calls {
						own := 0
						b.Do(func() { own++; ran.Add(1) })
						if own != 1 {
							t.Errorf("ran %d times before Do returned", own)
						}
					}
				})
			}
			b.Stop()
			all.Wait()
			require.EqualValues(t, callers*calls, ran.Load())
		})
	}
}

// TestBackgroundPanics holds that a panic is its caller's, and that the thread goes on.
func TestBackgroundPanics(t *testing.T) {
	b := thread.Start(1)
	defer b.Stop()
	require.PanicsWithValue(t, "BUG: ours", func() { b.Do(func() { panic("BUG: ours") }) })
	ran := false
	b.Do(func() { ran = true })
	require.True(t, ran)
}
