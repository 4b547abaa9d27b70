package clusters_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/random"
	"github.com/residualdb/residual/internal/testing/storetest"
)

// What tests of replicas are told of a cluster that somebody else has started, which has shards of two replicas: the URL of a store and the
// name of the cluster, the password, and a command that does what it is told to it: kill N, start N, pause N and resume N, of a node as
// `residual cluster check` counts them from 1, and keeper-stop and keeper-start. start waits until the node answers.
const (
	replicatedStore    = "REPLICATED_STORE"
	replicatedCluster  = "REPLICATED_CLUSTER"
	replicatedPassword = "REPLICATED_PASSWORD"
	replicatedControl  = "REPLICATED_CONTROL"
	replicatedRounds   = 50
	// recoveredWithin is how long after a fault a cluster may not take what is sent to it: a session with the keeper may last for 30 s
	// after the end of who has it, and a block is sent again for as long.
	recoveredWithin = 90 * time.Second
)

// replicas is a cluster of shards of two replicas.
type replicas struct {
	t      *testing.T
	config clickhouse.Config
	// url is that of the store with the addresses of all nodes, so that a server finds one that is there.
	url string
	// nodes are in the order of `residual cluster check`; shards has their places.
	nodes  []clickhouse.Node
	shards [][]int
	// down has the nodes that were killed and not started again.
	down map[int]bool
	// done counts what was done to it, and how often a node has ended by itself.
	done  map[string]int
	ended int
}

// openReplicas makes the tables of a replicated cluster by the program, and looks at them. It skips the test if there is no cluster.
func openReplicas(t *testing.T) (c *replicas, binary string) {
	t.Helper()
	url := os.Getenv(replicatedStore)
	if url == "" {
		t.Skipf("without %s there is no replicated cluster: see docs/cluster.md", replicatedStore)
	}
	binary = build(t)
	t.Setenv("RESIDUAL_STORE_PASSWORD", os.Getenv(replicatedPassword))
	out, err := exec.Command(binary, "cluster", "init", "--store", url, "--cluster", os.Getenv(replicatedCluster), "--replicated").CombinedOutput()
	require.NoError(t, err, string(out))
	c = &replicas{t: t, down: map[int]bool{}, done: map[string]int{}}
	c.config, err = clickhouse.ParseURL(url)
	require.NoError(t, err)
	c.config.Password = os.Getenv(replicatedPassword)
	checked, err := clickhouse.Check(t.Context(), c.config)
	require.NoError(t, err)
	require.True(t, checked.Replicated)
	c.nodes = checked.Nodes
	for i, n := range c.nodes {
		if n.Shard > len(c.shards) {
			c.shards = append(c.shards, nil)
		}
		c.shards[n.Shard-1] = append(c.shards[n.Shard-1], i)
		require.Contains(t, string(out), n.Address)
	}
	c.config.Addresses = nil
	for _, n := range c.nodes {
		c.config.Addresses = append(c.config.Addresses, n.Address)
	}
	c.url = fmt.Sprintf("clickhouse://%s@%s/%s", c.config.Username, strings.Join(c.config.Addresses, ","), c.config.Database)
	require.Greater(t, len(c.shards), 1)
	for _, of := range c.shards {
		require.Len(t, of, 2)
	}
	return c, binary
}

// control has something done to the cluster.
func (c *replicas) control(args ...string) {
	c.t.Helper()
	words := append(strings.Fields(os.Getenv(replicatedControl)), args...)
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	require.NoError(c.t, err, "%v: %s", words, out)
}

func (c *replicas) kill(node int) {
	c.down[node] = true
	c.control("kill", strconv.Itoa(node+1))
}

func (c *replicas) start(node int) {
	c.control("start", strconv.Itoa(node+1))
	delete(c.down, node)
}

func (c *replicas) pause(node int)  { c.control("pause", strconv.Itoa(node+1)) }
func (c *replicas) resume(node int) { c.control("resume", strconv.Itoa(node+1)) }

// revive starts nodes that have ended by themselves, as one does that is made of a library when a client is gone in the middle of a request:
// what it has promised holds as after any other end. They are counted.
func (c *replicas) revive() {
	c.t.Helper()
	for i, n := range c.nodes {
		if c.down[i] {
			continue
		}
		conn, err := net.DialTimeout("tcp", n.Address, time.Second)
		if err == nil {
			_ = conn.Close()
			continue
		}
		c.ended++
		c.start(i)
	}
}

