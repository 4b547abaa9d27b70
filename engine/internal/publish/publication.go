package publish

import (
	"context"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/record"
)

// Publication is a record on its way into memory. Between [Publisher.Publish] and the end of [Publication.Wait] the
// publisher owns it, with the batch and the memory of its order.
type Publication struct {
	lsn    uint64
	record *record.Record
	// ordered is the batch of the record by series; nil for a record of another kind.
	ordered *head.Batch

	// deletion is how far a deletion is; nil for a record of another kind.
	deletion *deletion

	// group and row say how far it is: the series and the row of a batch, the model and the row of actuals; row alone what deletion
	// says.
	group, row int
	// starts and order are the rows of actuals by model, see [head.GroupRows].
	starts, order []uint32

	// replaced counts the rows that were stored already; bytes is the memory that the publication takes until a checkpoint.
	replaced int
	bytes    int64

	// done is closed when a deferred publication is over, with err. Nil for one that is not deferred.
	done chan struct{}
	err  error
}

// NewPublication returns the publication of a record. The rows of a batch are put in the order of their series in the memory
// of ordered: that is the part of the work that the publisher's goroutine is spared.
func NewPublication(r *record.Record, ordered *head.Batch) *Publication {
	x := &Publication{record: r}
	if r.Batch != nil {
		ordered.Fill(r.Batch, r.Keep)
		x.ordered = ordered
	}
	return x
}

// Wait waits until a deferred publication is over.
func (x *Publication) Wait() error {
	if x.done == nil {
		return nil
	}
	<-x.done
	return x.err
}

// Replaced counts the rows that were stored already, once the publication is over.
func (x *Publication) Replaced() int { return x.replaced }

// Deleted counts what a deletion has deleted, once the publication is over: rows, actuals that were remembered, rejected lines.
func (x *Publication) Deleted() (rows, actuals, rejects int) {
	d := x.deletion
	return d.rows, d.actuals, d.rejects
}

// eachModel calls f for the models whose other records have to wait for it; all tells that all have to.
func (x *Publication) eachModel(f func(model string)) (all bool) {
	if x.deletion != nil && x.deletion.targets != nil {
		for _, m := range x.deletion.targets {
			f(m.Name)
		}
		return false
	}
	x.record.EachModel(f)
	return x.record.OfAllModels()
}

// deferred are the publications that took longer than a time slice, or have to wait for one of them, in the order of the
// log. The publisher's lock guards it; the worker, which runs while there are any, takes that for each slice.
type deferred struct {
	queue []*Publication
	// models counts the publications of each model, sources those that set positions of a source, all those that every record has
	// to wait for.
	models, sources map[string]int
	all             int
	worker          sync.WaitGroup
}

// hold tells whether a record has to wait for a publication of one of its models, or of one of the sources of its positions.
func (d *deferred) hold(r *record.Record) bool {
	if len(d.queue) == 0 {
		return false
	}
	held := d.all > 0 || r.OfAllModels()
	r.EachModel(func(model string) { held = held || d.models[model] > 0 })
	r.EachSource(func(source string) { held = held || d.sources[source] > 0 })
	return held
}

// add defers a publication.
func (d *deferred) add(x *Publication) {
	x.done = make(chan struct{})
	d.count(x, 1)
	d.queue = append(d.queue, x)
}

// count counts a publication, or takes it off by -1.
func (d *deferred) count(x *Publication, by int) {
	if x.eachModel(func(model string) { countName(&d.models, model, by) }) {
		d.all += by
	}
	x.record.EachSource(func(source string) { countName(&d.sources, source, by) })
}

func countName(counts *map[string]int, name string, by int) {
	if *counts == nil {
		*counts = make(map[string]int)
	}
	if (*counts)[name] += by; (*counts)[name] == 0 {
		delete(*counts, name)
	}
}

// remove removes the first publication, which is over.
func (d *deferred) remove() {
	x := d.queue[0]
	d.count(x, -1)
	d.queue[0] = nil // nothing keeps the request
	if d.queue = d.queue[1:]; len(d.queue) == 0 {
		d.queue = nil
	}
	close(x.done)
}

// putOff defers a publication and starts the worker if there is none.
func (p *Publisher) putOff(x *Publication) {
	if p.deferred.add(x); len(p.deferred.queue) == 1 {
		p.deferred.worker.Go(p.work)
	}
}

// work publishes what is deferred, slice by slice, until there is nothing left.
func (p *Publisher) work() {
	for {
		p.mu.Lock()
		if len(p.deferred.queue) == 0 {
			p.mu.Unlock()
			return
		}
		p.advanceDeferred(p.sliceEnd())
		p.mu.Unlock()
	}
}

// advanceDeferred goes on with the first deferred publication.
func (p *Publisher) advanceDeferred(until time.Time) {
	x := p.deferred.queue[0]
	err := p.env.Failure()
	over := err != nil
	if !over {
		over, err = p.advance(x, until)
	}
	if err == nil && !over {
		return
	}
	x.err = p.end(x, err)
	p.deferred.remove()
}

// endDeferred publishes all that is deferred to its end.
func (p *Publisher) endDeferred() {
	for len(p.deferred.queue) > 0 {
		p.advanceDeferred(time.Time{})
	}
}

// WaitUnderWay waits until the publications that are deferred now are over, or ctx ends: ending the epoch meanwhile would keep
// everybody else waiting.
func (p *Publisher) WaitUnderWay(ctx context.Context) {
	p.mu.Lock()
	under := append([]*Publication(nil), p.deferred.queue...)
	p.mu.Unlock()
	for _, x := range under {
		select {
		case <-x.done:
		case <-ctx.Done():
			return
		}
	}
}

// Between calls do between two publications, none of which is unfinished: what is published then is there whole. Publishing waits
// for do. Nothing is done if ctx ends before.
func (p *Publisher) Between(ctx context.Context, do func()) error {
	p.WaitUnderWay(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endDeferred()
	do()
	return nil
}

// WaitIdle waits until the worker is over. Nothing is published meanwhile.
func (p *Publisher) WaitIdle() { p.deferred.worker.Wait() }

// timeSlice is the time that a publication may take before others get their turn.
type timeSlice struct {
	until time.Time // zero if it does not end
	// work is what was done since the clock was looked at last, in rows that are new.
	work int
}

// sliceWork is how much work is done between two looks at the clock: some 50 us.
const sliceWork = 512

// spent notes work and tells whether the slice is over.
func (s *timeSlice) spent(work int) bool {
	if s.work += work; s.work < sliceWork || s.until.IsZero() {
		return false
	}
	s.work = 0
	return !time.Now().Before(s.until)
}
