package positions

import (
	"cmp"
	"iter"
	"slices"
	"sort"
	"sync"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/internal/columns"
)

// Position says how far a part of a source was read; package engine documents its fields.
type Position struct{ Source, Part, Value string }

// Memory holds the newest position of each part.
type Memory struct {
	mu sync.Mutex

	// Guarded by mu. shared says that a snapshot has the leaves' slice.
	held   Snapshot
	shared bool
}

// Snapshot is what a memory held at one moment. The zero Snapshot is empty.
type Snapshot struct {
	leaves []leaf
	// count is the number of positions, bytes what they take in lists.
	count int
	bytes int64
}

// leaf holds entries in the order of their keys. It has one at least, and never changes.
type leaf []byte

// leafBytes is the size from which on a leaf of more than one entry is parted.
const leafBytes = 4 << 10

// entryBytes is what a position takes of memory beside its entry: its share of the leaves' slice, twice, and what the allocator
// rounds up.
const entryBytes = 16

// entry is an entry of a leaf, in parts that alias it.
type entry struct {
	source, part, value []byte
	// whole has all bytes of it.
	whole []byte
}

// readEntry returns the first entry of a leaf, or of the end of one.
func readEntry(b []byte) entry {
	c := columns.NewCursor(b, base.ErrCorrupt)
	e := entry{source: c.Text(), part: c.Text(), value: c.Text()}
	if c.Err != nil {
		panic("BUG: a position that cannot be read: " + c.Err.Error())
	}
	e.whole = b[:len(b)-len(c.Rest)]
	return e
}

// compare compares the key of an entry. It does without the copies that a conversion makes which is not compared at once.
func (e *entry) compare(source, part string) int {
	switch {
	case string(e.source) < source, string(e.source) == source && string(e.part) < part:
		return -1
	case string(e.source) == source && string(e.part) == part:
		return 0
	}
	return 1
}

// Set sets positions, one after the other.
func (m *Memory) Set(all []Position) {
	if len(all) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shared {
		m.held.leaves, m.shared = slices.Clone(m.held.leaves), false
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Position) int { return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Part, b.Part)) })
	for len(sorted) > 0 {
		sorted = m.held.setRun(sorted)
	}
}

// leafOf returns the number of the leaf that has a part's entry, or would have it. There must be a leaf.
func (s *Snapshot) leafOf(source, part string) int {
	behind := sort.Search(len(s.leaves), func(i int) bool {
		e := readEntry(s.leaves[i])
		return e.compare(source, part) > 0
	})
	return max(behind-1, 0)
}

// place is where an entry is in a snapshot, or would be: from and to are the same if it is not there.
type place struct{ leaf, from, to int }

// find returns the place of a part's entry. There must be a leaf.
func (s *Snapshot) find(source, part string) (p place) {
	p.leaf = s.leafOf(source, part)
	l := s.leaves[p.leaf]
	for p.from < len(l) {
		e := readEntry(l[p.from:])
		if order := e.compare(source, part); order >= 0 {
			p.to = p.from
			if order == 0 {
				p.to += len(e.whole)
			}
			return p
		}
		p.from += len(e.whole)
	}
	p.to = p.from
	return p
}

// setRun sets the first of some positions, which are in order, with those that belong to the same leaf, and returns the others. The
// slice of leaves is not shared.
func (s *Snapshot) setRun(all []Position) (rest []Position) {
	var l leaf
	at, end := 0, 0
	if len(s.leaves) > 0 {
		at = s.leafOf(all[0].Source, all[0].Part)
		l, end = s.leaves[at], 1
	}
	run := len(all)
	if at+1 < len(s.leaves) {
		next := readEntry(s.leaves[at+1])
		run = sort.Search(len(all), func(i int) bool { return next.compare(all[i].Source, all[i].Part) <= 0 })
	}
	fresh := s.merge(l, all[:run])
	if fresh != nil {
		s.leaves = slices.Replace(s.leaves, at, at+end, fresh.parts()...)
	}
	return all[run:]
}

