package clusters_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/random"
)

// failureRounds is how often something fails.
const failureRounds = 50

// TestFailures has two servers before two shards take requests while, time and again, a node is killed and comes back, halts, or is cut off,
// or a server is killed: nothing that was acknowledged is lost, nothing is there twice, and no request is there in part.
func TestFailures(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2, Links: true})
	binary := build(t)
	store := makeWith(t, binary, c)
	servers := []*process{startServer(t, binary, store), startServer(t, binary, store)}
	r := random.Rand(t)
	l := startLoad(t, r.Uint64(), servers[0].url, servers[1].url)
	done := map[string]int{}
	for range failureRounds {
		pause := func(least, most int) { time.Sleep(time.Duration(least+r.IntN(most-least)) * time.Millisecond) } // at any moment
		pause(200, 1000)
		n := c.Nodes[r.IntN(len(c.Nodes))]
		what := failures()[r.IntN(len(failures()))]
		what.do(t, r, n, servers[r.IntN(2)], func() { pause(100, 1500) })
		done[what.name]++
		for _, n := range c.Nodes {
			n.Revive(t)
		}
	}
	l.end(t)
	rows := l.checkAll(t, servers)
	require.Positive(t, l.again.Load(), "nothing has failed")
	t.Logf("%d rounds %v: %d requests acknowledged, %d of unknown outcome, %d sent again, %d of them after a 503; %d rows, 0 lost, 0 twice, 0 requests in part",
		failureRounds, done, len(l.known), len(l.unknown), l.again.Load(), l.refused.Load(), rows)
}

type failure struct {
	name string
	do   func(t *testing.T, r *rand.Rand, n *nodes.Node, s *process, pause func())
}

func failures() []failure {
	return []failure{
		{"node killed", func(t *testing.T, _ *rand.Rand, n *nodes.Node, _ *process, pause func()) {
			t.Helper()
			n.Kill(t)
			pause()
			n.Start(t)
		}},
		{"server killed", func(t *testing.T, _ *rand.Rand, _ *nodes.Node, s *process, pause func()) {
			t.Helper()
			s.kill()
			pause()
			s.start(t)
		}},
		{"node and server killed", func(t *testing.T, _ *rand.Rand, n *nodes.Node, s *process, pause func()) {
			t.Helper()
			n.Kill(t)
			s.kill()
			pause()
			n.Start(t)
			s.start(t)
		}},
		{"node halted", func(t *testing.T, _ *rand.Rand, n *nodes.Node, _ *process, pause func()) {
			t.Helper()
			n.Pause(t)
			pause()
			n.Resume(t)
		}},
		{"connections cut", func(_ *testing.T, r *rand.Rand, n *nodes.Node, _ *process, pause func()) {
			for range 1 + r.IntN(5) {
				n.Link.Cut()
			}
			pause()
		}},
		{"network away", func(_ *testing.T, _ *rand.Rand, n *nodes.Node, _ *process, pause func()) {
			n.Link.Down(true)
			pause()
			n.Link.Down(false)
		}},
		{"network stalled", func(_ *testing.T, _ *rand.Rand, n *nodes.Node, _ *process, pause func()) {
			n.Link.Stall(true)
			pause()
			n.Link.Stall(false)
		}},
		{"network slow", func(_ *testing.T, r *rand.Rand, n *nodes.Node, _ *process, pause func()) {
			n.Link.Delay(time.Duration(1+r.IntN(40)) * time.Millisecond)
			pause()
			n.Link.Delay(0)
		}},
	}
}
