package event

import (
	"bytes"
	"hash/maphash"
)

// scanNamesMax is how many names an object may have before they are looked up in a table: below it, a walk over the
// hashes is faster than filling one.
const scanNamesMax = 32

// nameStack finds keys that occur twice in one object. Objects nest, so the names of the open ones lie on a stack, the
// innermost on top. Tables hash with a seed: keys chosen to collide cannot make a line quadratic. It keeps its memory;
// the zero nameStack is ready.
type nameStack struct {
	names []name
	text  []byte   // names that were written with escapes, without them
	slots []uint32 // tables: index into names + 1, or 0

	seed   maphash.Seed
	seeded bool
}

// name is one key: the text lies in the bytes under check, or in nameStack.text. The hash is hashText while the object
// is walked over, and seeded in a table.
type name struct {
	hash       uint64
	start, end uint32
	escaped    bool
}

// nameScope is one open object: where its part of the stack begins, and its table, once it has one.
type nameScope struct {
	names, text, slots int
	table, tableSize   int
}

// open begins an object.
func (s *nameStack) open() nameScope {
	return nameScope{names: len(s.names), text: len(s.text), slots: len(s.slots)}
}

// close ends the innermost object.
func (s *nameStack) close(scope *nameScope) {
	s.names = s.names[:scope.names]
	s.text = s.text[:scope.text]
	s.slots = s.slots[:scope.slots]
}

// add adds the key b[start:end], as written, to the innermost object, and returns false if it is there already. Every
// key of an object is of the same b.
func (s *nameStack) add(scope *nameScope, b []byte, start, end int, escaped bool) bool {
	if escaped {
		key := b[start:end]
		start = len(s.text)
		s.text = unescape(s.text, key)
		end = len(s.text)
	}
	n := name{start: uint32(start), end: uint32(end), escaped: escaped}
	count := len(s.names) - scope.names
	if count >= scanNamesMax {
		return s.addToTable(scope, b, n)
	}
	n.hash = hashText(s.bytes(b, n))
	for i := range s.names[scope.names:] {
		if other := &s.names[scope.names+i]; other.hash == n.hash && s.equal(b, *other, n) {
			return false
		}
	}
	s.names = append(s.names, n)
	return true
}

// addToTable is add for an object with many names.
func (s *nameStack) addToTable(scope *nameScope, b []byte, n name) bool {
	if !s.seeded {
		s.seed, s.seeded = maphash.MakeSeed(), true
	}
	count := len(s.names) - scope.names
	if 2*count >= scope.tableSize {
		s.grow(scope, b, 4*count)
	}
	n.hash = maphash.Bytes(s.seed, s.bytes(b, n))
	s.names = append(s.names, n)
	return s.insert(scope, b, len(s.names)-1)
}

// grow gives the innermost object a new table of at least size slots, a power of two. An older table stays below it on
// the stack until the object ends.
func (s *nameStack) grow(scope *nameScope, b []byte, size int) {
	scope.table, scope.tableSize = len(s.slots), 1
	for scope.tableSize < size {
		scope.tableSize *= 2
	}
	for range scope.tableSize {
		s.slots = append(s.slots, 0)
	}
	for i := scope.names; i < len(s.names); i++ {
		s.names[i].hash = maphash.Bytes(s.seed, s.bytes(b, s.names[i]))
		if !s.insert(scope, b, i) {
			panic("BUG: duplicate name in a nameStack")
		}
	}
}

// insert enters names[i] into the table of the innermost object, which has room, and returns false if an equal name is
// there.
func (s *nameStack) insert(scope *nameScope, b []byte, i int) bool {
	table := s.slots[scope.table : scope.table+scope.tableSize]
	n := s.names[i]
	for at := n.hash; ; at++ {
		slot := &table[at%uint64(len(table))]
		if *slot == 0 {
			*slot = uint32(i) + 1
			return true
		}
		if other := s.names[*slot-1]; other.hash == n.hash && s.equal(b, other, n) {
			return false
		}
	}
}

// bytes returns the text of a name.
func (s *nameStack) bytes(b []byte, n name) []byte {
	if n.escaped {
		b = s.text
	}
	return b[n.start:n.end]
}

func (s *nameStack) equal(b []byte, x, y name) bool {
	return bytes.Equal(s.bytes(b, x), s.bytes(b, y))
}
