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

// Queries whose answers are compared: every series, and windows that begin and end inside, at the edges of and outside of
// what the batches cover.
var (
	crashMetrics = []engine.MetricsQuery{
		everything,
		{Model: "*"},
		{Model: "model_0", Window: 50 * time.Hour},
		{Model: "model_1", Version: "v0", Environment: "staging", Window: 1000 * time.Hour},
		{Model: "*", Version: "*", Environment: "*", From: testNow.Add(-150 * time.Hour), To: testNow.Add(-30 * time.Hour)},
		{Model: "*", Version: "*", From: oldMonth, To: oldMonth.AddDate(0, 1, 0)},
		{Model: "model_2", Version: "*", AsOf: testNow.Add(-100 * time.Hour), Window: 60 * time.Hour},
		{Model: "*", Environment: "*", From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
	}
	crashDrift = []engine.DriftQuery{
		{Model: "*", Environment: "*", Recent: 40 * time.Hour},
		{Model: "model_0", AsOf: testNow.Add(-20 * time.Hour)},
	}
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
	for _, q := range crashMetrics {
		r, err := db.Metrics(ctx, q)
		if err != nil {
			return nil, err
		}
		a.metrics = append(a.metrics, r.Rows)
	}
	for _, q := range crashDrift {
		r, err := db.Drift(ctx, q)
		if err != nil {
			return nil, err
		}
		a.drift = append(a.drift, r.Rows)
	}
	r, err := db.Quarantine(ctx, engine.QuarantineQuery{Limit: 1000})
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
			if !h.dropped[b] || !isOld(e) {
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
	for _, q := range crashMetrics {
		a.metrics = append(a.metrics, metricsRows(o.metrics(q, testNow)))
	}
	for _, q := range crashDrift {
		a.drift = append(a.drift, driftRows(o.drift(q, testNow), q))
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
	for i, q := range crashMetrics {
		if !slices.Equal(got.metrics[i], want.metrics[i]) {
			return fmt.Errorf("with %s, %+v answers\n%+v, want\n%+v", set, q, got.metrics[i], want.metrics[i])
		}
	}
	for i, q := range crashDrift {
		if !slices.Equal(got.drift[i], want.drift[i]) {
			return fmt.Errorf("with %s, %+v answers\n%+v, want\n%+v", set, q, got.drift[i], want.drift[i])
		}
	}
	for i := range got.quarantine {
		got.quarantine[i].ImportID = ""
	}
	if !reflect.DeepEqual(got.quarantine, want.quarantine) {
		return fmt.Errorf("quarantine holds %+v, want %+v", got.quarantine, want.quarantine)
	}
	return nil
}

// holding is what a store turned out to hold of the facts.
type holding struct {
	has     []bool // by fact
	batches []*sent
	dropped map[*sent]bool // without their old rows
}

// set names what is held.
func (h *holding) set() string {
	var names []byte
	for _, b := range h.batches {
		names = fmt.Appendf(names, " %d:%d", b.process, b.number)
		if h.dropped[b] {
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
	h := &holding{has: make([]bool, len(known)), dropped: make(map[*sent]bool)}
	h.drops(known, rows)
	outcomes := outcomesOf(known)
	there := make(map[*sent]bool, len(known))
	missing := make(map[int]int) // by process: the first batch without an outcome that is not there
	for i, f := range known {
		b := f.Value
		if len(b.rows) == 0 {
			continue
		}
		if _, again := there[b]; !again {
			if there[b], err = b.take(rows, h.dropped[b]); err != nil {
				return nil, err
			}
			if there[b] {
				h.batches = append(h.batches, b)
			}
			if err := judge(b, there[b], outcomes[b], missing); err != nil {
				return nil, err
			}
		}
		h.has[i] = there[b]
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
			h.dropped[b] = h.dropped[b] || h.has[i]
		}
	}
}

// judge holds what became of a batch against what is known of it.
func judge(b *sent, there bool, outcome crashtest.Outcome, missing map[int]int) error {
	before, gap := missing[b.process]
	switch {
	case there && outcome == crashtest.Refused:
		return crashtest.Violationf("batch %d was refused and is there", b.number)
	case !there && outcome == crashtest.Acknowledged:
		return crashtest.Violationf("batch %d was acknowledged and is gone", b.number)
	case there && gap && outcome == crashtest.Unknown:
		return crashtest.Violationf("batch %d is there and batch %d before it is not", b.number, before)
	case !there && outcome == crashtest.Unknown && !gap:
		missing[b.process] = b.number
	}
	return nil
}

// outcomesOf returns what is known of each batch, which may have been sent again.
func outcomesOf(known facts) map[*sent]crashtest.Outcome {
	outcomes := make(map[*sent]crashtest.Outcome, len(known))
	for _, f := range known {
		before, again := outcomes[f.Value]
		switch {
		case !again || f.Outcome == crashtest.Acknowledged, before == crashtest.Refused:
			outcomes[f.Value] = f.Outcome
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
			return false, crashtest.Violationf("batch %d: row %+v is stored as %+v, dropped: %v", b.number, e, got, dropped)
		}
		delete(rows, e.PredictionID)
	}
	if found != 0 && found != want {
		return false, crashtest.Violationf("batch %d: %d of its %d rows are there", b.number, found, want)
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
		return crashtest.Violationf("retry of batch %d: %w", b.number, err)
	}
	if !done.Duplicate || done.Successful != len(b.rows) || done.Quarantined != len(b.rejects) || b.lsn != 0 && done.LSN != b.lsn {
		return crashtest.Violationf("retry of batch %d, LSN %d, is answered with %+v", b.number, b.lsn, done)
	}
	other := *b
	other.number++ // another hash
	if _, err := s.request(&other); !errors.Is(err, engine.ErrConflict) {
		return crashtest.Violationf("batch %d under the key of another: %w", b.number, err)
	}
	return nil
}
