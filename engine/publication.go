package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/record"
)

// sliceMax is how long a record is published before others get their turn.
const sliceMax = 5 * time.Millisecond

// publication is a record on its way into memory. One that takes longer than sliceMax goes on in slices, between which
// records of other models are published, so that nobody waits for a request of somebody else. A record that has a
// model in common with one that is under way waits for it: of each model, memory is what a replay of the log would
// make it.
type publication struct {
	lsn    uint64
	record *record.Record
	// ordered is the batch of the record by series; nil for a record of another kind.
	ordered *head.Batch

	// group and row say how far it is: the series and the row of a batch, the model and the row of actuals, or the id of
	// a deletion.
	group, row int
	// starts and order are the rows of actuals by model, see [GroupRows].
	starts, order []uint32

	// replaced counts the rows that were stored already, added those that were not; bytes is the memory that the
	// publication takes until a checkpoint.
	replaced, added int
	bytes           int64

	// done is closed when a publication that was put off is over, with err. Nil for one that is over at once.
	done chan struct{}
	err  error
}

// deferred are publications that are not over, in the order of the log.
type deferred struct {
	queue []*publication
	// models counts the publications of each model.
	models map[string]int
	worker sync.WaitGroup
}

// sort puts the rows of the record in the order of their series, in the memory of o.
func (x *publication) sort(o *head.Batch) {
	if b := x.record.Batch; b != nil {
		o.Fill(b, x.record.Keep)
		x.ordered = o
	}
}

// publish publishes a record, or begins to and leaves the rest to the worker: then [publication.wait] returns what becomes
// of it.
func (p *publisher) publish(lsn uint64, x *publication) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.db.failure(); err != nil {
		return err
	}
	x.lsn = lsn
	p.begin(x)
	if !p.isHeld(x.record) {
		over, err := p.advance(x, p.until())
		if err != nil || over {
			return p.end(x, err)
		}
	}
	x.done = make(chan struct{})
	p.putOff(x)
	return nil
}

// until is when the slice that begins now ends. Recovery publishes each record to its end.
func (p *publisher) until() time.Time {
	if p.db.log == nil {
		return time.Time{}
	}
	return time.Now().Add(p.sliceMax)
}

// wait waits until a publication that was put off is over.
func (x *publication) wait() error {
	if x.done == nil {
		return nil
	}
	<-x.done
	return x.err
}

// isHeld tells whether a publication that is not over has a model in common with a record.
func (p *publisher) isHeld(r *record.Record) bool {
	if len(p.deferred.queue) == 0 {
		return false
	}
	held := false
	r.EachModel(func(model string) { held = held || p.deferred.models[model] > 0 })
	return held
}

// putOff leaves a publication to the worker, which is started if there is none.
func (p *publisher) putOff(x *publication) {
	d := &p.deferred
	if d.models == nil {
		d.models = make(map[string]int)
	}
	x.record.EachModel(func(model string) { d.models[model]++ })
	if d.queue = append(d.queue, x); len(d.queue) == 1 {
		d.worker.Go(p.work)
	}
}

// work ends the publications that were put off, one after the other, slice by slice, until there are none.
func (p *publisher) work() {
	for {
		p.mu.Lock()
		if len(p.deferred.queue) == 0 {
			p.mu.Unlock()
			return
		}
		p.workOn(time.Now().Add(p.sliceMax))
		p.mu.Unlock()
	}
}

// workOn works on the first publication that was put off.
func (p *publisher) workOn(until time.Time) {
	d := &p.deferred
	x := d.queue[0]
	err := p.db.failure()
	over := err != nil
	if !over {
		over, err = p.advance(x, until)
	}
	if err == nil && !over {
		return
	}
	x.err = p.end(x, err)
	x.record.EachModel(func(model string) {
		if d.models[model]--; d.models[model] == 0 {
			delete(d.models, model)
		}
	})
	d.queue[0] = nil // nothing keeps the request
	if d.queue = d.queue[1:]; len(d.queue) == 0 {
		d.queue = nil
	}
	close(x.done)
}

// finishAll ends all publications that were put off.
func (p *publisher) finishAll() {
	for len(p.deferred.queue) > 0 {
		p.workOn(time.Time{})
	}
}

// settle waits until the publications that are under way now are over, so that a cut need not wait for them with
// everybody.
func (p *publisher) settle(ctx context.Context) {
	p.mu.Lock()
	under := append([]*publication(nil), p.deferred.queue...)
	p.mu.Unlock()
	for _, x := range under {
		select {
		case <-x.done:
		case <-ctx.Done():
			return
		}
	}
}

// begin readies a publication.
func (p *publisher) begin(x *publication) {
	switch r := x.record; r.Kind() {
	case record.KindPredictions:
		x.row, x.replaced = -1, x.ordered.Folded
		x.ordered.Texts.Batch = x.ordered.Shared()
		if x.ordered.Texts.Batch {
			x.ordered.Texts.Holders.Store(1)
		}
	case record.KindActuals:
		x.starts, x.order = head.GroupRows(r.Actuals.ModelOf, len(r.Actuals.Models), nil, nil)
	}
}

// advance publishes until a time, which is zero for no bound, and tells whether the publication is over.
func (p *publisher) advance(x *publication, until time.Time) (over bool, err error) {
	begin := time.Now()
	defer func() { p.db.counters.applyNanos.Add(uint64(time.Since(begin))) }()
	p.slice = slice{until: until}
	switch x.record.Kind() {
	case record.KindPredictions:
		return p.publishBatch(x)
	case record.KindActuals:
		return p.publishActuals(x)
	default:
		return p.publishDeletion(x)
	}
}

// end counts what was published. If err is set it fails the store instead: what the record would have become is left to
// the next start, see [DB.fail].
func (p *publisher) end(x *publication, err error) error {
	db, r := p.db, x.record
	if r.Kind() == record.KindPredictions {
		p.endBatch(x)
	}
	if err != nil {
		db.fail(fmt.Errorf("publish record %d: %w", x.lsn, err))
		return err
	}
	p.forgetActuals(r.Moment())
	source, rejects, counts := r.Rejected()
	db.quarantine.add(x.lsn, r.At, source, rejects, counts.Total())
	db.counters.replaced.Add(uint64(x.replaced))
	db.counters.batches.Add(1)
	for i := range rejects {
		db.counters.rejected.Add(int64(len(rejects[i].Raw)))
	}
	for code, n := range counts {
		db.counters.quarantined[code].Add(uint64(n))
	}
	if r.Keyed {
		db.counters.unsealed.Add(idempotency.KeyBytes)
		db.keys.Add(idempotency.Entry{
			Key: r.Key, Hash: r.Hash, LSN: x.lsn, At: r.Moment().Latest(),
			Successful: uint32(r.Rows()), Quarantined: uint32(counts.Total()), Replaced: uint32(x.replaced),
		}, r.Moment().Past())
	}
	db.behind.Add(int64(r.Rows() + len(rejects)))
	db.announceGrown()
	return nil
}

// slice is the time that a publication may take before others get their turn.
type slice struct {
	until time.Time
	// work is what was done since the clock was looked at last, in rows that are new.
	work int
}

// sliceWork is how much work is done between two looks at the clock: some 50 us.
const sliceWork = 512

// spent notes work and tells whether the slice is over.
func (s *slice) spent(work int) bool {
	if s.work += work; s.work < sliceWork || s.until.IsZero() {
		return false
	}
	s.work = 0
	return !time.Now().Before(s.until)
}
