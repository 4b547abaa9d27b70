package engine

import (
	"slices"
	"time"

	"github.com/residualdb/residual/event"
)

// publishRowsMax bounds the rows applied under one hold of a model's lock, so that a query never waits longer than
// these take (about 50 us).
const publishRowsMax = 512

// publisher applies durable batches to memory in the order of the log. It runs on one goroutine at a time: the
// log's publisher, or recovery before that starts.
type publisher struct {
	db *DB

	settler settler

	// Scratch, reused from batch to batch.
	calendar          calendar
	starts            []uint32
	order             []uint32
	times             []int64
	predicted, actual []float64
	known             []bool
	lags              []int64 // of the rows gathered; nil if none has one
	pairing           pairing
	waits             []wait
}

// publish makes a batch of predictions visible.
func (p *publisher) publish(b *event.Batch) error {
	begin := time.Now()
	p.settler.generation = p.db.generation
	p.pairing.pair(b, p.db.orphans, p.db.hash)
	p.db.counters.settled[joined].Add(uint64(len(p.pairing.found)))
	p.groupBy(b.SeriesOf, len(b.Series))
	for s := range b.Series {
		if err := p.publishSeries(b, s, p.order[p.starts[s]:p.starts[s+1]]); err != nil {
			return err
		}
	}
	p.putWaits()
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

func (p *publisher) publishSeries(b *event.Batch, s int, rows []uint32) error {
	if len(p.pairing.superseded) > 0 {
		rows = slices.DeleteFunc(rows, func(row uint32) bool { return p.pairing.superseded[row] })
	}
	name := b.Series[s]
	m := p.db.model(name.Model)
	for len(rows) > 0 {
		n, number := p.stretch(b, rows)
		if err := p.publishRun(b, m, seriesName{name.Version, name.Environment}, number, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
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

// stretch returns how many of the next rows are of one month and fit one hold of the lock.
func (p *publisher) stretch(b *event.Batch, rows []uint32) (int, monthNumber) {
	number := p.calendar.of(b.Timestamps[rows[0]])
	n := 1
	for n < len(rows) && n < publishRowsMax && p.calendar.of(b.Timestamps[rows[n]]) == number {
		n++
	}
	return n, number
}

func (p *publisher) publishRun(b *event.Batch, m *model, name seriesName, number monthNumber, rows []uint32) error {
	first, waiting := p.gather(b, rows)
	m.mu.Lock()
	defer m.mu.Unlock()
	t := target{m: m, series: m.number(name, first), month: m.month(number)}
	if waiting || m.waiting.count > 0 {
		defer m.sighted(t.series, first) // what is replaced may have been all the series had
		return p.publishJoining(b, t, rows)
	}
	p.addRun(b, t, rows, 0, len(rows))
	return nil
}

// target is where the rows of a run go.
type target struct {
	m      *model
	series uint32
	month  *month
}

// addRun adds the gathered rows [from, to) to the head.
func (p *publisher) addRun(b *event.Batch, t target, rows []uint32, from, to int) {
	if from == to {
		return
	}
	d := dirtyMonth{t.m, t.month}
	if t.month.head == nil || t.month.head.generation != p.db.generation {
		p.db.dirty = append(p.db.dirty, d)
	}
	h := t.month.writable(p.db.generation)
	text := uint32(h.rows())
	for i, row := range rows[from:to] {
		id := b.IDs.At(int(row))
		h.text.append(id, b.Features.At(int(row)))
		if h.index != nil {
			h.index.add(p.db.hash(id), t.series, p.times[from+i])
		}
	}
	all := run{p.times, p.predicted, p.actual, p.known, p.lags, text - uint32(from)}
	h.of(t.series).add(all.slice(from, to))
	if h.rows() >= sealRows {
		t.month.freeze()
		p.db.background.announce(d)
	}
}

// publishJoining adds rows that may wait, replace one that waits, or have found their actual there already.
func (p *publisher) publishJoining(b *event.Batch, t target, rows []uint32) error {
	added := 0
	for i, row := range rows {
		id := b.IDs.At(int(row))
		hash := p.db.hash(id)
		if w, ok := t.m.waiting.take(hash); ok {
			p.addRun(b, t, rows, added, i)
			added = i
			if err := t.m.replaceWaiting(hash, id, w, &p.settler); err != nil {
				return err
			}
		}
		if x, ok := p.pairing.found[row]; ok {
			p.actual[i], p.known[i] = x.actual, true
			if p.lags == nil {
				p.lags = noLags(len(rows))
			}
			p.lags[i] = lagOf(p.times[i], x.seen())
		}
		if !p.known[i] {
			p.waits = append(p.waits, wait{t.m, hash, waitingRow{p.times[i], p.predicted[i], t.series}})
		}
	}
	p.addRun(b, t, rows, added, len(rows))
	return nil
}

// gather copies the rows' numbers into scratch, in order. It returns the earliest timestamp, and whether a row has no
// actual.
func (p *publisher) gather(b *event.Batch, rows []uint32) (first int64, waiting bool) {
	p.times, p.predicted, p.actual, p.known, p.lags = p.times[:0], p.predicted[:0], p.actual[:0], p.known[:0], nil
	first = maxMilli
	for _, row := range rows {
		ts := b.Timestamps[row]
		first = min(first, ts)
		p.times = append(p.times, ts)
		p.predicted = append(p.predicted, b.Predicted[row])
		p.actual = append(p.actual, b.Actual[row])
		known := b.Known.Get(int(row))
		p.known = append(p.known, known)
		waiting = waiting || !known
	}
	return first, waiting
}

// grown returns s with length n, reusing its memory.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}
