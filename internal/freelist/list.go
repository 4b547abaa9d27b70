package freelist

import (
	"sync"
	"time"
)

// keptFor is the time between sweeps: what nobody needs is kept for one of them at least and two at most. A load needs
// it again within milliseconds.
const keptFor = time.Second

// List holds values that are not in use. The zero List is empty and ready; its methods are safe for concurrent use.
type List[T any] struct {
	mu sync.Mutex
	// Guarded by mu. The last of free is the one used last; so many of the first as unused says were not used since the
	// last sweep.
	free   []*T
	unused int
	// timer calls sweep; nil while the list is empty.
	timer *time.Timer
}

// Get returns the value that was used last, or a new one, zero, if there is none.
func (l *List[T]) Get() *T {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.free) - 1
	if last < 0 {
		return new(T)
	}
	x := l.free[last]
	l.free[last] = nil
	l.free = l.free[:last]
	l.unused = min(l.unused, last)
	return x
}

// Put takes over a value that is not used any more.
func (l *List[T]) Put(x *T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, x)
	if l.timer == nil {
		l.timer = time.AfterFunc(keptFor, l.sweep)
	}
}

// sweep lets go of what was not used since it was called last.
func (l *List[T]) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer == nil {
		return // dropped meanwhile
	}
	left := copy(l.free, l.free[l.unused:])
	clear(l.free[left:])
	l.free, l.unused = l.free[:left], left
	if left > 0 {
		l.timer.Reset(keptFor)
		return
	}
	l.timer = nil
}

// Drop lets go of all values.
func (l *List[T]) Drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	l.free, l.unused, l.timer = nil, 0, nil
}
