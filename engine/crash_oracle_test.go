package engine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/crashtest"
)

// everything picks all rows with an actual.
var everything = engine.MetricsQuery{Model: engine.All, Version: engine.All, Environment: engine.All, From: time.Unix(0, 0)}

// Queries whose answers are compared for each model: every series, and windows that begin and end inside, at the edges of
// and outside of what the batches cover.
var (
	crashModels  = []string{"model_0", "model_1", "model_2"}
	crashMetrics = []engine.MetricsQuery{
		{Window: 50 * time.Hour},
		{Version: "v0", Environment: "staging", Window: 1000 * time.Hour},
		{Version: "*", Environment: "*", From: testNow.Add(-150 * time.Hour), To: testNow.Add(-30 * time.Hour)},
		{Version: "*", From: oldMonth, To: oldMonth.AddDate(0, 1, 0)},
		{Environment: "staging", AsOf: testNow.Add(-100 * time.Hour), Window: 60 * time.Hour},
	}
	crashDrift = []engine.DriftQuery{{Environment: "*", Recent: 40 * time.Hour}}
)

// answers are what a store says about itself.
type answers struct {
	metrics    [][]engine.MetricsRow
	drift      [][]engine.DriftRow
	quarantine []engine.QuarantineRow
}

func ask(db *engine.DB) (*answers, error) {
	ctx := context.Background()
	a := new(answers)
	all, err := db.Metrics(ctx, everything) // of whole segments: reads nothing
	if err != nil {
		return nil, err
	}
	a.metrics = append(a.metrics, all.Rows)
	for _, model := range crashModels { // one by one: the order of the reads is to be the same each time
		for _, q := range crashMetrics {
			q.Model = model
			r, err := db.Metrics(ctx, q)
			if err != nil {
				return nil, err
			}
			a.metrics = append(a.metrics, r.Rows)
		}
		for _, q := range crashDrift {
			q.Model = model
			r, err := db.Drift(ctx, q)
			if err != nil {
				return nil, err
			}
			a.drift = append(a.drift, r.Rows)
		}
	}
	r, err := db.Quarantine(ctx, engine.QuarantineQuery{Limit: engine.QuarantineRowsMax})
	a.quarantine = r.Rows
	return a, err
}

func metricsRows(groups map[event.Series]*group) (rows []engine.MetricsRow) {
	for key, g := range groups {
		row := engine.MetricsRow{
			Model: key.Model, Version: key.Version, Environment: key.Environment, PredictionCount: g.count,
			MAE: g.agg.MAE(), RMSE: g.agg.RMSE(), PeriodStart: g.first, PeriodEnd: g.last,
		}
		if !within1ULP(row.MAE, g.mae()) || !within1ULP(row.RMSE, g.rmse()) {
			panic("BUG: the oracle is wrong")
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b engine.MetricsRow) int {
		return slices.Compare([]string{a.Model, a.Version, a.Environment}, []string{b.Model, b.Version, b.Environment})
	})
	return rows
}

func driftRows(drifts []oracleDrift, q engine.DriftQuery) (rows []engine.DriftRow) {
	at := testNow
	if !q.AsOf.IsZero() {
		at = q.AsOf
	}
	for _, d := range drifts {
		recent, historical := d.recent.agg.MAE(), d.historical.agg.MAE()
		rows = append(rows, engine.DriftRow{
			Model: d.Model, Version: d.Version, Environment: d.Environment, RecentMAE: recent, HistoricalMAE: historical,
			DriftPercentage: (recent - historical) / historical, RecentCount: d.recent.count, HistoricalCount: d.historical.count,
			AnalysisTimestamp: at,
		})
	}
	return rows
}

// content is all that a store holds, but for its idempotency window.
type content struct {
	rows    map[rowName]event.Event
	actuals map[actualName]string
	// positions are those of the sources of the crash tests.
	positions map[engine.Position]string
}

// rowName is what a row is.
type rowName struct {
	event.Series
	id string
	at int64
}

func nameOf(e event.Event) rowName {
	return rowName{event.Series{Model: e.ModelID, Version: e.ModelVersion, Environment: e.Environment}, e.PredictionID, e.Timestamp.UnixMilli()}
}

// actualName is what an actual is about.
type actualName struct {
	predictionName
	scope
}

func newContent() *content {
	return &content{make(map[rowName]event.Event), make(map[actualName]string), make(map[engine.Position]string)}
}

