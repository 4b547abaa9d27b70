package clusters_test

import (
	"net/url"
	"regexp"
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

// What the differential run has, and with -residual.long.
const (
	differentialRows, differentialRequest         = 100_000, 4000
	longDifferentialRows, longDifferentialRequest = 5_000_000, 50_000
	differentialQuestions                         = 2000
)

// TestDifferential sends the same history to the engine and to a cluster of two shards, and puts the same questions to both over HTTP, some of
// them meanwhile: counts are the same, floats within 1e-12, quantiles within 1 %.
func TestDifferential(t *testing.T) {
	c := nodes.Start(t, nodes.Options{Shards: 2, MemoryBytes: 4 << 30})
	now := storetest.Now
	config := makeTables(t, c, clickhouse.Options{Now: now, BatchWait: 10 * time.Millisecond})
	db, err := engine.Open(t.TempDir(), engine.Options{Now: now, Elapsed: func() time.Duration { return 0 }})
	require.NoError(t, err)
	rows, request := int64(differentialRows), int64(differentialRequest)
	if random.Rounds(1) > 1 {
		rows, request = longDifferentialRows, longDifferentialRequest
	}
	compare(t, serve(t, db, now), serve(t, openStore(t, config), now), rows, request)
}

// compare sends a history to two servers and asks both.
func compare(t *testing.T, one, other *server, rows, request int64) {
	t.Helper()
	r := random.Rand(t)
	h := newHistory(r, rows, request, storetest.Now())
	a := &asker{Rand: r, versions: []string{"v1", "v2", "v3", "v9"}, environments: []string{"production", "staging"}, now: storetest.Now(), days: 60, withoutLags: true}
	begin := time.Now()
	steps := 0
	asked := map[string]*askedOf{}
	for {
		todo := h.advance()
		if todo == nil {
			break
		}
		for i := range todo {
			require.Equal(t, todo[i].do(t, one), todo[i].do(t, other))
			steps++
		}
		if len(a.models) == 0 {
			a.learn(h)
		}
		for range 4 {
			askBoth(t, a, one, other, asked)
		}
	}
	t.Logf("%d rows in %d requests and deletions, %s", rows, steps, time.Since(begin).Round(time.Second))
	a.learn(h)
	begin = time.Now()
	for total(asked) < differentialQuestions {
		askBoth(t, a, one, other, asked)
	}
	t.Logf("%d questions in %s", total(asked), time.Since(begin).Round(time.Second))
	for pipe, of := range asked {
		t.Logf("%s: %d, %.1f ms from one and %.1f ms from the other on average, %s at most: %s", pipe, of.n, millis(of.one)/float64(of.n), millis(of.other)/float64(of.n), of.most.Round(time.Millisecond), of.slowest)
	}
}

// askedOf is how often a pipe was asked, and how long that has taken.
type askedOf struct {
	n                int
	one, other, most time.Duration
	// slowest is the question that took the most.
	slowest string
}

func total(asked map[string]*askedOf) (n int) {
	for _, of := range asked {
		n += of.n
	}
	return n
}

// learn takes the names to ask about from what was sent.
func (a *asker) learn(h *history) {
	a.models, a.lagged, a.ids = nil, nil, nil
	known := map[string]bool{}
	for _, e := range h.sent {
		if !known[e.ModelID] {
			known[e.ModelID] = true
			a.models = append(a.models, e.ModelID)
			if sentOnce(e.ModelID) {
				a.lagged = append(a.lagged, e.ModelID)
			}
		}
		if len(a.ids) < 100 {
			a.ids = append(a.ids, e.PredictionID)
		}
	}
}

var lags = regexp.MustCompile(`"actual_lag_p\d\d": ?[^,}]*,`)

// askBoth puts a question to both servers, and counts those with rows by their pipe.
func askBoth(t *testing.T, a *asker, one, other *server, asked map[string]*askedOf) {
	t.Helper()
	path := a.question()
	begin := time.Now()
	statusA, bodyA := one.ask(t, path)
	between := time.Now()
	statusB, bodyB := other.ask(t, path)
	end := time.Now()
	readable, _ := url.QueryUnescape(path)
	if statusA != statusB {
		require.FailNow(t, "status", "%s: %d %.300s, %d %.300s", readable, statusA, bodyA, statusB, bodyB)
	}
	if a.withoutLags && !a.aboutLagged(path) {
		bodyA, bodyB = lags.ReplaceAllString(bodyA, ""), lags.ReplaceAllString(bodyB, "")
	}
	if d := difference(bodyA, bodyB); d != "" {
		require.FailNow(t, "answers differ", "%s: %s", readable, d)
	}
	if statusA == 200 && !strings.Contains(bodyA, `"rows":0,`) {
		pipe, _, _ := strings.Cut(strings.TrimPrefix(path, "/v0/pipes/"), ".")
		of := asked[pipe]
		if of == nil {
			of = &askedOf{}
			asked[pipe] = of
		}
		of.n, of.one, of.other = of.n+1, of.one+between.Sub(begin), of.other+end.Sub(between)
		if took := end.Sub(between); took > of.most {
			of.most, of.slowest = took, readable
		}
	}
}