// goesOn asks until the answer is 200, which is the first one unless a node has ended by itself.
func (c *replicas) goesOn(ask func() answer) {
	c.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	refused := ""
	for begin, before := time.Now(), c.ended; ; {
		a := ask()
		if a.status == http.StatusOK {
			require.Less(c.t, a.took, 25*time.Second)
			require.True(c.t, refused == "" || c.ended > before, refused)
			return
		}
		requireComeAgain(c.t, a)
		refused = a.body
		within := recoveredWithin
		if c.ended == before {
			within = endsWithin
		}
		require.Less(c.t, time.Since(begin), within, refused)
		<-tick.C
		c.revive()
	}
}

// endsWithin is how long a node that ends by itself may go on listening.
const endsWithin = 20 * time.Second

// hit is what a fault may meet: the cluster, a server, a node and the other replica of its shard, and a pause of any length.
type hit struct {
	*replicas
	server, other *process
	node, twin    int
	models        []string // one of each shard
	pause         func(least, most int)
}

// replicaFaults are what is done under load. Each of them is over when it returns.
func replicaFaults() map[string]func(h *hit) {
	return map[string]func(h *hit){
		"replica killed": func(h *hit) {
			h.kill(h.node)
			h.answers()
			h.pause(100, 3000)
			h.start(h.node)
		},
		"replica halted": func(h *hit) {
			h.replicas.pause(h.node)
			h.pause(100, 5000)
			h.resume(h.node)
		},
		"replica halted for long": func(h *hit) { // until its session with the keeper is over
			h.replicas.pause(h.node)
			h.answers()
			h.pause(8000, 12000)
			h.resume(h.node)
		},
		"one replica back, the other killed": func(h *hit) {
			h.kill(h.node)
			h.pause(100, 3000)
			h.start(h.node)
			h.kill(h.twin)
			h.pause(100, 3000)
			h.start(h.twin)
		},
		"keeper restarted": func(h *hit) {
			h.control("keeper-stop")
			h.answers()
			h.pause(100, 3000)
			h.control("keeper-start")
		},
		"replica killed and keeper restarted": func(h *hit) {
			h.control("keeper-stop")
			h.kill(h.node)
			h.pause(100, 1000)
			h.control("keeper-start")
			h.start(h.node)
		},
		"server killed": func(h *hit) {
			h.server.kill()
			h.pause(100, 500)
			h.server.start(h.t)
		},
		"replica and server killed": func(h *hit) {
			h.kill(h.node)
			h.server.kill()
			h.pause(100, 2000)
			h.server.start(h.t) // with one replica, of which nobody has told it
			h.start(h.node)
		},
		"shard away": func(h *hit) {
			h.kill(h.node)
			h.kill(h.twin)
			h.saysWhatIsAway()
			h.start(h.node)
			h.start(h.twin)
		},
	}
}

// answers holds a server to answering questions about all models while something is away that keeps it from taking events alone.
func (h *hit) answers() {
	h.goesOn(func() answer { return h.other.metrics(h.t, "*") })
}

// saysWhatIsAway holds a server to what it owes while a shard is away: requests for its models are refused, others go on, and questions about
// all say what is missing.
func (h *hit) saysWhatIsAway() {
	shard := h.nodes[h.node].Shard
	gone, there := h.models[shard-1], h.models[shard%len(h.models)]
	name := "shard " + strconv.Itoa(shard)
	requireComeAgain(h.t, h.other.post(h.t, probe(gone, "away")), name)
	requireComeAgain(h.t, h.other.metrics(h.t, gone), name)
	requireComeAgain(h.t, h.other.metrics(h.t, "*"), name)
	requireComeAgain(h.t, h.other.post(h.t, probe(gone, "away")+probe(there, "away")), name)
	otherMonth := strings.Replace(probe(there, "february"), "2026-01", "2026-02", 1)
	for _, lines := range []string{probe(there, "away"), probe(there, "away") + otherMonth} {
		h.goesOn(func() answer { return h.other.post(h.t, lines) })
	}
	h.goesOn(func() answer { return h.other.metrics(h.t, there) })
	require.Contains(h.t, request(h.t, http.MethodGet, h.other.url+"/health", "").body, name)
}

// probe is a row of a model that is not of the load.
func probe(model, id string) string { return line(model, probePrefix+model+"/"+id) }