func contentOf(db *engine.DB) (*content, error) {
	c := newContent()
	err := db.EachRow(func(e event.Event) {
		if _, twice := c.rows[nameOf(e)]; twice {
			e.Features = "twice"
		}
		c.rows[nameOf(e)] = e
	})
	db.EachActual(func(a event.Actual, met bool) {
		name := actualName{predictionName{a.ModelID, a.PredictionID}, scope{a.ModelVersion, a.Environment}}
		c.actuals[name] = fmt.Sprint(a.Value, a.Withdrawn, met)
	})
	for _, source := range []string{"topics", "objects"} {
		for part, value := range db.Positions(source) {
			c.positions[engine.Position{Source: source, Part: part}] = value
		}
	}
	return c, err
}

func (c *content) equal(o *content) bool {
	return maps.Equal(c.rows, o.rows) && maps.Equal(c.actuals, o.actuals) && maps.Equal(c.positions, o.positions)
}

func (c *content) hasOld() bool {
	for _, e := range c.rows {
		if isOld(e) {
			return true
		}
	}
	return false
}

// difference says where two contents differ.
func (c *content) difference(want *content) string {
	var d []string
	for id, e := range want.rows {
		if got, ok := c.rows[id]; !ok {
			d = append(d, fmt.Sprintf("missing %v", id))
		} else if got != e {
			d = append(d, fmt.Sprintf("%+v instead of %+v", got, e))
		}
	}
	for id, e := range c.rows {
		if _, ok := want.rows[id]; !ok {
			d = append(d, fmt.Sprintf("too much: %+v", e))
		}
	}
	for name, a := range want.actuals {
		if got, ok := c.actuals[name]; !ok || got != a {
			d = append(d, fmt.Sprintf("actual %v: %q instead of %q", name, got, a))
		}
	}
	for name, a := range c.actuals {
		if _, ok := want.actuals[name]; !ok {
			d = append(d, fmt.Sprintf("too much: actual %v: %q", name, a))
		}
	}
	if !maps.Equal(c.positions, want.positions) {
		d = append(d, fmt.Sprintf("positions %v instead of %v", c.positions, want.positions))
	}
	slices.Sort(d)
	for i := range d {
		d[i] = d[i][:min(len(d[i]), 400)]
	}
	return strings.Join(d[:min(len(d), 4)], "\n")
}

// state is what to expect of a store that holds certain requests, in this order.
type state struct {
	content content
	answers answers
}

// newState works a state out row by row.
func newState(held []*sent) *state {
	var o oracle
	st := &state{content: *newContent()}
	for _, b := range held {
		o.addAll(b.rows)
		for _, a := range b.actuals {
			o.actual(a, testNow)
		}
		if b.deletion != nil {
			o.delete(*b.deletion)
		}
		for _, old := range b.expired {
			o.remove(func(r *oracleRow) bool {
				return isOld(r.Event) && slices.ContainsFunc(old.rows, func(e event.Event) bool { return nameOf(e) == nameOf(r.Event) })
			})
		}
		for _, x := range b.origin.Positions {
			key := engine.Position{Source: cmp.Or(x.Source, b.origin.Source), Part: x.Part}
			if st.content.positions[key] = x.Value; x.Value == "" {
				delete(st.content.positions, key)
			}
		}
		for _, r := range b.rejects {
			st.answers.quarantine = append(st.answers.quarantine, engine.QuarantineRow{
				Source: cmp.Or(b.origin.Source, engine.SourcePredictions), Place: r.Place, Column: r.Column, Reason: r.Reason, Code: r.Code, LineNumber: r.Line, Line: r.Raw,
				InsertedAt: testNow,
			})
		}
	}
	slices.Reverse(st.answers.quarantine)
	for _, r := range o.rows {
		st.content.rows[nameOf(r.Event)] = r.Event
	}
	for _, a := range o.actuals {
		st.content.actuals[actualName{a.predictionName, a.scope}] = fmt.Sprint(a.value, a.withdrawn, a.met)
	}
	st.answers.metrics = append(st.answers.metrics, metricsRows(o.metrics(everything, testNow)))
	for _, model := range crashModels {
		for _, q := range crashMetrics {
			q.Model = model
			st.answers.metrics = append(st.answers.metrics, metricsRows(o.metrics(q, testNow)))
		}
		for _, q := range crashDrift {
			q.Model = model
			st.answers.drift = append(st.answers.drift, driftRows(o.drift(q, testNow), q))
		}
	}
	return st
}

// states are those worked out already, by the names of what is held.
type states struct {
	mu     sync.Mutex
	byName map[string]*state
}

