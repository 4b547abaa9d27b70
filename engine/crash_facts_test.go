package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/crashtest"
)

// sent is a fact of the crash tests: a request that was sent, with rows and rejects, actuals, or a deletion; or, with
// expired set, that the old rows of earlier requests were to be dropped.
type sent struct {
	name batchName
	key  string // of AppendOnce, empty for Append
	rows []event.Event
	rejects
	actuals  []givenActual
	deletion *engine.Deletion
	expired  []*sent
	// origin is that of predictions which a source outside has.
	origin engine.Origin

	// lsn is set when the request is acknowledged, before the step tells.
	lsn uint64
}

// batchName is the number of a request and the process that sent it first.
type batchName struct{ process, number int }

func (n batchName) String() string { return fmt.Sprintf("%d:%d", n.process, n.number) }

// rejects are the lines of a batch that the decoder turned down.
type rejects []event.Reject

// shape is what sets the batches of one workload apart from those of another.
type shape struct {
	// featuresBytes is the size of the features of each row.
	featuresBytes int
	// old is how many batches, the first ones, have a row of a month that retention drops.
	old int
}

// oldMonth is long past; everything else in the crash tests is of the two months around testNow.
var oldMonth = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

// newSent returns request number n of a process, with predictions. Every third goes without a key, every fourth has rejects.
func newSent(n, process int, s shape) *sent {
	r := rand.New(rand.NewPCG(uint64(n), uint64(process)))
	b := &sent{name: batchName{process, n}}
	if n%3 != 1 {
		b.key = fmt.Sprintf("key-%d-%d", process, n)
	}
	for i := range 2 + r.IntN(4) {
		e := newRow(r, fmt.Sprintf("p-%d-%d-%d", process, n, i), s)
		b.rows = append(b.rows, e)
		if (n+i)%4 == 0 { // the same request, answered by another version in another environment
			e.ModelVersion, e.Environment, e.PredictedValue = "shadow", "canary", e.PredictedValue+1
			b.rows = append(b.rows, e)
		}
	}
	if n < s.old {
		old := newRow(r, fmt.Sprintf("p-%d-%d-old", process, n), s)
		old.Timestamp = oldMonth.Add(time.Duration(n) * time.Hour)
		b.rows = append(b.rows, old)
	}
	if n%4 == 2 {
		for i := range 2 {
			b.rejects = append(b.rejects, event.Reject{
				Line: i + 1, Column: "timestamp", Code: event.CodeTimestamp, Reason: "no time at all",
				Raw: fmt.Appendf(nil, `{"batch":%d,"line":%d}`, n, i),
			})
		}
	}
	return b
}

func newRow(r *rand.Rand, id string, s shape) event.Event {
	e := event.Event{
		Timestamp:      testNow.Add(-time.Duration(r.Int64N(int64(200 * time.Hour)))).Truncate(time.Millisecond),
		ModelID:        fmt.Sprintf("model_%d", r.IntN(3)),
		ModelVersion:   fmt.Sprintf("v%d", r.IntN(2)),
		Environment:    []string{"production", "staging"}[r.IntN(4)/3],
		PredictionID:   id,
		Features:       `{"f":"` + strings.Repeat("x", s.featuresBytes/2) + noise(r, s.featuresBytes/2) + `"}`,
		PredictedValue: r.NormFloat64() * 100,
		HasActual:      r.IntN(3) > 0,
	}
	if e.HasActual {
		e.ActualValue = r.NormFloat64() * 100
	}
	return e
}

// noise is text that does not compress.
func noise(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'A' + byte(r.IntN(26))
	}
	return string(b)
}

// resent is the batch as it is sent again.
func (b *sent) resent() *sent {
	again := *b
	again.lsn = 0
	return &again
}

// isOld tells whether retention drops the row.
func isOld(e event.Event) bool { return e.Timestamp.Before(oldMonth.AddDate(0, 1, 0)) }

// newActuals returns request number n, with actuals for some of the predictions sent before, waiting ones first, and for
// one of the request after it.
func newActuals(n, process int, s shape, earlier []event.Event) *sent {
	r := rand.New(rand.NewPCG(uint64(n), uint64(process)))
	b := &sent{name: batchName{process, n}}
	if n%3 != 1 {
		b.key = fmt.Sprintf("key-%d-%d", process, n)
	}
	give := func(e event.Event) {
		a := givenActual{predictionName: predictionName{e.ModelID, e.PredictionID}, value: r.NormFloat64() * 100}
		if r.IntN(3) == 0 {
			a.version = e.ModelVersion
		}
		if r.IntN(5) == 0 {
			a.value, a.withdrawn = 0, true
		}
		b.actuals = append(b.actuals, a)
	}
	for _, e := range earlier {
		if !e.HasActual || r.IntN(4) == 0 {
			give(e)
		}
	}
	give(newSent(n+1, process, s).rows[0])
	return b
}

