package idempotency

// Expiries orders things by the time they expire at, or came at, whatever the order in which they were added: a binary
// heap, the earliest first. Adding in the order of time takes one comparison. The zero expiries is empty.
type Expiries[K any] struct {
	heap []Expiry[K]
}

// Expiry is a thing and its time.
type Expiry[K any] struct {
	At  int64
	Key K
}

func (x *Expiries[K]) Len() int { return len(x.heap) }

// Add adds a thing.
func (x *Expiries[K]) Add(at int64, key K) {
	x.heap = append(x.heap, Expiry[K]{at, key})
	for i := len(x.heap) - 1; i > 0; {
		above := (i - 1) / 2
		if x.heap[above].At <= x.heap[i].At {
			return
		}
		x.heap[above], x.heap[i] = x.heap[i], x.heap[above]
		i = above
	}
}

// First returns the earliest without removing it; there must be one.
func (x *Expiries[K]) First() Expiry[K] { return x.heap[0] }

// Take removes and returns the earliest; there must be one.
func (x *Expiries[K]) Take() Expiry[K] {
	first, last := x.heap[0], len(x.heap)-1
	x.heap[0] = x.heap[last]
	x.heap[last] = Expiry[K]{}
	x.heap = x.heap[:last]
	for i := 0; ; {
		least := i
		for below := 2*i + 1; below <= 2*i+2 && below < last; below++ {
			if x.heap[below].At < x.heap[least].At {
				least = below
			}
		}
		if least == i {
			return first
		}
		x.heap[i], x.heap[least] = x.heap[least], x.heap[i]
		i = least
	}
}
