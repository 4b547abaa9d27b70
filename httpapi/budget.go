package httpapi

import "sync/atomic"

// budget bounds the bytes of bodies in flight. It never waits: whoever finds it spent is told to come back.
type budget struct {
	limit int64
	spent atomic.Int64
}

// take adds n bytes, or nothing and reports false.
func (b *budget) take(n int64) bool {
	if b.spent.Add(n) > b.limit {
		b.spent.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.spent.Add(-n) }

// gate bounds requests inside the store. Like budget it never waits.
type gate struct {
	slots chan struct{}
}

func newGate(slots int) gate { return gate{slots: make(chan struct{}, slots)} }

func (g gate) enter() bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g gate) leave() { <-g.slots }

func (g gate) inside() int { return len(g.slots) }
