package httpapi

import (
	"sync/atomic"

	"github.com/residualdb/residual/event"
)

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

// fits tells whether n bytes could be added now; a negative n, of a body that does not say, does.
func (b *budget) fits(n int64) bool { return n <= 0 || b.spent.Load()+n <= b.limit }

func (b *budget) give(n int64) { b.spent.Add(-n) }

// turns lets so many requests at a time be decoded. The others wait outside the scheduler's queue: in it, a query would wait
// for all of them. A turn comes with a decoder, which keeps what it learned: a few hundred KiB.
type turns chan *event.Decoder

func newTurns(n int) turns {
	t := make(turns, n)
	for range n {
		t <- event.NewDecoder()
	}
	return t
}

func (t turns) take() *event.Decoder  { return <-t }
func (t turns) give(d *event.Decoder) { t <- d }

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
