package actuals

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
)

// Actual is an actual that is remembered.
type Actual struct {
	// Model and ID name the predictions; Version and Environment narrow them down and are empty for every one. In
	// answers of a Memory they are valid until its next call.
	Model, ID, Version, Environment []byte
	// Value is the actual; if it is not Known, the actual is withdrawn.
	Value float64
	Known bool
	// Met is set once a prediction has had the actual.
	Met bool
	// Observed is when the actual was seen, 0 if its sender did not say; Received is when it came. Unix milliseconds.
	Observed, Received int64
	// LSN and Line say where it is in the log. Later ones are newer.
	LSN  uint64
	Line uint32
}

// EntryBytes is what an actual takes of memory, about, beside its four names.
const EntryBytes = 128

// ScopesMax bounds the actuals of one model and id. The oldest one beyond it is forgotten.
const ScopesMax = 64

// Memory holds actuals by the model and id of their predictions. Package actuals says who may use it when.
type Memory struct {
	entries slab
	first   map[uint64]entryNumber // of the entries of each hash, which are chained
	// Every entry is in one of these, by the time it came.
	unmet, met queue
	bytes      int64
	changed    bool
}

// New returns an empty memory.
func New() *Memory {
	m := &Memory{first: make(map[uint64]entryNumber)}
	m.unmet.entries, m.met.entries = &m.entries, &m.entries
	return m
}

// Len returns how many actuals are held, and how many of them no prediction has had.
func (m *Memory) Len() (all, unmet int) { return m.unmet.Len() + m.met.Len(), m.unmet.Len() }

// Bytes returns about what the actuals take of memory.
func (m *Memory) Bytes() int64 { return m.bytes }

// Put remembers an actual, in the place of those that are about no more than it is. hash is that of its model and id.
// Where there are more than ScopesMax of its model and id, the oldest is forgotten, and given to lost if it was not
// met.
func (m *Memory) Put(hash uint64, a *Actual, lost func(*Actual)) {
	overlaps, scopes, oldest := false, 0, none
	for n := range m.find(hash, a.Model, a.ID) {
		held := m.entries.at(n).actual()
		if a.covers(&held) {
			m.remove(n)
			continue
		}
		overlaps = overlaps || a.overlaps(&held)
		if scopes++; oldest == none || m.entries.before(n, oldest) {
			oldest = n
		}
	}
	if !a.Known && !overlaps {
		return
	}
	if scopes >= ScopesMax {
		m.lose(oldest, lost)
	}
	m.add(hash, a)
}

// Recall returns the newest actual for a prediction and notes that it was met; first tells that it had not been. ok is
// false if there is none, or if the newest was withdrawn.
func (m *Memory) Recall(hash uint64, model, id []byte, version, environment string) (a Actual, first, ok bool) {
	found := none
	for n := range m.find(hash, model, id) {
		held := m.entries.at(n).actual()
		if held.isOf(version, environment) && (found == none || m.entries.newer(n, found)) {
			found = n
		}
	}
	if found == none || !m.entries.at(found).known() {
		return Actual{}, false, false
	}
	first = m.meet(found)
	return m.entries.at(found).actual(), first, true
}

// Fate is what becomes of an actual that a deletion may be about.
type Fate uint8

// The fates of actuals.
const (
	// Kept actuals stay as they are.
	Kept Fate = iota
	// Settled actuals count as met from then on: what they may have met is gone.
	Settled
	// Forgotten actuals go.
	Forgotten
)

// Judge gives the actuals of a model and id their fate, and returns how many are forgotten. One that was withdrawn does not count: it
// may be there or not, once what it held back has expired.
func (m *Memory) Judge(hash uint64, model, id []byte, fate func(*Actual) Fate) (forgotten int) {
	for n := range m.find(hash, model, id) {
		forgotten += m.apply(n, fate)
	}
	return forgotten
}

// JudgeSome gives some of all actuals their fate, those in the places from at on. It returns the place to go on from, or 0 if it was
// the last one, and how many are forgotten.
func (m *Memory) JudgeSome(at uint32, fate func(*Actual) Fate) (next uint32, forgotten int) {
	const atOnce = slabEntries
	end := min(at+atOnce, m.entries.end)
	for n := at; n < end; n++ {
		if m.entries.at(n).flags&flagUsed != 0 {
			forgotten += m.apply(n, fate)
		}
	}
	if end == m.entries.end {
		end = 0
	}
	return end, forgotten
}

func (m *Memory) apply(n entryNumber, fate func(*Actual) Fate) (forgotten int) {
	a := m.entries.at(n).actual()
	switch fate(&a) {
	case Kept:
	case Settled:
		m.meet(n)
	case Forgotten:
		m.remove(n)
		if a.Known {
			return 1
		}
	}
	return 0
}

// Expire forgets up to most of the actuals that came before oldest, in Unix milliseconds, and gives those that were
// not met to lost.
func (m *Memory) Expire(oldest int64, most int, lost func(*Actual)) {
	for _, h := range [...]*queue{&m.unmet, &m.met} {
		for ; most > 0 && h.Len() > 0 && m.entries.at(h.first()).received < oldest; most-- {
			m.lose(h.first(), lost)
		}
	}
}

