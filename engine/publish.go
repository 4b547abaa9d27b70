package engine

import (
	"sync"
	"time"

	"github.com/residualdb/residual/event"
)

// publishRowsMax bounds the rows applied under one hold of a model's lock, so that a query never waits longer than
// these take (about 50 us).
const publishRowsMax = 512

// warmSeries is how many series are looked for at once: what they touch fits the first cache.
const warmSeries = 32

// publisher applies durable records to memory, of each model in the order of the log, see [publication]. Recovery, the
// goroutine of the log that publishes, and the worker that ends what was put off take turns.
type publisher struct {
	db *DB

	// mu is held while records are published, and by a cut. It guards all that follows, and what DB says that the
	// publisher owns. Locks of models are taken under it, never the other way.
	mu       sync.Mutex
	deferred deferred
	slice    slice
	// sliceMax is how long a slice is; a test has shorter ones.
	sliceMax time.Duration

	identity identity
	targets  targets
	// fresh holds the fresh rows of the generation.
	fresh *freshRows
	// spares is the memory of heads.
	spares spares

	// Scratch, reused from record to record.
	calendar calendar
	changes  []idChange
}

// publishBatch publishes predictions. Heads may take over the texts of the batch by series.
func (p *publisher) publishBatch(x *publication) (over bool, err error) {
	b, o := x.record.batch, x.record.ordered
	for ; x.group < len(b.Series); x.group, x.row = x.group+1, -1 {
		if x.group%warmSeries == 0 {
			p.targets.warm(b.Series[x.group:min(x.group+warmSeries, len(b.Series))])
		}
		if x.row < 0 {
			x.row = int(o.starts[x.group])
		}
		if over, err := p.publishSeries(x, o, &b.Series[x.group], int(o.starts[x.group+1])); err != nil || !over {
			return false, err
		}
	}
	return true, nil
}

// endBatch counts the rows of a batch, which has other memory for its texts afterwards if heads have taken them.
func (p *publisher) endBatch(x *publication) {
	o := x.record.ordered
	if c := o.texts; c.batch {
		if c.holders.Load() > 1 { // a head keeps the texts of all rows for those that it has
			x.bytes += int64(len(c.ids.Bytes) + len(c.features.Bytes))
		}
		o.texts = p.spares.batch()
		p.spares.drop(c)
	}
	p.db.counters.unsealed.Add(x.bytes + int64(x.added)*(headRowBytes+2*4))
	p.db.counters.rows.Add(uint64(x.record.batch.Len()))
}

// publishSeries publishes the rows of a series from x.row to to. over is false where the slice has ended and something
// of the batch is left.
func (p *publisher) publishSeries(x *publication, o *bySeries, name *event.Series, to int) (over bool, err error) {
	t := p.targets.find(name)
	if t.m == nil {
		t.m = p.db.model(name.Model)
	}
	for x.row < to {
		n, number := p.stretch(o, x.row, to)
		if err := p.publishRun(x, t, name, number, x.row, x.row+n); err != nil {
			return false, err
		}
		x.row += n
		if p.slice.spent(n + p.identity.takeLooks()) {
			return x.row == to && x.group == len(x.record.batch.Series)-1, nil
		}
	}
	return true, nil
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

// publishRun publishes the rows [from, to) of o, which are of one series and month. Those that are later than all of
// the series there are new; of the others, those that are stored already give that row their values.
func (p *publisher) publishRun(x *publication, t *target, name *event.Series, number monthNumber, from, to int) error {
	o := x.record.ordered
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
		if err := p.replace(x, t, from, known); err != nil {
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
		p.addRun(x, t, last, i, end)
		i = end
	}
	return nil
}

// replace gives the values of those of the rows [from, to) that are stored already to the rows that they are.
func (p *publisher) replace(x *publication, t *target, from, to int) error {
	edits, err := p.identity.replace(t.month, t.series, x.record.ordered, from, to)
	if err != nil {
		return err
	}
	for _, stored := range p.identity.stored {
		if stored {
			x.replaced++
		}
	}
	x.bytes += edits.bytes
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
func (p *publisher) addRun(x *publication, t *target, last int64, from, to int) {
	o, mo := x.record.ordered, t.month
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
	x.added += to - from
	if !o.texts.batch {
		x.bytes += textSize(&o.texts.ids, from, to) + textSize(&o.texts.features, from, to)
	}
	if h.full() {
		mo.freeze()
		p.db.background.announce(d)
	}
}
