package idempotency

// expiries orders things by the time they expire at, or came at, whatever the order in which they were added: a binary
// heap, the earliest first. Adding in the order of time takes one comparison. The zero expiries is empty.
type expiries[K any] struct {
	heap []expiry[K]
}

// expiry is a thing and its time.
type expiry[K any] struct {
	at  int64
	key K
}

func (x *expiries[K]) len() int { return len(x.heap) }

// add adds a thing.
func (x *expiries[K]) add(at int64, key K) {
	x.heap = append(x.heap, expiry[K]{at, key})
	for i := len(x.heap) - 1; i > 0; {
		above := (i - 1) / 2
		if x.heap[above].at <= x.heap[i].at {
			return
		}
		x.heap[above], x.heap[i] = x.heap[i], x.heap[above]
		i = above
	}
}

// first returns the earliest without removing it; there must be one.
func (x *expiries[K]) first() expiry[K] { return x.heap[0] }

// take removes and returns the earliest; there must be one.
func (x *expiries[K]) take() expiry[K] {
	first, last := x.heap[0], len(x.heap)-1
	x.heap[0] = x.heap[last]
	x.heap[last] = expiry[K]{}
	x.heap = x.heap[:last]
	for i := 0; ; {
		least := i
		for below := 2*i + 1; below <= 2*i+2 && below < last; below++ {
			if x.heap[below].at < x.heap[least].at {
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
