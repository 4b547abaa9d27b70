package engine

import (
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

	// Scratch, reused from batch to batch.
	calendar          calendar
	starts            []uint32
	order             []uint32
	times             []int64
	predicted, actual []float64
	known             []bool
}

// publish makes a batch visible.
func (p *publisher) publish(b *event.Batch) {
	begin := time.Now()
	p.group(b)
	for s := range b.Series {
		p.publishSeries(b, s, p.order[p.starts[s]:p.starts[s+1]])
	}
	p.db.announceGrown()
	p.db.counters.batches.Add(1)
	p.db.counters.rows.Add(uint64(b.Len()))
	p.db.counters.applyNanos.Add(uint64(time.Since(begin)))
}

// group orders the rows by series, keeping their order within each: a counting sort.
func (p *publisher) group(b *event.Batch) {
	p.starts = grown(p.starts, len(b.Series)+1)
	clear(p.starts)
	for _, s := range b.SeriesOf {
		p.starts[s+1]++
	}
	for s := 1; s < len(p.starts); s++ {
		p.starts[s] += p.starts[s-1]
	}
	p.order = grown(p.order, b.Len())
	for row, s := range b.SeriesOf {
		p.order[p.starts[s]] = uint32(row)
		p.starts[s]++
	}
	copy(p.starts[1:], p.starts)
	p.starts[0] = 0
}

func (p *publisher) publishSeries(b *event.Batch, s int, rows []uint32) {
	name := b.Series[s]
	m := p.db.model(name.Model)
	for len(rows) > 0 {
		n, number := p.stretch(b, rows)
		p.publishRun(b, m, seriesName{name.Version, name.Environment}, number, rows[:n])
		rows = rows[n:]
	}
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

func (p *publisher) publishRun(b *event.Batch, m *model, name seriesName, number monthNumber, rows []uint32) {
	first := p.gather(b, rows)
	m.mu.Lock()
	defer m.mu.Unlock()
	series := m.number(name, first)
	mo := m.month(number)
	if mo.head == nil || mo.head.generation != p.db.generation {
		p.db.dirty = append(p.db.dirty, dirtyMonth{m, mo})
	}
	h := mo.writable(p.db.generation)
	text := uint32(h.rows())
	for _, row := range rows {
		h.text.append(b.IDs.At(int(row)), b.Features.At(int(row)))
	}
	h.of(series).add(run{p.times, p.predicted, p.actual, p.known, text})
	if h.rows() >= sealRows {
		mo.freeze()
		p.db.background.announce(dirtyMonth{m, mo})
	}
}

// gather copies the rows' numbers into scratch, in order, and returns the earliest timestamp.
func (p *publisher) gather(b *event.Batch, rows []uint32) (first int64) {
	p.times, p.predicted, p.actual, p.known = p.times[:0], p.predicted[:0], p.actual[:0], p.known[:0]
	first = maxMilli
	for _, row := range rows {
		ts := b.Timestamps[row]
		first = min(first, ts)
		p.times = append(p.times, ts)
		p.predicted = append(p.predicted, b.Predicted[row])
		p.actual = append(p.actual, b.Actual[row])
		p.known = append(p.known, b.Known.Get(int(row)))
	}
	return first
}

// grown returns s with length n, reusing its memory.
func grown[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}
