package thread_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/thread"
)

// TestBackgroundGivesWay holds that the priority of a background is lower, and that of its caller as it was.
func TestBackgroundGivesWay(t *testing.T) {
	before := niceness(t)
	b := thread.Start(1)
	defer b.Stop()
	inside := 0
	b.Do(func() { inside = niceness(t) })
	require.Equal(t, max(before, 10), inside)
	require.Equal(t, before, niceness(t))
}

// niceness is the nice value of the calling thread as /proc tells it.
func niceness(t *testing.T) int {
	t.Helper()
	stat, err := os.ReadFile("/proc/thread-self/stat")
	require.NoError(t, err)
	_, fields, _ := strings.Cut(string(stat), ") ")
	nice, err := strconv.Atoi(strings.Fields(fields)[16])
	require.NoError(t, err)
	return nice
}
