package engine

import (
	"time"

	"github.com/residualdb/residual/event"
)

// publishRowsMax bounds the rows applied under one hold of a model's lock, so that a query never waits longer than
// these take (about 50 us).
const publishRowsMax = 512

// warmSeries is how many series are looked for at once: what they touch fits the first cache.
const warmSeries = 32

// publisher applies durable records to memory in the order of the log. It runs on one goroutine at a time: the log's
// publisher, or recovery before that starts.
type publisher struct {
	db *DB

	identity identity
	targets  targets
	// fresh holds the fresh rows of the generation.
	fresh *freshRows
	// spares is the memory of heads.
	spares spares

	// Of the record at hand: rows that were stored already, rows added, and the memory that it takes until a checkpoint.
	replaced, added int
	bytes           int64

	// Scratch, reused from record to record.
	calendar calendar
	starts   []uint32
	order    []uint32
	changes  []idChange
}

// publish makes a batch of predictions visible. Heads may take over the texts of the batch by series, which then has
// other memory for them afterwards.
func (p *publisher) publish(r *record) error {
	b, o := r.batch, r.ordered
	c := o.texts
	if c.batch = o.shared(); c.batch {
		c.holders.Store(1)
		defer func() {
			o.texts = p.spares.batch()
			p.spares.drop(c)
		}()
	}
	begin := time.Now()
	p.replaced, p.added, p.bytes = o.folded, 0, 0
	for i := range b.Series {
		if i%warmSeries == 0 {
			p.targets.warm(b.Series[i:min(i+warmSeries, len(b.Series))])
		}
		if err := p.publishSeries(o, &b.Series[i], int(o.starts[i]), int(o.starts[i+1])); err != nil {
			return err
		}
	}
	r.replaced = p.replaced
	if c.batch && c.holders.Load() > 1 { // a head keeps the texts of all rows for those that it has
		p.bytes += int64(len(c.ids.Bytes) + len(c.features.Bytes))
	}
	p.db.counters.unsealed.Add(p.bytes + int64(p.added)*(headRowBytes+2*4))
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
		n, number := p.stretch(o, from, to)
		if err := p.publishRun(o, t, name, number, from, from+n); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// stretch returns how many of the rows [from, to), which are in the order of time, are of one month and fit one hold of
// the lock.
func (p *publisher) stretch(o *bySeries, from, to int) (int, monthNumber) {
	number := p.calendar.of(o.times[from])
	to = min(to, from+publishRowsMax)
	if p.calendar.of(o.times[to-1]) == number {
		return to - from, number
	}
	n := 1
	for from+n < to && p.calendar.of(o.times[from+n]) == number {
		n++
	}
	return n, number
}

// publishRun publishes the rows [from, to) of o, which are of one series and month. Those that are later than all of the
// series there are new; of the others, those that are stored already give that row their values.
func (p *publisher) publishRun(o *bySeries, t *target, name *event.Series, number monthNumber, from, to int) error {
	m, first := t.m, o.times[from]
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.month == nil || t.raised != m.raised || first < t.first {
		t.series = m.number(seriesName{name.Version, name.Environment}, first)
		t.first, t.raised = m.series[t.series].first, m.raised
	}
	if t.month == nil || t.month.number != number || t.month.dropped {
		t.month = m.month(number)
	}
	last := t.last()
	known := from
	for !o.keep && known < to && o.times[known] <= last {
		known++
	}
	if known > from {
		if err := p.replace(o, t, from, known); err != nil {
			return err
		}
	}
	for i := from; i < to; {
		if i < known && p.identity.stored[i-from] {
			i++
			continue
		}
		end := i + 1
		for end < to && (end >= known || !p.identity.stored[end-from]) {
			end++
		}
		p.recall(o, name, i, end)
		p.addRun(o, t, last, i, end)
		i = end
	}
	return nil
}

// replace gives the values of those of the rows [from, to) that are stored already to the rows that they are.
func (p *publisher) replace(o *bySeries, t *target, from, to int) error {
	edits, err := p.identity.replace(t.month, t.series, o, from, to)
	if err != nil {
		return err
	}
	for _, stored := range p.identity.stored {
		if stored {
			p.replaced++
		}
	}
	p.bytes += edits.bytes
	if edits.sealed {
		p.db.noteEdited(t.m, t.month)
	}
	return nil
}

// recall gives the rows [from, to) of o, which are new, the actuals that came before them.
func (p *publisher) recall(o *bySeries, name *event.Series, from, to int) {
	memory := p.db.actuals
	if all, _ := memory.Len(); all == 0 {
		return
	}
	model := []byte(name.Model)
	for i := from; i < to; i++ {
		if o.known[i] {
			continue
		}
		id := o.texts.ids.At(i)
		a, first, ok := memory.Recall(p.db.hashOf(model, id), model, id, name.Version, name.Environment)
		if !ok {
			continue
		}
		if first {
			p.db.counters.outcomes[joined].Add(1)
		}
		o.actual[i], o.known[i] = a.Value, true
		if o.lags == nil {
			o.lags = noLags(len(o.rows))
		}
		o.lags[i] = max(orDefault(a.Observed, a.Received)-o.times[i], 0)
	}
}

// addRun adds the rows [from, to) to the head. last is the last time of the series so far.
func (p *publisher) addRun(o *bySeries, t *target, last int64, from, to int) {
	mo := t.month
	d := dirtyMonth{t.m, mo}
	if mo.head == nil || mo.head.generation != p.db.generation {
		p.db.dirty = append(p.db.dirty, d)
	}
	h := mo.writable(p.db.generation, p.fresh, &p.spares)
	if t.head != h {
		t.head, t.part = h, h.of(t.series, last)
	}
	if h.index != nil {
		for i := from; i < to; i++ {
			h.index.add(p.db.hash(o.texts.ids.At(i)), t.series, o.times[i])
		}
	}
	h.add(t.part, o, from, to)
	p.added += to - from
	if !o.texts.batch {
		p.bytes += textSize(&o.texts.ids, from, to) + textSize(&o.texts.features, from, to)
	}
	if h.full() {
		mo.freeze()
		p.db.background.announce(d)
	}
}

// grown returns s with length n, reusing its memory.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}