// Shrink forgets the oldest actuals until all take no more than limit bytes: first those that were met, then the
// others, which it gives to lost. It returns how many had been met.
func (m *Memory) Shrink(limit int64, lost func(*Actual)) (forgotten int) {
	for m.bytes > limit && m.met.Len() > 0 {
		m.remove(m.met.first())
		forgotten++
	}
	for m.bytes > limit && m.unmet.Len() > 0 {
		m.lose(m.unmet.first(), lost)
	}
	return forgotten
}

// lose forgets an entry and gives it to lost if it was not met.
func (m *Memory) lose(n entryNumber, lost func(*Actual)) {
	if a := m.entries.at(n).actual(); !a.Met {
		lost(&a)
	}
	m.remove(n)
}

// covers tells whether every prediction that b is about is one of a's, who are of the same model and id.
func (a *Actual) covers(b *Actual) bool {
	return (len(a.Version) == 0 || bytes.Equal(a.Version, b.Version)) &&
		(len(a.Environment) == 0 || bytes.Equal(a.Environment, b.Environment))
}

// isOf tells whether the actual is about predictions of a version and environment.
func (a *Actual) isOf(version, environment string) bool {
	return (len(a.Version) == 0 || string(a.Version) == version) &&
		(len(a.Environment) == 0 || string(a.Environment) == environment)
}

// overlaps tells whether there can be a prediction that both are about.
func (a *Actual) overlaps(b *Actual) bool {
	return (len(a.Version) == 0 || len(b.Version) == 0 || bytes.Equal(a.Version, b.Version)) &&
		(len(a.Environment) == 0 || len(b.Environment) == 0 || bytes.Equal(a.Environment, b.Environment))
}

// add adds an entry.
func (m *Memory) add(hash uint64, a *Actual) {
	n := m.entries.take()
	first, ok := m.first[hash]
	if !ok {
		first = none
	}
	m.first[hash] = n
	e := m.entries.edit(n)
	*e = entry{
		hash: hash, value: a.Value, observed: a.Observed, received: a.Received, lsn: a.LSN, line: a.Line,
		names: slices.Concat(a.Model, a.ID, a.Version, a.Environment),
		lens:  [4]uint16{uint16(len(a.Model)), uint16(len(a.ID)), uint16(len(a.Version)), uint16(len(a.Environment))},
		next:  first,
		flags: flagUsed,
	}
	if a.Known {
		e.flags |= flagKnown
	}
	if a.Met || !a.Known {
		e.flags |= flagMet
	}
	m.bytes += EntryBytes + int64(len(e.names))
	m.queueOf(e).add(n)
	m.changed = true
}

// remove takes an entry out of everything.
func (m *Memory) remove(n entryNumber) {
	e := *m.entries.at(n)
	if first := m.first[e.hash]; first != n {
		before := first
		for m.entries.at(before).next != n {
			before = m.entries.at(before).next
		}
		m.entries.edit(before).next = e.next
	} else if e.next != none {
		m.first[e.hash] = e.next
	} else {
		delete(m.first, e.hash)
	}
	m.queueOf(&e).remove(n)
	m.bytes -= EntryBytes + int64(len(e.names))
	m.entries.give(n)
	m.changed = true
}

// meet notes that a prediction has had an entry, and tells whether it is the first.
func (m *Memory) meet(n entryNumber) bool {
	if m.entries.at(n).met() {
		return false
	}
	m.unmet.remove(n)
	m.entries.edit(n).flags |= flagMet
	m.met.add(n)
	m.changed = true
	return true
}

func (m *Memory) queueOf(e *entry) *queue {
	if e.met() {
		return &m.met
	}
	return &m.unmet
}

// find yields the entries of a model and id. Each may be removed before the next one is asked for.
func (m *Memory) find(hash uint64, model, id []byte) iter.Seq[entryNumber] {
	return func(yield func(entryNumber) bool) {
		n, ok := m.first[hash]
		for ok && n != none {
			e := m.entries.at(n)
			next := e.next
			if e.isOf(model, id) && !yield(n) {
				return
			}
			n = next
		}
	}
}

// Snapshot is what a memory held at a moment.
type Snapshot struct {
	entries slab
	order   []entryNumber
}

// TakeChanged tells whether anything has changed since it was called last.
func (m *Memory) TakeChanged() bool {
	changed := m.changed
	m.changed = false
	return changed
}

// Snapshot returns what the memory holds. It may be read while the memory goes on.
func (m *Memory) Snapshot() *Snapshot {
	return &Snapshot{entries: m.entries.share()}
}

// All yields the actuals in the order they came. What it yields is valid until it yields the next one.
func (s *Snapshot) All(yield func(*Actual) bool) {
	if s.order == nil {
		s.order = s.entries.used()
		slices.SortFunc(s.order, func(a, b entryNumber) int {
			x, y := s.entries.at(a), s.entries.at(b)
			return cmp.Or(cmp.Compare(x.lsn, y.lsn), cmp.Compare(x.line, y.line), cmp.Compare(a, b))
		})
	}
	for _, n := range s.order {
		a := s.entries.at(n).actual()
		if !yield(&a) {
			return
		}
	}
}

// Count returns how many of the actuals are such, without those that were withdrawn.
func (s *Snapshot) Count(such func(*Actual) bool) (count int) {
	for _, n := range s.entries.used() {
		if a := s.entries.at(n).actual(); a.Known && such(&a) {
			count++
		}
	}
	return count
}

// Len returns how many actuals there are.
func (s *Snapshot) Len() int { return s.entries.count }
