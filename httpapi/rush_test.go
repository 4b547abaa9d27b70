package httpapi

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRush holds that a processor is spared while queries come one behind the other, and by nobody else.
func TestRush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var spared []bool
		r := &rush{spare: func(on bool) { spared = append(spared, on) }}
		ask := func(n int) {
			for range n {
				r.ask()
			}
			time.Sleep(rushInterval)
			synctest.Wait()
		}
		ask(rushQueries - 1)
		ask(0)
		require.Empty(t, spared, "a dashboard")
		ask(rushQueries)
		require.Equal(t, []bool{true}, spared)
		ask(rushQueries)
		ask(10 * rushQueries)
		require.Equal(t, []bool{true}, spared, "it lasts")
		ask(1)
		require.Equal(t, []bool{true, false}, spared)
		ask(0)
		ask(rushQueries)
		require.Equal(t, []bool{true, false, true}, spared, "again")
		ask(0)
		require.Equal(t, []bool{true, false, true, false}, spared, "nobody asks")
	})
}
