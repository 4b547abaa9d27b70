package rows

// heap is a binary heap: the item that comes before all others is the first.
type heap[T any] struct {
	items  []T
	before func(a, b *T) bool
}

// rise moves an item to where it belongs above its place: one that was added at the end.
func (h *heap[T]) rise(at int) {
	for at > 0 {
		above := (at - 1) / 2
		if !h.before(&h.items[at], &h.items[above]) {
			return
		}
		h.items[at], h.items[above] = h.items[above], h.items[at]
		at = above
	}
}

func (h *heap[T]) pop() T {
	first, last := h.items[0], len(h.items)-1
	h.items[0] = h.items[last]
	h.items = h.items[:last]
	h.sink(0)
	return first
}

// init puts the items in order.
func (h *heap[T]) init() {
	for at := len(h.items)/2 - 1; at >= 0; at-- {
		h.sink(at)
	}
}

// sink moves an item to where it belongs under its place.
func (h *heap[T]) sink(at int) {
	for {
		next := 2*at + 1
		if next >= len(h.items) {
			return
		}
		if next+1 < len(h.items) && h.before(&h.items[next+1], &h.items[next]) {
			next++
		}
		if !h.before(&h.items[next], &h.items[at]) {
			return
		}
		h.items[at], h.items[next] = h.items[next], h.items[at]
		at = next
	}
}
