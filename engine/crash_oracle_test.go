package engine_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/crashtest"
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
		{Environment: "*", AsOf: testNow.Add(-100 * time.Hour), Window: 60 * time.Hour},
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

// expected is the answers to expect of a store that holds certain batches, worked out once for each set of them.
type expected struct {
	mu    sync.Mutex
	bySet map[string]*answers
}

// answersOf works out the answers row by row.
func answersOf(h *holding) *answers {
	var o oracle
	a := new(answers)
	for _, b := range h.batches {
		for _, e := range b.rows {
			if !h.dropped[b.name] || !isOld(e) {
				o.add(e)
			}
		}
		for _, r := range b.rejects {
			a.quarantine = append(a.quarantine, engine.QuarantineRow{
				Source: engine.SourcePredictions, Column: r.Column, Reason: r.Reason, Code: r.Code, LineNumber: r.Line, Line: r.Raw,
				InsertedAt: testNow,
			})
		}
	}
	slices.Reverse(a.quarantine)
	a.metrics = append(a.metrics, metricsRows(o.metrics(everything, testNow)))
	for _, model := range crashModels {
		for _, q := range crashMetrics {
			q.Model = model
			a.metrics = append(a.metrics, metricsRows(o.metrics(q, testNow)))
		}
		for _, q := range crashDrift {
			q.Model = model
			a.drift = append(a.drift, driftRows(o.drift(q, testNow), q))
		}
	}
	return a
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

// verify compares the answers of a store with what they must be if it holds these batches.
func (x *expected) verify(got *answers, h *holding) error {
	set := h.set()
	x.mu.Lock()
	want := x.bySet[set]
	if want == nil {
		if x.bySet == nil {
			x.bySet = make(map[string]*answers)
		}
		want = answersOf(h)
		x.bySet[set] = want
	}
	x.mu.Unlock()
	for i := range want.metrics {
		if !slices.Equal(got.metrics[i], want.metrics[i]) {
			return fmt.Errorf("with %s, metrics query %d answers\n%+v, want\n%+v", set, i, got.metrics[i], want.metrics[i])
		}
	}
	for i := range want.drift {
		if !slices.Equal(got.drift[i], want.drift[i]) {
			return fmt.Errorf("with %s, drift query %d answers\n%+v, want\n%+v", set, i, got.drift[i], want.drift[i])
		}
	}
	for i := range got.quarantine {
		got.quarantine[i].ImportID = ""
	}
	if !reflect.DeepEqual(got.quarantine, want.quarantine) {
		return fmt.Errorf("with %s, the quarantine holds %d lines, %d are due, or others", set, len(got.quarantine), len(want.quarantine))
	}
	return nil
}

// holding is what a store turned out to hold of the facts.
type holding struct {
	has     []bool // by fact
	batches []*sent
	dropped map[batchName]bool // without their old rows
}

// set names what is held.
func (h *holding) set() string {
	var names []byte
	for _, b := range h.batches {
		names = fmt.Appendf(names, " %s", b.name)
		if h.dropped[b.name] {
			names = append(names, '-')
		}
	}
	return string(names)
}

// hold finds out which facts the store holds and judges that: what was acknowledged must be there, what was refused must
// not, each batch whole or not at all and with all of its columns, nothing twice and nothing else. Of one
// process, the batches without an outcome that are there come before those that are not.
func hold(db *engine.DB, known facts) (*holding, error) {
	rows, err := rowsOf(db)
	if err != nil {
		return nil, err
	}
	h := &holding{has: make([]bool, len(known)), dropped: make(map[batchName]bool)}
	h.drops(known, rows)
	outcomes := outcomesOf(known)
	there := make(map[batchName]bool, len(known))
	missing := make(map[int]batchName) // by process: the first batch without an outcome that is not there
	for i, f := range known {
		b := f.Value
		if len(b.rows) == 0 {
			continue
		}
		if _, again := there[b.name]; !again {
			if there[b.name], err = b.take(rows, h.dropped[b.name]); err != nil {
				return nil, err
			}
			if there[b.name] {
				h.batches = append(h.batches, b)
			}
			if err := judge(b, there[b.name], outcomes[b.name], missing); err != nil {
				return nil, err
			}
		}
		h.has[i] = there[b.name]
	}
	for id, e := range rows {
		return nil, crashtest.Violationf("row %s was never sent: %+v", id, e)
	}
	return h, nil
}

func rowsOf(db *engine.DB) (map[string]event.Event, error) {
	rows := make(map[string]event.Event)
	err := db.EachRow(func(e event.Event) {
		if _, twice := rows[e.PredictionID]; twice {
			e.Features = "twice"
		}
		rows[e.PredictionID] = e
	})
	return rows, err
}

func hasOld(rows map[string]event.Event) bool {
	for _, e := range rows {
		if isOld(e) {
			return true
		}
	}
	return false
}

// drops finds out whether old months were dropped, where that is open.
func (h *holding) drops(known facts, rows map[string]event.Event) {
	old := hasOld(rows)
	for i, f := range known {
		if len(f.Value.rows) > 0 {
			continue
		}
		h.has[i] = f.Outcome == crashtest.Acknowledged || f.Outcome == crashtest.Unknown && !old
		for _, b := range f.Value.expired {
			h.dropped[b.name] = h.dropped[b.name] || h.has[i]
		}
	}
}

// judge holds what became of a batch against what is known of it.
func judge(b *sent, there bool, outcome crashtest.Outcome, missing map[int]batchName) error {
	before, gap := missing[b.name.process]
	switch {
	case there && outcome == crashtest.Refused:
		return crashtest.Violationf("batch %s was refused and is there", b.name)
	case !there && outcome == crashtest.Acknowledged:
		return crashtest.Violationf("batch %s was acknowledged and is gone", b.name)
	case there && gap && outcome == crashtest.Unknown:
		return crashtest.Violationf("batch %s is there and batch %s before it is not", b.name, before)
	case !there && outcome == crashtest.Unknown && !gap:
		missing[b.name.process] = b.name
	}
	return nil
}

// outcomesOf returns what is known of each batch, which may have been sent again.
func outcomesOf(known facts) map[batchName]crashtest.Outcome {
	outcomes := make(map[batchName]crashtest.Outcome, len(known))
	for _, f := range known {
		before, again := outcomes[f.Value.name]
		switch {
		case !again || f.Outcome == crashtest.Acknowledged, before == crashtest.Refused:
			outcomes[f.Value.name] = f.Outcome
		}
	}
	return outcomes
}

// take removes the batch's rows from those found. They must all be there or none, but for those dropped.
func (b *sent) take(rows map[string]event.Event, withoutOld bool) (there bool, err error) {
	found, want := 0, 0
	for _, e := range b.rows {
		got, ok := rows[e.PredictionID]
		dropped := withoutOld && isOld(e)
		if !dropped {
			want++
		}
		if !ok {
			continue
		}
		found++
		if got != e || dropped {
			return false, crashtest.Violationf("batch %s: row %+v is stored as %+v, dropped: %v", b.name, e, got, dropped)
		}
		delete(rows, e.PredictionID)
	}
	if found != 0 && found != want {
		return false, crashtest.Violationf("batch %s: %d of its %d rows are there", b.name, found, want)
	}
	return found > 0, nil
}

// compare holds the store against the facts: rows, answers, and the idempotency window.
func (s *session) compare(known facts) (*holding, error) {
	h, err := hold(s.db, known)
	if err != nil {
		return nil, err
	}
	got, err := ask(s.db)
	if err != nil {
		return nil, err
	}
	if err := s.w.expected.verify(got, h); err != nil {
		return nil, crashtest.Violationf("%w", err)
	}
	for i, f := range known {
		if f.Value.key == "" || !h.has[i] {
			continue
		}
		if err := s.retry(f.Value); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// retry sends a batch again that is there: it must be known, and known with its body.
func (s *session) retry(b *sent) error {
	done, err := s.request(b)
	if err != nil {
		return crashtest.Violationf("retry of batch %s: %w", b.name, err)
	}
	if !done.Duplicate || done.Successful != len(b.rows) || done.Quarantined != len(b.rejects) || b.lsn != 0 && done.LSN != b.lsn {
		return crashtest.Violationf("retry of batch %s, LSN %d, is answered with %+v", b.name, b.lsn, done)
	}
	other := *b
	other.name.number++ // another hash
	if _, err := s.request(&other); !errors.Is(err, engine.ErrConflict) {
		return crashtest.Violationf("batch %s under the key of another: %w", b.name, err)
	}
	return nil
}