// merged is what leaves are made of: entries in their order.
type merged struct {
	entries []byte
	// appended says that what is new came behind all that there was.
	appended bool
}

// merge merges positions into a leaf, and counts what that changes; nil if nothing does.
func (s *Snapshot) merge(l leaf, run []Position) *merged {
	before, size := len(l), len(l)
	for i := range run {
		size += sizeOf(&run[i])
	}
	m := merged{entries: make([]byte, 0, size), appended: true}
	changed := false
	for i := range run {
		x := &run[i]
		if i+1 < len(run) && run[i+1].Source == x.Source && run[i+1].Part == x.Part {
			continue // the last one counts
		}
		was := 0
		for len(l) > 0 {
			e := readEntry(l)
			order := e.compare(x.Source, x.Part)
			if order > 0 {
				m.appended = false
				break
			}
			l = l[len(e.whole):]
			if order == 0 {
				was, m.appended = len(e.whole), false
				break
			}
			m.entries = append(m.entries, e.whole...)
		}
		if was > 0 {
			s.count--
		}
		if x.Value != "" {
			m.entries = appendEntry(m.entries, x)
			s.count++
		}
		changed = changed || was > 0 || x.Value != ""
	}
	if !changed {
		return nil
	}
	m.entries = append(m.entries, l...)
	s.bytes += int64(len(m.entries) - before)
	return &m
}

// parts returns the entries in leaves that are full, if they came in order, and otherwise have room for more.
func (m *merged) parts() (leaves []leaf) {
	target := leafBytes
	if n := (len(m.entries) + leafBytes - 1) / leafBytes; n > 1 && !m.appended {
		target = len(m.entries)/n + 1
	}
	for rest := m.entries; len(rest) > 0; {
		end := len(readEntry(rest).whole)
		for end < len(rest) {
			next := end + len(readEntry(rest[end:]).whole)
			if next > target {
				break
			}
			end = next
		}
		leaves = append(leaves, slices.Clone(rest[:end]))
		rest = rest[end:]
	}
	return leaves
}

// Fits tells whether a memory that sets these takes no more than bytesMax, or no more than before.
func (m *Memory) Fits(all []Position, bytesMax int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	more := int64(0)
	for i := range all {
		x := &all[i]
		if x.Value != "" {
			more += int64(sizeOf(x)) + entryBytes
		}
		if len(m.held.leaves) > 0 {
			if p := m.held.find(x.Source, x.Part); p.to > p.from {
				more -= int64(p.to-p.from) + entryBytes
			}
		}
	}
	return more <= 0 || m.held.Bytes()+more <= bytesMax
}

// Snapshot returns what the memory holds.
func (m *Memory) Snapshot() Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shared = true
	return m.held
}

// Size returns the number of positions and about their memory.
func (m *Memory) Size() (count int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held.count, m.held.Bytes()
}

// Len returns the number of positions.
func (s *Snapshot) Len() int { return s.count }

// ListBytes returns what all positions take in lists.
func (s *Snapshot) ListBytes() int64 { return s.bytes }

// Bytes returns about what the positions take of memory.
func (s *Snapshot) Bytes() int64 { return s.bytes + entryBytes*int64(s.count) }

// Of returns the values of a source by their parts.
func (s *Snapshot) Of(source string) map[string]string {
	count := 0
	for range s.eachOf(source) {
		count++
	}
	values := make(map[string]string, count)
	for e := range s.eachOf(source) {
		values[string(e.part)] = string(e.value)
	}
	return values
}

// eachOf yields the entries of a source.
func (s *Snapshot) eachOf(source string) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		if len(s.leaves) == 0 {
			return
		}
		p := s.find(source, "")
		for _, l := range s.leaves[p.leaf:] {
			for rest := l[p.from:]; len(rest) > 0; {
				e := readEntry(rest)
				if string(e.source) != source || !yield(e) {
					return
				}
				rest = rest[len(e.whole):]
			}
			p.from = 0
		}
	}
}
