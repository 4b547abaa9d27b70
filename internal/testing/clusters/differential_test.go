package clusters_test

import (
	"cmp"
	"net/url"
	"regexp"
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
	asked := &tally{}
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
	for asked.n < differentialQuestions {
		askBoth(t, a, one, other, asked)
	}
	t.Logf("%d questions in all, the last in %s", asked.n, time.Since(begin).Round(time.Second))
	for pipe, of := range asked.of {
		t.Logf("%s: %d, %.1f ms from one and %.1f ms from the other on average, %s of the other in all", pipe, of.n, millis(of.one)/float64(of.n), millis(of.other)/float64(of.n), of.other.Round(time.Second))
	}
	for _, q := range asked.slowest {
		t.Logf("slow: %s: %s", q.took.Round(time.Millisecond), q.path)
	}
}

// slowestQuestions is how many questions are shown for their time.
const slowestQuestions = 10

// tally is the questions with rows that were put to both servers.
type tally struct {
	n       int
	of      map[string]*askedOf
	slowest []timedQuestion // of the other server, the slowest first
}

// askedOf is how often a pipe was asked, and how long each server has taken.
type askedOf struct {
	n          int
	one, other time.Duration
}

type timedQuestion struct {
	path string
	took time.Duration
}

// count notes a question and how long the servers have taken.
func (a *tally) count(path string, one, other time.Duration) {
	pipe, _, _ := strings.Cut(strings.TrimPrefix(path, "/v0/pipes/"), ".")
	if a.of == nil {
		a.of = map[string]*askedOf{}
	}
	of := a.of[pipe]
	if of == nil {
		of = &askedOf{}
		a.of[pipe] = of
	}
	a.n++
	of.n, of.one, of.other = of.n+1, of.one+one, of.other+other
	a.slowest = append(a.slowest, timedQuestion{path, other})
	slices.SortFunc(a.slowest, func(x, y timedQuestion) int { return cmp.Compare(y.took, x.took) })
	a.slowest = a.slowest[:min(len(a.slowest), slowestQuestions)]
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
func askBoth(t *testing.T, a *asker, one, other *server, asked *tally) {
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
		asked.count(readable, between.Sub(begin), end.Sub(between))
	}
}
