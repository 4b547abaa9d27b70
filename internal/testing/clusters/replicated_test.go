package clusters_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// What TestReplicated is told of a cluster that somebody else has started: the URL of a store and the name of the cluster, the password, and
// a command that does what it is told to it: kill N and start N, of a node, and keeper-stop and keeper-start.
const (
	replicatedStore    = "REPLICATED_STORE"
	replicatedCluster  = "REPLICATED_CLUSTER"
	replicatedPassword = "REPLICATED_PASSWORD"
	replicatedControl  = "REPLICATED_CONTROL"
	replicatedNodes    = "REPLICATED_NODES"
	replicatedRounds   = 50
)

// TestReplicated makes the tables of a replicated cluster, and has two servers before it take requests while replicas are killed and come
// back, the keeper is restarted, and a server is killed: nothing that was acknowledged is lost, nothing is there twice. One replica of a
// shard away keeps nobody from reading or, with a majority, from writing.
func TestReplicated(t *testing.T) {
	store := os.Getenv(replicatedStore)
	if store == "" {
		t.Skipf("without %s there is no replicated cluster: see docs/cluster.md", replicatedStore)
	}
	binary := build(t)
	t.Setenv("RESIDUAL_STORE_PASSWORD", os.Getenv(replicatedPassword))
	out, err := exec.Command(binary, "cluster", "init", "--store", store, "--cluster", os.Getenv(replicatedCluster), "--replicated").CombinedOutput()
	require.NoError(t, err, string(out))
	t.Logf("%s", out)
	servers := []*process{startServer(t, binary, store), startServer(t, binary, store)}
	r := random.Rand(t)
	l := startLoad(t, r.Uint64(), servers[0].url, servers[1].url)
	count, err := strconv.Atoi(os.Getenv(replicatedNodes))
	require.NoError(t, err, replicatedNodes)
	done := map[string]int{}
	for range replicatedRounds {
		pause := func(least, most int) { time.Sleep(time.Duration(least+r.IntN(most-least)) * time.Millisecond) } // at any moment
		pause(200, 1000)
		switch n := strconv.Itoa(1 + r.IntN(count)); r.IntN(6) {
		case 0:
			s := servers[r.IntN(2)]
			s.kill()
			pause(100, 500)
			s.start(t)
			done["server killed"]++
		case 1:
			control(t, "keeper-stop")
			pause(100, 3000)
			control(t, "keeper-start")
			done["keeper restarted"]++
		default:
			control(t, "kill", n)
			pause(100, 3000)
			control(t, "start", n)
			done["replica killed"]++
		}
	}
	l.end(t)
	var rows [2]int
	for i, s := range servers {
		rows[i] = l.check(t, s.url)
	}
	require.Equal(t, rows[0], rows[1])
	t.Logf("%d rounds %v: %d requests acknowledged, %d of unknown outcome, %d sent again; %d rows, 0 lost, 0 twice, 0 requests in part",
		replicatedRounds, done, len(l.known), len(l.unknown), l.again.Load(), rows[0])
}

// control has something done to the cluster.
func control(t *testing.T, args ...string) {
	t.Helper()
	words := append(strings.Fields(os.Getenv(replicatedControl)), args...)
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	require.NoError(t, err, "%v: %s", words, out)
}
