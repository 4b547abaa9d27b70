package thread_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

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

// TestSpare holds that threads that give way leave a processor while it is spared, and come back to it after that.
func TestSpare(t *testing.T) {
	if niceness(t) >= 10 || processors(t) < 2 {
		t.Skip("needs two processors, and a priority to give way from")
	}
	b := thread.Start(1)
	defer b.Stop()
	all := processors(t)
	inside := func() (n int) {
		b.Do(func() { n = processors(t) })
		return n
	}
	require.Equal(t, all, inside())
	thread.Spare(true)
	require.Equal(t, all-1, inside())
	require.Equal(t, all, processors(t), "the caller stays")
	thread.Spare(false)
	require.Equal(t, all, inside())
}

// processors counts those that the calling thread may use.
func processors(t *testing.T) int {
	t.Helper()
	var set unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &set))
	return set.Count()
}