// TestReplicated has two servers before a replicated cluster take requests while replicas are killed, halted, and come back, the keeper is
// restarted, a shard is away, and servers are killed: nothing that was acknowledged is lost, on either replica, nothing is there twice, and what
// is asked after an answer has what was acknowledged.
func TestReplicated(t *testing.T) {
	c, binary := openReplicas(t)
	servers := []*process{startServer(t, binary, c.url), startServer(t, binary, c.url)}
	r := random.Rand(t)
	models := c.modelOfEach(servers[0])
	l := startLoad(t, r.Uint64(), servers[0].url, servers[1].url)
	pause := func(least, most int) { time.Sleep(time.Duration(least+r.IntN(most-least)) * time.Millisecond) } // at any moment
	faults, longest := replicaFaults(), map[string]time.Duration{}
	var left []string // so that each is done some times
	for round := range replicatedRounds {
		if len(left) == 0 {
			for name := range faults {
				left = append(left, name)
			}
			slices.Sort(left)
			r.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		}
		name := left[0]
		left = left[1:]
		pause(200, 1000)
		c.revive()
		node, server := r.IntN(len(c.nodes)), r.IntN(2)
		twins := c.shards[c.nodes[node].Shard-1]
		h := &hit{replicas: c, server: servers[server], other: servers[1-server], node: node, twin: twins[0] + twins[1] - node, models: models, pause: pause}
		begin := time.Now()
		faults[name](h)
		c.done[name]++
		ended := time.Since(begin)
		if took := c.recovered(h.other, round); took > longest[name] {
			longest[name] = took.Round(100 * time.Millisecond)
		}
		t.Logf("round %d: %s for %s, over after %s; %d requests acknowledged", round+1, name, ended.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond), l.answered.Load())
	}
	l.end(t)
	rows := l.checkAll(t, servers)
	for replica := range 2 { // each of them alone has all rows
		for _, of := range c.shards {
			c.kill(of[replica])
		}
		there := l.check(t, servers[replica].url)
		require.GreaterOrEqual(t, there, rows)
		rows = there // with what was completed meanwhile
		for _, of := range c.shards {
			c.start(of[replica])
		}
	}
	t.Logf("%d rounds %v; nodes ended by themselves %d times", replicatedRounds, c.done, c.ended)
	t.Logf("longest until a request was taken after it: %v", longest)
	t.Logf("%d requests acknowledged, the slowest after %s; %d of unknown outcome, %d sent again, %d answers 503, all with Retry-After; %d questions saw what was acknowledged; %d rows, 0 lost, 0 twice, 0 requests in part",
		len(l.known), l.longest.Round(time.Millisecond), len(l.unknown), l.again.Load(), l.refused.Load(), l.seen.Load(), rows)
}

// modelOfEach finds one model of each shard: it is refused while that is away, and is told of the shard.
func (c *replicas) modelOfEach(s *process) []string {
	c.t.Helper()
	models := make([]string, len(c.shards))
	for shard, of := range c.shards {
		for _, node := range of {
			c.kill(node)
		}
		for i := 0; i < loadModels; {
			model := "m" + strconv.Itoa(i)
			switch answer := s.post(c.t, probe(model, "a")); {
			case answer.status == http.StatusOK:
				i++
			case strings.Contains(answer.body, "shard "+strconv.Itoa(shard+1)):
				models[shard] = model
				i++
			default:
				requireComeAgain(c.t, answer)
				c.revive()
			}
		}
		for _, node := range of {
			c.start(node)
		}
		c.recovered(s, -1)
	}
	require.NotContains(c.t, models, "")
	return models
}

// recovered waits until a server takes a request of all shards, and returns how long that took.
func (c *replicas) recovered(s *process, round int) time.Duration {
	c.t.Helper()
	begin := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var lines strings.Builder
	for i := range loadModels {
		lines.WriteString(probe("m"+strconv.Itoa(i), "round"+strconv.Itoa(round)))
	}
	for {
		answer := s.post(c.t, lines.String())
		if answer.status == http.StatusOK {
			return time.Since(begin)
		}
		requireComeAgain(c.t, answer)
		require.Less(c.t, time.Since(begin), recoveredWithin, answer.body)
		<-tick.C
		c.revive()
	}
}

// TestReplicatedContract holds a store over replicas to the contract.
func TestReplicatedContract(t *testing.T) {
	c, _ := openReplicas(t)
	storetest.Run(t, storetest.Subject{
		Doors: true, Without: []string{"actuals: orphans end in the quarantine", "visibility: a request is seen whole"}, // docs/cluster.md says so of each
		New: func(t *testing.T, opts storetest.Options) func(*testing.T) storetest.Store {
			t.Helper()
			config := c.config
			config.Database = fmt.Sprint(c.config.Database, "_", databases.Add(1))
			config.Options = clickhouse.Options{Now: opts.Now, ActualsTTL: opts.ActualsTTL, BatchWait: time.Millisecond}
			c.revive()
			t.Cleanup(func() {
				c.revive()
				c.run(t, "DROP DATABASE IF EXISTS "+config.Database+" SYNC")
			})
			_, err := clickhouse.Init(t.Context(), config, schema.Layout{Database: config.Database, Cluster: os.Getenv(replicatedCluster), Replicated: true, ActualsTTL: 30 * 24 * time.Hour})
			require.NoError(t, err)
			return func(t *testing.T) storetest.Store {
				t.Helper()
				return openStore(t, config)
			}
		},
	})
}