func (x *states) of(held []*sent) *state {
	var name []byte
	for _, b := range held {
		name = fmt.Appendf(name, "%s%v%+v%v ", b.name, b.actuals, b.deletion, b.origin)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	st := x.byName[string(name)]
	if st == nil {
		if x.byName == nil {
			x.byName = make(map[string]*state)
		}
		st = newState(held)
		x.byName[string(name)] = st
	}
	return st
}

// verify compares the answers of a store with what they must be.
func (st *state) verify(got *answers) error {
	want := &st.answers
	for i := range want.metrics {
		if !slices.Equal(got.metrics[i], want.metrics[i]) {
			return fmt.Errorf("metrics query %d answers\n%+v, want\n%+v", i, got.metrics[i], want.metrics[i])
		}
	}
	for i := range want.drift {
		if !slices.Equal(got.drift[i], want.drift[i]) {
			return fmt.Errorf("drift query %d answers\n%+v, want\n%+v", i, got.drift[i], want.drift[i])
		}
	}
	for i := range got.quarantine {
		got.quarantine[i].ImportID = ""
	}
	if !reflect.DeepEqual(got.quarantine, want.quarantine) {
		return fmt.Errorf("the quarantine holds %d lines, %d are due, or others", len(got.quarantine), len(want.quarantine))
	}
	return nil
}

// guess is one way in which the facts whose outcome is open may have come out.
type guess struct {
	has  []bool // by fact
	held []*sent
}

// guesses returns all ways that are allowed: what was acknowledged is held, what was refused is not, and of what one process
// sent without an outcome the first ones are. A request that was sent again counts where it came to something. The first
// guess has everything.
func guesses(known facts) []guess {
	open := make(map[int][]int) // by process: facts without an outcome, in order
	fixed := make([]bool, len(known))
	for i, f := range known {
		again := slices.ContainsFunc(known[i+1:], func(later crashtest.Fact[*sent]) bool {
			return later.Value.name == f.Value.name && later.Outcome != crashtest.Refused
		})
		switch {
		case f.Outcome == crashtest.Acknowledged:
			fixed[i] = true
		case f.Outcome == crashtest.Unknown && !again:
			open[f.Value.name.process] = append(open[f.Value.name.process], i)
		}
	}
	ways := [][]bool{fixed}
	for _, process := range slices.Sorted(maps.Keys(open)) {
		var more [][]bool
		for _, has := range ways {
			for n := len(open[process]); n >= 0; n-- {
				next := slices.Clone(has)
				for _, i := range open[process][:n] {
					next[i] = true
				}
				more = append(more, next)
			}
		}
		ways = more
	}
	all := make([]guess, len(ways))
	for w, has := range ways {
		all[w].has = has
		for i, f := range known {
			if has[i] {
				all[w].held = append(all[w].held, f.Value)
			}
		}
	}
	return all
}

// compare holds the store against the facts: content, answers, idempotency window. The content tells which facts without an
// outcome the store holds. Everything else must follow.
func (s *session) compare(known facts) (*guess, error) {
	found, err := contentOf(s.db)
	if err != nil {
		return nil, err
	}
	got, err := ask(s.db)
	if err != nil {
		return nil, err
	}
	all := guesses(known)
	for _, g := range all {
		st := s.w.states.of(g.held)
		if !found.equal(&st.content) {
			continue
		}
		if err := st.verify(got); err != nil {
			return nil, crashtest.Violationf("with %v: %w", g.has, err)
		}
		return &g, s.retryAll(g.held)
	}
	return nil, crashtest.Violationf("the store is in none of %d states allowed; the first would differ by\n%s",
		len(all), found.difference(&s.w.states.of(all[0].held).content))
}

// retryAll sends all requests with a key again that are there: each must be known, and known with its body.
func (s *session) retryAll(held []*sent) error {
	for _, b := range held {
		if b.key == "" {
			continue
		}
		done, err := b.request(s.db)
		if err != nil {
			return crashtest.Violationf("retry of request %s: %w", b.name, err)
		}
		if !done.Duplicate || done.Successful != b.successful() || done.Quarantined != len(b.rejects) || b.lsn != 0 && done.LSN != b.lsn {
			return crashtest.Violationf("retry of request %s, LSN %d, is answered with %+v", b.name, b.lsn, done)
		}
		other := *b
		other.name.number++ // another hash
		if _, err := other.request(s.db); !errors.Is(err, engine.ErrConflict) {
			return crashtest.Violationf("request %s under the key of another: %w", b.name, err)
		}
	}
	return nil
}
