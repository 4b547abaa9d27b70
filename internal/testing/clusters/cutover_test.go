package clusters_test

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/engine"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/random"
	"github.com/residualdb/residual/internal/testing/storetest"
)

// What a cut-over has: rows in all, rows of a request, and how many questions are asked of both ends.
const cutOverRows, cutOverRequest, cutOverQuestions = 24_000, 300, 100

// newEngine is an embedded store whose clock stands.
func newEngine(t *testing.T) *engine.DB {
	t.Helper()
	db, err := engine.Open(t.TempDir(), engine.Options{Now: storetest.Now, Elapsed: func() time.Duration { return 0 }})
	require.NoError(t, err)
	return db
}

// TestCutOver moves from an engine to a cluster and from there to another engine while rows, actuals, corrections, withdrawals and deletions
// are sent on, as docs/cluster.md describes it: what is sent is kept in order from before the export on, and sent to the new store after it.
// Nothing is lost and nothing is there twice, and all answers are the same.
func TestCutOver(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2})
	m := &move{binary: build(t), r: random.Rand(t)}
	m.h = newHistory(m.r, cutOverRows, cutOverRequest, storetest.Now())
	old := serve(t, newEngine(t), storetest.Now)
	there := serve(t, openStore(t, makeTables(t, c, clickhouse.Options{Now: storetest.Now, BatchWait: time.Millisecond})), storetest.Now)
	back := serve(t, newEngine(t), storetest.Now)

	m.send(t, old, 10)
	m.cutOver(t, old, there, func(from, to string) []*exec.Cmd {
		file := filepath.Join(t.TempDir(), "rows.ndjson.zst")
		return []*exec.Cmd{exec.Command(m.binary, "export", "--server", from, file), exec.Command(m.binary, "ingest", "--server", to, file)}
	})
	m.send(t, there, 3)
	m.cutOver(t, there, back, func(from, to string) []*exec.Cmd {
		return []*exec.Cmd{exec.Command("sh", "-c", m.binary+" export --server "+from+" - --format ndjson | "+m.binary+" ingest --server "+to+" -")}
	})
}

// move is a history that goes on while its store is moved.
type move struct {
	binary string
	r      *rand.Rand
	h      *history
	// sent is all of it, of which kept is what came since somebody began to keep it.
	sent, kept []step
}

// send sends the next n of the history to a server.
func (m *move) send(t *testing.T, to *server, n int) {
	t.Helper()
	for range n {
		todo := m.h.advance()
		require.NotNil(t, todo, "BUG: the history is too short")
		for i := range todo {
			todo[i].do(t, to)
		}
		m.sent, m.kept = append(m.sent, todo...), append(m.kept, todo...)
	}
}

// cutOver moves a store by commands, and holds the new one to the old one.
func (m *move) cutOver(t *testing.T, from, to *server, commands func(from, to string) []*exec.Cmd) {
	t.Helper()
	m.kept = nil
	m.send(t, from, 1)
	for i := range m.sent { // what is remembered for rows to come is in no export
		if m.sent[i].source == engine.SourceActuals {
			m.sent[i].do(t, to)
		}
	}
	for _, c := range commands(from.url, to.url) {
		m.meanwhile(t, from, c)
	}
	m.send(t, from, 1)
	for i := range m.kept {
		m.kept[i].do(t, to)
	}
	rows := requireSameRows(t, from, to)
	a := &asker{Rand: m.r, versions: []string{"v1", "v2", "v3", "v9"}, environments: []string{"production", "staging"}, now: storetest.Now(), days: 60, withoutLags: true, withoutStates: true}
	a.learn(m.h)
	asked := &tally{}
	for range cutOverQuestions {
		askBoth(t, a, from, to, asked)
	}
	require.Greater(t, asked.n, cutOverQuestions/2)
	t.Logf("%d rows, 0 lost, 0 twice; %d requests were sent meanwhile, %d questions with rows have the same answer", rows, len(m.kept), asked.n)
}

// meanwhile sends on while a command runs, at least once.
func (m *move) meanwhile(t *testing.T, to *server, c *exec.Cmd) {
	t.Helper()
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	require.NoError(t, c.Start())
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for {
		m.send(t, to, 1)
		select {
		case err := <-ended:
			require.NoError(t, err, out.String())
			return
		default:
		}
	}
}

// requireSameRows holds all rows of two servers to each other, with every cell of theirs, and each of them to be there once.
func requireSameRows(t *testing.T, one, other *server) (rows int) {
	t.Helper()
	list := func(s *server) []string {
		status, body := s.ask(t, "/v0/pipes/predictions.csv?model_id=*&model_version=*&environment=*&limit=0&from=1970-01-01+00:00:00"+
			"&columns=model_id,model_version,environment,timestamp,prediction_id,predicted_value,actual_value,features")
		require.Equal(t, 200, status, body)
		lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
		slices.Sort(lines)
		return lines
	}
	want, got := list(one), list(other)
	for i := range min(len(want), len(got)) {
		require.Equal(t, want[i], got[i])
	}
	require.Len(t, got, len(want))
	require.Len(t, slices.Compact(got), len(want))
	return len(want)
}
