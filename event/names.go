package event

import (
	"bytes"
	"hash/maphash"
)

// scanNamesMax is how many names an object may have before they are looked up
// in a table: below it, a walk over the hashes is faster than filling one.
const scanNamesMax = 32

// nameStack finds keys that occur twice in one object. Objects nest, so the
// names of the open ones lie on a stack, the innermost on top. The hash is
// seeded: keys chosen to collide cannot make a line quadratic. It keeps its
// memory; the zero nameStack is ready.
type nameStack struct {
	seed   maphash.Seed
	seeded bool

	names []name
	text  []byte   // the names' bytes, unescaped
	slots []uint32 // tables: index into names + 1, or 0
}

type name struct {
	hash       uint64
	start, end uint32 // in text
}

// nameScope is one open object: where its part of the stack begins, and its
// table, once it has one.
type nameScope struct {
	names, text, slots int
	table, tableSize   int
}

// open begins an object.
func (s *nameStack) open() nameScope {
	return nameScope{names: len(s.names), text: len(s.text), slots: len(s.slots)}
}

// close ends the innermost object.
func (s *nameStack) close(scope nameScope) {
	s.names = s.names[:scope.names]
	s.text = s.text[:scope.text]
	s.slots = s.slots[:scope.slots]
}

// add adds a key to the innermost object, and returns false if it is there
// already. The key is as written; escaped tells whether it holds escapes.
func (s *nameStack) add(scope *nameScope, key []byte, escaped bool) bool {
	if !s.seeded {
		s.seed, s.seeded = maphash.MakeSeed(), true
	}
	start := len(s.text)
	if escaped {
		s.text = unescape(s.text, key)
	} else {
		s.text = append(s.text, key...)
	}
	n := name{start: uint32(start), end: uint32(len(s.text))}
	n.hash = maphash.Bytes(s.seed, s.text[start:])

	count := len(s.names) - scope.names
	if count < scanNamesMax {
		for _, other := range s.names[scope.names:] {
			if other.hash == n.hash && s.equal(other, n) {
				return false
			}
		}
		s.names = append(s.names, n)
		return true
	}
	if 2*count >= scope.tableSize {
		s.grow(scope, 4*count)
	}
	s.names = append(s.names, n)
	return s.insert(scope, len(s.names)-1)
}

// grow gives the innermost object a new table of at least size slots, a power
// of two. An older table stays below it on the stack until the object ends.
func (s *nameStack) grow(scope *nameScope, size int) {
	scope.table, scope.tableSize = len(s.slots), 1
	for scope.tableSize < size {
		scope.tableSize *= 2
	}
	for range scope.tableSize {
		s.slots = append(s.slots, 0)
	}
	for i := scope.names; i < len(s.names); i++ {
		if !s.insert(scope, i) {
			panic("BUG: duplicate name in a nameStack")
		}
	}
}

// insert enters names[i] into the table of the innermost object, which has room,
// and returns false if an equal name is there.
func (s *nameStack) insert(scope *nameScope, i int) bool {
	table := s.slots[scope.table : scope.table+scope.tableSize]
	n := s.names[i]
	for at := n.hash; ; at++ {
		slot := &table[at%uint64(len(table))]
		if *slot == 0 {
			*slot = uint32(i) + 1
			return true
		}
		if other := s.names[*slot-1]; other.hash == n.hash && s.equal(other, n) {
			return false
		}
	}
}

func (s *nameStack) equal(a, b name) bool {
	return bytes.Equal(s.text[a.start:a.end], s.text[b.start:b.end])
}
