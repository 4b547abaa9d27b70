package engine

import (
	"slices"
	"time"

	"github.com/residualdb/residual/event"
)

// publishRowsMax bounds the rows applied under one hold of a model's lock, so that a query never waits longer than
// these take (about 50 us).
const publishRowsMax = 512

// warmSeries is how many series are looked for at once: what they touch fits the first cache.
const warmSeries = 32

// publisher applies durable batches to memory in the order of the log. It runs on one goroutine at a time: the
// log's publisher, or recovery before that starts.
type publisher struct {
	db *DB

	settler settler
	targets targets
	// fresh holds the fresh rows of the generation.
	fresh *freshRows
	// spares is the memory of heads.
	spares spares

	// Scratch, reused from batch to batch.
	calendar calendar
	starts   []uint32
	order    []uint32
	pairing  pairing
	waits    []wait
}

// publish makes a batch of predictions visible; o is the same batch by series. Heads may take over the texts of o, which
// then has other memory for them afterwards.
func (p *publisher) publish(b *event.Batch, o *bySeries) error {
	c := o.texts
	if c.batch = o.shared(); c.batch {
		c.holders.Store(1)
		defer func() {
			o.texts = p.spares.batch()
			p.spares.drop(c)
		}()
	}
	begin := time.Now()
	p.settler.generation = p.db.generation
	p.pairing.pair(b, p.db.orphans, p.db.hash)
	p.db.counters.settled[joined].Add(uint64(len(p.pairing.found)))
	for i := range b.Series {
		if i%warmSeries == 0 {
			p.targets.warm(b.Series[i:min(i+warmSeries, len(b.Series))])
		}
		if err := p.publishSeries(o, &b.Series[i], int(o.starts[i]), int(o.starts[i+1])); err != nil {
			return err
		}
	}
	p.putWaits()
	p.db.counters.unsealed.Add(int64(b.Len())*(headRowBytes+2*4) + int64(len(b.IDs.Bytes)+len(b.Features.Bytes)))
	p.db.counters.batches.Add(1)
	p.db.counters.rows.Add(uint64(b.Len()))
	p.db.counters.applyNanos.Add(uint64(time.Since(begin)))
	return nil
}

// groupBy orders the rows by group, keeping their order within each: a counting sort.
func (p *publisher) groupBy(groupOf []uint32, groups int) {
	p.starts = grown(p.starts, groups+1)
	clear(p.starts)
	for _, g := range groupOf {
		p.starts[g+1]++
	}
	for g := 1; g < len(p.starts); g++ {
		p.starts[g] += p.starts[g-1]
	}
	p.order = grown(p.order, len(groupOf))
	for row, g := range groupOf {
		p.order[p.starts[g]] = uint32(row)
		p.starts[g]++
	}
	copy(p.starts[1:], p.starts)
	p.starts[0] = 0
}

// publishSeries publishes the rows [from, to) of o, which are those of one series.
func (p *publisher) publishSeries(o *bySeries, name *event.Series, from, to int) error {
	t := p.targets.find(name)
	if t.m == nil {
		t.m = p.db.model(name.Model)
	}
	for from < to {
		if p.pairing.superseded[o.rows[from]] {
			from++
			continue
		}
		n, number := p.stretch(o, from, to)
		if err := p.publishRun(o, t, name, number, from, from+n); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// wait is a row of the batch that waits for its actual.
type wait struct {
	m    *model
	hash uint64
	row  waitingRow
}

// putWaits lets the rows of the batch wait. Until all of it is published they do not, because a row of it that came
// earlier, but is of a later series, would take their place.
func (p *publisher) putWaits() {
	for begin := 0; begin < len(p.waits); {
		m, end := p.waits[begin].m, begin
		m.mu.Lock()
		for ; end < len(p.waits) && end < begin+publishRowsMax && p.waits[end].m == m; end++ {
			m.waiting.put(p.waits[end].hash, p.waits[end].row)
		}
		m.mu.Unlock()
		begin = end
	}
	clear(p.waits)
	p.waits = p.waits[:0]
}

// stretch returns how many of the rows [from, to) are of one month, fit one hold of the lock and come before one that is
// superseded.
func (p *publisher) stretch(o *bySeries, from, to int) (int, monthNumber) {
	number := p.calendar.of(o.times[from])
	to = min(to, from+publishRowsMax)
	if len(p.pairing.superseded) == 0 && p.calendar.of(o.times[to-1]) == number {
		return to - from, number // they are in the order of time
	}
	n := 1
	for ; from+n < to; n++ {
		if p.calendar.of(o.times[from+n]) != number || len(p.pairing.superseded) > 0 && p.pairing.superseded[o.rows[from+n]] {
			break
		}
	}
	return n, number
}

// publishRun publishes the rows [from, to) of o, which are of one series and month.
func (p *publisher) publishRun(o *bySeries, t *target, name *event.Series, number monthNumber, from, to int) error {
	m, first, waiting := t.m, o.times[from], slices.Contains(o.known[from:to], false)
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.month == nil || t.raised != m.raised || first < t.first {
		t.series = m.number(seriesName{name.Version, name.Environment}, first)
		t.first, t.raised = m.series[t.series].first, m.raised
	}
	if t.month == nil || t.month.number != number || t.month.dropped {
		t.month = m.month(number)
	}
	if waiting || m.waiting.count > 0 {
		defer m.sighted(t.series, first) // what is replaced may have been all the series had
		return p.publishJoining(o, t, from, to)
	}
	p.addRun(o, t, from, to)
	return nil
}

// addRun adds the rows [from, to) to the head.
func (p *publisher) addRun(o *bySeries, t *target, from, to int) {
	if from == to {
		return
	}
	mo := t.month
	d := dirtyMonth{t.m, mo}
	if mo.head == nil || mo.head.generation != p.db.generation {
		p.db.dirty = append(p.db.dirty, d)
	}
	h := mo.writable(p.db.generation, p.fresh, &p.spares)
	if t.head != h {
		t.head, t.part = h, h.of(t.series)
	}
	if h.index != nil {
		for i := from; i < to; i++ {
			h.index.add(p.db.hash(o.texts.ids.At(i)), t.series, o.times[i])
		}
	}
	h.add(t.part, o, from, to)
	if h.full() {
		mo.freeze()
		p.db.background.announce(d)
	}
}

// publishJoining adds rows that may wait, replace one that waits, or have found their actual there already.
func (p *publisher) publishJoining(o *bySeries, t *target, from, to int) error {
	added := from
	for i := from; i < to; i++ {
		id := o.texts.ids.At(i)
		hash := p.db.hash(id)
		if w, ok := t.m.waiting.take(hash); ok {
			p.addRun(o, t, added, i)
			added = i
			if err := t.m.replaceWaiting(hash, id, w, &p.settler); err != nil {
				return err
			}
		}
		if x, ok := p.pairing.found[o.rows[i]]; ok {
			o.actual[i], o.known[i] = x.actual, true
			if o.lags == nil {
				o.lags = noLags(len(o.rows))
			}
			o.lags[i] = lagOf(o.times[i], x.seen())
		}
		if !o.known[i] {
			p.waits = append(p.waits, wait{t.m, hash, waitingRow{o.times[i], o.predicted[i], t.series}})
		}
	}
	p.addRun(o, t, added, to)
	return nil
}

// grown returns s with length n, reusing its memory.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}
