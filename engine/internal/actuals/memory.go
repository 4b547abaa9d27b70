package actuals

import (
	"bytes"
	"cmp"
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
const EntryBytes = 96

// ScopesMax bounds the actuals of one model and id. The oldest one beyond it is forgotten.
const ScopesMax = 64

// Memory holds actuals by the model and id of their predictions.
type Memory struct {
	entries slab
	names   arena
	table   table
	// Every entry is in one of these, by the time it came.
	unmet, met heap
	bytes      int64
	changed    bool
}

// New returns an empty memory.
func New() *Memory {
	m := &Memory{}
	m.unmet.entries, m.met.entries = &m.entries, &m.entries
	return m
}

// Len returns how many actuals are held, and how many of them no prediction has had.
func (m *Memory) Len() (all, unmet int) { return m.unmet.len() + m.met.len(), m.unmet.len() }

// Bytes returns about what the actuals take of memory.
func (m *Memory) Bytes() int64 { return m.bytes }

// Put remembers an actual, in the place of those that are about no more than it is. hash is that of its model and id.
// Where there are more than ScopesMax of its model and id, the oldest is forgotten, and given to lost if it was not
// met.
func (m *Memory) Put(hash uint64, a *Actual, lost func(*Actual)) {
	overlaps, scopes, oldest := false, 0, none
	for n := m.find(hash, a.Model, a.ID); n != none; {
		e := m.entries.at(n)
		held := m.actual(n)
		next := e.next
		if a.covers(&held) {
			m.remove(n)
		} else {
			overlaps = overlaps || a.overlaps(&held)
			if scopes++; oldest == none || m.entries.before(n, oldest) {
				oldest = n
			}
		}
		n = next
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
	for n := m.find(hash, model, id); n != none; n = m.entries.at(n).next {
		held := m.actual(n)
		if !held.isOf(version, environment) {
			continue
		}
		if found == none || m.entries.newer(n, found) {
			found = n
		}
	}
	if found == none || !m.entries.at(found).known() {
		return Actual{}, false, false
	}
	first = m.meet(found)
	return m.actual(found), first, true
}

// Forget forgets the actuals of a model and id.
func (m *Memory) Forget(hash uint64, model, id []byte) {
	for n := m.find(hash, model, id); n != none; {
		next := m.entries.at(n).next
		m.remove(n)
		n = next
	}
}

// Expire forgets up to most of the actuals that came before oldest, in Unix milliseconds, and gives those that were
// not met to lost.
func (m *Memory) Expire(oldest int64, most int, lost func(*Actual)) {
	for _, h := range [...]*heap{&m.unmet, &m.met} {
		for ; most > 0 && h.len() > 0 && m.entries.at(h.first()).received < oldest; most-- {
			m.lose(h.first(), lost)
		}
	}
}

// Shrink forgets the oldest actuals until all take no more than limit bytes: first those that were met, then the
// others, which it gives to lost. It returns how many had been met.
func (m *Memory) Shrink(limit int64, lost func(*Actual)) (forgotten int) {
	for m.bytes > limit && m.met.len() > 0 {
		m.remove(m.met.first())
		forgotten++
	}
	for m.bytes > limit && m.unmet.len() > 0 {
		m.lose(m.unmet.first(), lost)
	}
	return forgotten
}

// lose forgets an entry and gives it to lost if it was not met.
func (m *Memory) lose(n entryNumber, lost func(*Actual)) {
	if a := m.actual(n); !a.Met {
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
	first, n := m.find(hash, a.Model, a.ID), m.entries.take()
	size := len(a.Model) + len(a.ID) + len(a.Version) + len(a.Environment)
	e := m.entries.edit(n)
	*e = entry{
		hash: hash, value: a.Value, observed: a.Observed, received: a.Received, lsn: a.LSN, line: a.Line,
		names: m.names.add(n, a.Model, a.ID, a.Version, a.Environment),
		lens:  [4]uint16{uint16(len(a.Model)), uint16(len(a.ID)), uint16(len(a.Version)), uint16(len(a.Environment))},
		next:  first,
		flags: flagUsed,
	}
	if a.Known {
		e.flags |= flagKnown
	}
	m.table.set(&m.entries, hash, first, n)
	queue := &m.unmet
	if a.Met || !a.Known {
		e.flags |= flagMet
		queue = &m.met
	}
	queue.push(n)
	m.bytes += EntryBytes + int64(size)
	m.changed = true
	m.compactNames()
}

// remove takes an entry out of everything.
func (m *Memory) remove(n entryNumber) {
	e := *m.entries.at(n)
	a := m.actual(n)
	first := m.find(e.hash, a.Model, a.ID)
	if first == n {
		m.table.set(&m.entries, e.hash, n, e.next)
	} else {
		before := first
		for m.entries.at(before).next != n {
			before = m.entries.at(before).next
		}
		m.entries.edit(before).next = e.next
	}
	m.queueOf(&e).remove(n)
	m.bytes -= EntryBytes + int64(e.size())
	m.names.drop(e.names, e.size())
	m.entries.give(n)
	m.changed = true
}

// meet notes that a prediction has had an entry, and tells whether it is the first.
func (m *Memory) meet(n entryNumber) bool {
	if m.entries.at(n).flags&flagMet != 0 {
		return false
	}
	m.unmet.remove(n)
	m.entries.edit(n).flags |= flagMet
	m.met.push(n)
	m.changed = true
	return true
}

func (m *Memory) queueOf(e *entry) *heap {
	if e.flags&flagMet != 0 {
		return &m.met
	}
	return &m.unmet
}

// find returns the first entry of a model and id, or none.
func (m *Memory) find(hash uint64, model, id []byte) entryNumber {
	t := &m.table
	if len(t.slots) == 0 {
		return none
	}
	for i := t.home(hash); t.slots[i] != 0; i = t.next(i) {
		n := t.slots[i] - 1
		if e := m.entries.at(n); e.hash == hash && m.isOf(e, model, id) {
			return n
		}
	}
	return none
}

// isOf tells whether an entry is of a model and id.
func (m *Memory) isOf(e *entry, model, id []byte) bool {
	if int(e.lens[0]) != len(model) || int(e.lens[1]) != len(id) {
		return false
	}
	b := m.names.bytes(e.names, e.size())
	return string(b[:len(model)]) == string(model) && string(b[len(model):len(model)+len(id)]) == string(id)
}

// actual returns an entry, its names in the memory's own bytes.
func (m *Memory) actual(n entryNumber) Actual { return m.entries.at(n).actual(&m.names) }

func (e *entry) actual(names *arena) Actual {
	b := names.bytes(e.names, e.size())
	name := func(i int) []byte {
		x := b[:e.lens[i]:e.lens[i]]
		b = b[e.lens[i]:]
		return x
	}
	return Actual{
		Model: name(0), ID: name(1), Version: name(2), Environment: name(3),
		Value: e.value, Known: e.known(), Met: e.flags&flagMet != 0,
		Observed: e.observed, Received: e.received, LSN: e.lsn, Line: e.line,
	}
}

// compactNames moves the names of the emptiest piece of the arena together, if much of it is garbage.
func (m *Memory) compactNames() {
	piece, ok := m.names.sparse()
	if !ok {
		return
	}
	m.names.evacuate(piece, func(n uint32, at nameRef) bool {
		e := m.entries.at(n)
		return e.flags&flagUsed != 0 && e.names == at
	}, func(n uint32, to nameRef) { m.entries.edit(n).names = to })
}

// Snapshot is what a memory held at a moment.
type Snapshot struct {
	entries slab
	names   arena
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
	return &Snapshot{entries: m.entries.share(), names: m.names.share()}
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
		a := s.entries.at(n).actual(&s.names)
		if !yield(&a) {
			return
		}
	}
}

// Len returns how many actuals there are.
func (s *Snapshot) Len() int { return s.entries.count }
