package base

import "iter"

// NamesFew is how many names are searched one by one.
const NamesFew = 8

// Names numbers names. A few are searched one by one, in a tenth of a map's memory: most models have a version or two in one or
// two environments, and there may be a hundred thousand models.
type Names[K comparable] struct {
	few []numbered[K]
	// many takes the place of few once they are more than NamesFew.
	many map[K]uint32
}

type numbered[K comparable] struct {
	name   K
	number uint32
}

// Get returns the number of a name.
func (n *Names[K]) Get(name K) (number uint32, ok bool) {
	if n.many != nil {
		number, ok = n.many[name]
		return number, ok
	}
	for i := range n.few {
		if n.few[i].name == name {
			return n.few[i].number, true
		}
	}
	return 0, false
}

// Set gives name a number, in the place of any that it has.
func (n *Names[K]) Set(name K, number uint32) {
	if n.many != nil {
		n.many[name] = number
		return
	}
	for i := range n.few {
		if n.few[i].name == name {
			n.few[i].number = number
			return
		}
	}
	if len(n.few) < NamesFew {
		n.few = append(n.few, numbered[K]{name, number})
		return
	}
	n.many = map[K]uint32{name: number}
	for _, x := range n.few {
		n.many[x.name] = x.number
	}
	n.few = nil
}

// All yields the names with their numbers, in no order.
func (n *Names[K]) All() iter.Seq2[K, uint32] {
	return func(yield func(K, uint32) bool) {
		for i := range n.few {
			if !yield(n.few[i].name, n.few[i].number) {
				return
			}
		}
		for name, number := range n.many {
			if !yield(name, number) {
				return
			}
		}
	}
}

// Clear forgets all names.
func (n *Names[K]) Clear() { *n = Names[K]{} }
