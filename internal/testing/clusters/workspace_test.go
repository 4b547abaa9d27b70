package clusters_test

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/engine"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
)

func newWorkspace(t *testing.T, config clickhouse.Config) *clickhouse.Workspace {
	t.Helper()
	w, err := clickhouse.NewWorkspace(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}

// TestWorkspace has two processes change the texts of a folder: each change is there as a whole and follows the one that was read.
func TestWorkspace(t *testing.T) {
	for _, shards := range []int{1, 2} {
		t.Run(fmt.Sprint("shards=", shards), func(t *testing.T) {
			config := makeTables(t, nodes.Start(t, nodes.Options{Shards: shards}), clickhouse.Options{})
			w, other := newWorkspace(t, config), newWorkspace(t, config)
			replace := func(w *clickhouse.Workspace, version uint64, texts map[string]string, want bool) {
				t.Helper()
				done, err := w.Replace(t.Context(), "f", version, texts)
				require.NoError(t, err)
				require.Equal(t, want, done)
			}
			holds := func(version uint64, want map[string]string) {
				t.Helper()
				for _, w := range []*clickhouse.Workspace{w, other} {
					texts, v, err := w.Read(t.Context(), "f", "a", "b", "c'\\")
					require.NoError(t, err)
					require.Equal(t, version, v)
					require.Equal(t, want, texts)
				}
			}
			holds(0, map[string]string{})
			replace(w, 1, map[string]string{"a": "x"}, false)
			replace(w, 0, map[string]string{"a": "1", "c'\\": "é\n\x00\xff"}, true)
			holds(1, map[string]string{"a": "1", "c'\\": "é\n\x00\xff"})
			replace(other, 0, map[string]string{"a": "2"}, false)
			replace(other, 1, map[string]string{"b": "2"}, true)
			replace(w, 2, map[string]string{"a": "", "b": "3"}, true)
			holds(3, map[string]string{"b": "3", "c'\\": "é\n\x00\xff"})
			done, err := other.Replace(t.Context(), "g", 0, map[string]string{"a": "of another folder"})
			require.NoError(t, err)
			require.True(t, done)
			holds(3, map[string]string{"b": "3", "c'\\": "é\n\x00\xff"})
			sizes, err := other.Sizes(t.Context(), "f")
			require.NoError(t, err)
			require.Equal(t, map[string]int64{"b": 1, "c'\\": 5}, sizes)
			versions, err := other.Versions(t.Context())
			require.NoError(t, err)
			require.Equal(t, map[string]uint64{"f": 3, "g": 1}, versions)
			require.NoError(t, w.Close())
			_, _, err = w.Read(t.Context(), "f")
			require.ErrorIs(t, err, engine.ErrClosed)
		})
	}
}

// How many processes count, and how many changes of each must take place.
const counters, countedEach = 6, 10

// TestWorkspaceUnderFaults has processes count on in the same text while the node is killed and the network cut: whoever is told that a
// change took place finds it counted once, whoever is told that it did not finds it not counted.
func TestWorkspaceUnderFaults(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Links: true})
	countUnderFaults(t, makeTables(t, c, clickhouse.Options{}), func(n int) {
		if n%4 == 0 {
			c.Nodes[0].Kill(t)
			c.Nodes[0].Start(t)
		}
		c.Nodes[0].Link.Cut()
		c.Nodes[0].Revive(t)
	})
}

// countUnderFaults has processes count, and does what fails every half a second.
func countUnderFaults(t *testing.T, config clickhouse.Config, fail func(n int)) {
	t.Helper()
	var counted, unknown, faster, refused atomic.Int64
	ended := make(chan struct{})
	var group sync.WaitGroup
	for range counters {
		w := newWorkspace(t, config)
		group.Go(func() {
			for n := 0; n < countedEach; {
				done, err := count(t, w)
				switch {
				case errors.Is(err, engine.ErrOutcomeUnknown):
					unknown.Add(1)
				case err != nil:
					refused.Add(1)
				case done:
					n++
					counted.Add(1)
				default:
					faster.Add(1)
				}
			}
		})
	}
	go func() { defer close(ended); group.Wait() }()
	failed := 0
	for tick := time.Tick(500 * time.Millisecond); ; {
		select {
		case <-tick:
			failed++
			fail(failed)
			continue
		case <-ended:
		}
		break
	}
	w := newWorkspace(t, config)
	texts, _, err := w.Read(t.Context(), "counts", "n")
	require.NoError(t, err)
	sizes, err := w.Sizes(t.Context(), "counts")
	require.NoError(t, err)
	n, err := strconv.ParseInt(texts["n"], 10, 64)
	require.NoError(t, err)
	require.Len(t, sizes, int(n)+1, "a change is there in part")
	require.Positive(t, faster.Load(), "nobody was ever faster")
	require.GreaterOrEqual(t, n, counted.Load(), "a change that took place is lost")
	require.LessOrEqual(t, n, counted.Load()+unknown.Load(), "a change has taken place that did not")
	t.Logf("%d counted, %d of unknown outcome, %d where another was faster, %d refused, %d faults: the text says %d", counted.Load(), unknown.Load(), faster.Load(), refused.Load(), failed, n)
}

// count makes the number in a text one more.
func count(t *testing.T, w *clickhouse.Workspace) (bool, error) {
	t.Helper()
	texts, version, err := w.Read(t.Context(), "counts", "n")
	if err != nil {
		return false, err
	}
	n := 0
	if texts["n"] != "" {
		if n, err = strconv.Atoi(texts["n"]); err != nil {
			return false, err
		}
	}
	return w.Replace(t.Context(), "counts", version, map[string]string{"n": strconv.Itoa(n + 1), strconv.Itoa(n + 1): "with it"})
}
