package engine

import (
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/event"
)

// publishRowsMax bounds the rows applied under one hold of a model's lock, so that a query never waits longer than
// these take (about 50 us).
const publishRowsMax = 512

// prefetchSeries is how many series are looked for at once: what they touch fits the first cache.
const prefetchSeries = 32

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

	identity catalog.Identity
	cache    seriesCache
	// fresh holds the fresh rows of the generation.
	fresh *head.Staging
	// spares is the memory of heads.
	spares head.Pools

	// Scratch, reused from record to record.
	calendar base.Calendar
	changes  []catalog.IDChange
}

// publishBatch publishes predictions. Heads may take over the texts of the batch by series.
func (p *publisher) publishBatch(x *publication) (over bool, err error) {
	b, o := x.record.Batch, x.ordered
	for ; x.group < len(b.Series); x.group, x.row = x.group+1, -1 {
		if x.group%prefetchSeries == 0 {
			p.cache.prefetch(b.Series[x.group:min(x.group+prefetchSeries, len(b.Series))])
		}
		if x.row < 0 {
			x.row = int(o.Starts[x.group])
		}
		if over, err := p.publishSeries(x, o, &b.Series[x.group], int(o.Starts[x.group+1])); err != nil || !over {
			return false, err
		}
	}
	return true, nil
}

// endBatch counts the rows of a batch, which has other memory for its texts afterwards if heads have taken them.
func (p *publisher) endBatch(x *publication) {
	o := x.ordered
	if c := o.Texts; c.Batch {
		if c.Holders.Load() > 1 { // a head keeps the texts of all rows for those that it has
			x.bytes += int64(len(c.IDs.Bytes) + len(c.Features.Bytes))
		}
		o.Texts = p.spares.Batch()
		p.spares.Drop(c)
	}
	p.db.counters.unsealed.Add(x.bytes + int64(x.added)*(head.HeadRowBytes+2*4))
	p.db.counters.rows.Add(uint64(x.record.Batch.Len()))
}

// publishSeries publishes the rows of a series from x.row to to. over is false where the slice has ended and something
// of the batch is left.
func (p *publisher) publishSeries(x *publication, o *head.Batch, name *event.Series, to int) (over bool, err error) {
	t := p.cache.find(name)
	if t.m == nil {
		t.m = p.db.model(name.Model)
	}
	for x.row < to {
		n, number := p.stretch(o, x.row, to)
		if err := p.publishRun(x, t, name, number, x.row, x.row+n); err != nil {
			return false, err
		}
		x.row += n
		if p.slice.spent(n + p.identity.TakeLooks()) {
			return x.row == to && x.group == len(x.record.Batch.Series)-1, nil
		}
	}
	return true, nil
}

// stretch returns how many of the rows [from, to), which are in the order of time, are of one month and fit one hold of
// the lock.
func (p *publisher) stretch(o *head.Batch, from, to int) (int, base.MonthNumber) {
	number := p.calendar.Of(o.Times[from])
	to = min(to, from+publishRowsMax)
	if p.calendar.Of(o.Times[to-1]) == number {
		return to - from, number
	}
	n := 1
	for from+n < to && p.calendar.Of(o.Times[from+n]) == number {
		n++
	}
	return n, number
}

// publishRun publishes the rows [from, to) of o, which are of one series and month. Those that are later than all of
// the series there are new; of the others, those that are stored already give that row their values.
func (p *publisher) publishRun(x *publication, t *cachedSeries, name *event.Series, number base.MonthNumber, from, to int) error {
	o := x.ordered
	m, first := t.m, o.Times[from]
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if t.month == nil || t.raised != m.Raised || first < t.first {
		t.series = m.Number(catalog.SeriesName{Version: name.Version, Environment: name.Environment}, first)
		t.first, t.raised = m.Series[t.series].First, m.Raised
	}
	if t.month == nil || t.month.Number != number || t.month.Dropped {
		t.month = m.Month(number)
	}
	last := t.last()
	known := from
	for !o.Keep && known < to && o.Times[known] <= last {
		known++
	}
	if known > from {
		if err := p.replace(x, t, from, known); err != nil {
			return err
		}
	}
	for i := from; i < to; {
		if i < known && p.identity.Stored[i-from] {
			i++
			continue
		}
		end := i + 1
		for end < to && (end >= known || !p.identity.Stored[end-from]) {
			end++
		}
		p.recall(o, name, i, end)
		p.addRun(x, t, last, i, end)
		i = end
	}
	return nil
}

// replace gives the values of those of the rows [from, to) that are stored already to the rows that they are.
func (p *publisher) replace(x *publication, t *cachedSeries, from, to int) error {
	edits, err := p.identity.Replace(t.month, t.series, x.ordered, from, to)
	if err != nil {
		return err
	}
	for _, stored := range p.identity.Stored {
		if stored {
			x.replaced++
		}
	}
	x.bytes += edits.Bytes
	if edits.Sealed {
		p.db.noteEdited(t.m, t.month)
	}
	return nil
}

// recall gives the rows [from, to) of o, which are new, the actuals that came before them.
func (p *publisher) recall(o *head.Batch, name *event.Series, from, to int) {
	memory := p.db.actuals
	if all, _ := memory.Len(); all == 0 {
		return
	}
	model := []byte(name.Model)
	for i := from; i < to; i++ {
		if o.Known[i] {
			continue
		}
		id := o.Texts.IDs.At(i)
		a, first, ok := memory.Recall(p.db.hashOf(model, id), model, id, name.Version, name.Environment)
		if !ok {
			continue
		}
		if first {
			p.db.counters.outcomes[catalog.Joined].Add(1)
		}
		o.Actual[i], o.Known[i] = a.Value, true
		if o.Lags == nil {
			o.Lags = head.NoLags(len(o.Rows))
		}
		o.Lags[i] = max(base.OrDefault(a.Observed, a.Received)-o.Times[i], 0)
	}
}

// addRun adds the rows [from, to) to the head. last is the last time of the series so far.
func (p *publisher) addRun(x *publication, t *cachedSeries, last int64, from, to int) {
	o, mo := x.ordered, t.month
	d := catalog.ModelMonth{Model: t.m, Month: mo}
	if mo.Head == nil || mo.Head.Epoch != p.db.epoch {
		p.db.dirty = append(p.db.dirty, d)
	}
	h := mo.Writable(p.db.epoch, p.fresh, &p.spares)
	if t.head != h {
		t.head, t.part = h, h.Of(t.series, last)
	}
	if h.Index != nil {
		for i := from; i < to; i++ {
			h.Index.Add(p.db.hash(o.Texts.IDs.At(i)), t.series, o.Times[i])
		}
	}
	h.Add(t.part, o, from, to)
	x.added += to - from
	if !o.Texts.Batch {
		x.bytes += head.TextSize(&o.Texts.IDs, from, to) + head.TextSize(&o.Texts.Features, from, to)
	}
	if h.Full() {
		mo.Freeze()
		p.db.background.announce(d)
	}
}