// newReplay returns request number n, which sends predictions of earlier requests again, without a key: some as they were,
// some without their actual, some with other values.
func newReplay(n, process int, earlier []event.Event) *sent {
	r := rand.New(rand.NewPCG(uint64(n), uint64(process)))
	b := &sent{name: batchName{process, n}}
	for _, e := range earlier {
		switch r.IntN(4) {
		case 0:
			continue
		case 1:
			e.HasActual, e.ActualValue = false, 0
		case 2:
			e.PredictedValue, e.Features = e.PredictedValue*2, `{"again":1}`
		}
		b.rows = append(b.rows, e)
	}
	return b
}

// newDeletion returns request number n, which deletes one of the predictions sent before, or what conditions on it leave: each
// number has other ones.
func newDeletion(n, process int, earlier []event.Event) *sent {
	e := earlier[n%len(earlier)]
	d := &engine.Deletion{Models: []string{e.ModelID}}
	switch n % 6 {
	case 0, 1:
		d.IDs = []string{e.PredictionID}
	case 2:
		d.Models, d.From, d.To = nil, e.Timestamp.Add(-20*time.Hour), e.Timestamp.Add(30*time.Hour)
	case 3:
		d.From = e.Timestamp
	case 4:
		d.Versions, d.Environments = []string{e.ModelVersion}, []string{e.Environment, "canary"}
	}
	return &sent{name: batchName{process, n}, deletion: d}
}

// newRead returns request number n, with predictions that a source outside has: each number sets the position of one of its parts, now
// and then it forgets one, and every fifth has positions alone.
func newRead(n, process int, s shape) *sent {
	b := newSent(n, process, s)
	b.key = ""
	b.origin = engine.Origin{Source: "topics", Positions: []engine.Position{{Part: fmt.Sprint("part ", n%2), Value: b.name.String()}}}
	if n%3 == 0 {
		b.origin.Positions = append(b.origin.Positions, engine.Position{Source: "objects", Part: fmt.Sprint("object ", n), Value: "1"},
			engine.Position{Source: "objects", Part: fmt.Sprint("object ", n-3)})
	}
	for i := range b.rejects {
		b.rejects[i].Place = fmt.Sprintf("offset %d", i)
	}
	if n%5 == 4 {
		b.rows, b.rejects = nil, nil
	}
	return b
}

// hash stands for the hash of the decoded body.
func (b *sent) hash() [16]byte {
	return [16]byte{byte(b.name.number), byte(b.name.number >> 8), byte(b.name.process), 1}
}

// request sends it.
func (b *sent) request(db *engine.DB) (engine.Appended, error) {
	ctx := context.Background()
	key := engine.Key{ID: b.key, Hash: b.hash()}
	switch {
	case b.deletion != nil:
		_, err := db.DeleteRows(ctx, *b.deletion)
		return engine.Appended{}, err
	case len(b.actuals) > 0 && b.key == "":
		return db.AppendActuals(ctx, b.actualsBatch())
	case len(b.actuals) > 0:
		return db.AppendActualsOnce(ctx, b.actualsBatch(), key)
	}
	batch, err := b.batch()
	if err != nil {
		return engine.Appended{}, crashtest.Violationf("request %s: %w", b.name, err)
	}
	if b.key == "" {
		return db.AppendFrom(ctx, batch, b.origin)
	}
	return db.AppendOnce(ctx, batch, key)
}

// batch returns what the decoder made of the request, at a time when nothing in it was too old.
func (b *sent) batch() (*event.Batch, error) {
	var batch event.Batch
	for _, e := range b.rows {
		if err := batch.Add(e, event.Rules{}); err != nil {
			return nil, err
		}
	}
	for _, r := range b.rejects {
		batch.Rejects = append(batch.Rejects, r)
		batch.Rejected[r.Code]++
	}
	return &batch, nil
}

func (b *sent) actualsBatch() *event.Actuals {
	var a event.Actuals
	for _, x := range b.actuals {
		if err := a.Add(x.event(), event.Rules{}); err != nil {
			panic(err)
		}
	}
	return &a
}

func (a *givenActual) event() event.Actual {
	return event.Actual{
		ModelID: a.model, PredictionID: a.id, Value: a.value, Withdrawn: a.withdrawn, Observed: a.observed,
		ModelVersion: a.version, Environment: a.environment,
	}
}

// successful is how many rows or actuals the answer must count.
func (b *sent) successful() int { return len(b.rows) + len(b.actuals) }

// ledger keeps facts where no harness does.
type ledger struct{ facts facts }

func (l *ledger) begin(b *sent) step {
	l.facts = append(l.facts, crashtest.Fact[*sent]{Value: b})
	return &ledgerStep{l, len(l.facts) - 1}
}

type ledgerStep struct {
	ledger *ledger
	i      int
}

func (s *ledgerStep) Acknowledge() { s.ledger.facts[s.i].Outcome = crashtest.Acknowledged }
func (s *ledgerStep) Refuse()      { s.ledger.facts[s.i].Outcome = crashtest.Refused }