// TestReplicatedWorkspace has processes count on in a text of the first shard while its replicas are killed in turn, and the keeper.
func TestReplicatedWorkspace(t *testing.T) {
	c, _ := openReplicas(t)
	countUnderFaults(t, c.config, func(n int) {
		switch n % 120 { // so that there is time between them
		case 10, 50:
			node := c.shards[0][n%120/40]
			c.kill(node)
			c.start(node)
		case 90:
			c.control("keeper-stop")
			c.control("keeper-start")
		}
		c.revive()
	})
}

// run runs a statement on every node.
func (c *replicas) run(t *testing.T, statement string) {
	t.Helper()
	for i := range c.nodes {
		c.conn(t, i, func(conn driver.Conn) { require.NoError(t, conn.Exec(context.Background(), statement), statement) })
	}
}

// conn calls do with a connection to a node.
func (c *replicas) conn(t *testing.T, node int, do func(conn driver.Conn)) {
	t.Helper()
	conn, err := ch.Open(&ch.Options{Addr: []string{c.nodes[node].Address}, Auth: ch.Auth{Username: c.config.Username, Password: c.config.Password}})
	require.NoError(t, err)
	do(conn)
	require.NoError(t, conn.Close())
}

// TestReplicatedTables prints the statements that make the tables, which may be run again on every node, and looks at what each replica has.
func TestReplicatedTables(t *testing.T) {
	c, binary := openReplicas(t)
	out, err := exec.Command(binary, "cluster", "ddl", "--store", c.url, "--cluster", os.Getenv(replicatedCluster), "--replicated").CombinedOutput()
	require.NoError(t, err, string(out))
	statements := strings.Split(strings.TrimSuffix(strings.TrimSpace(string(out)), ";"), ";\n")
	replicated := 0
	for _, s := range statements {
		c.run(t, s)
		if strings.Contains(s, "ENGINE = Replicated") {
			replicated++
		}
	}
	require.Positive(t, replicated)
	for i, n := range c.nodes {
		var tables, active, readOnly uint64
		var paths []string
		c.conn(t, i, func(conn driver.Conn) {
			require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(), countIf(active_replicas = 2 AND total_replicas = 2), countIf(is_readonly), groupUniqArray(zookeeper_path)
FROM system.replicas WHERE database = '`+c.config.Database+"'").Scan(&tables, &active, &readOnly, &paths))
		})
		require.Equal(t, []uint64{uint64(replicated), uint64(replicated), 0}, []uint64{tables, active, readOnly}, n.Address)
		require.Len(t, paths, replicated)
	}
}

// TestReplicatedDeletion deletes with a replica away: that is refused, done once the deletion is sent again after it is back, and then no replica
// has the rows any more, and each has those that stay. `residual cluster check` says which replica is away.
func TestReplicatedDeletion(t *testing.T) {
	c, binary := openReplicas(t)
	s := startServer(t, binary, c.url)
	store := openStore(t, c.config)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	var lines strings.Builder
	var gone []string
	for i := range loadModels {
		gone = append(gone, fmt.Sprint("gone", i))
		lines.WriteString(line(gone[i], "a") + line(fmt.Sprint("kept", i), "b") + line(fmt.Sprint("kept", i), "c"))
	}
	answer := s.post(t, lines.String())
	require.Equal(t, http.StatusOK, answer.status, answer.body)
	deletions := []engine.Deletion{{Models: gone}, {IDs: []string{"b"}, Within: "kept*"}}
	for replica := range 2 {
		for _, of := range c.shards {
			c.kill(of[replica])
		}
		says := fails(t, exec.Command(binary, "cluster", "check", "--store", c.url))
		for _, of := range c.shards {
			require.Contains(t, says, c.nodes[of[replica]].Address)
		}
		for _, d := range deletions {
			_, err := store.DeleteRows(t.Context(), d)
			require.ErrorIs(t, err, engine.ErrUnavailable)
			require.ErrorContains(t, err, "send the deletion again")
		}
		for _, of := range c.shards {
			c.start(of[replica])
		}
		for _, d := range deletions {
			eventually(t, "the deletion is not done", func() bool {
				_, err := store.DeleteRows(t.Context(), d)
				return err == nil
			})
		}
		for other := range 2 { // alone each has what the deletion has left
			for _, of := range c.shards {
				c.kill(of[other])
			}
			for pattern, want := range map[string]int{"gone*": 0, "kept*": loadModels} {
				status, rows, err := predictions(http.DefaultClient, s.url, "&model_id="+pattern)
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, status)
				require.Len(t, rows, want, "with replica %d away: %v", other+1, rows)
			}
			for _, of := range c.shards {
				c.start(of[other])
			}
		}
	}
}
