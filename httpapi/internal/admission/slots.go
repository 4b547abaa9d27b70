package admission

import (
	"sync/atomic"
	"time"
)

// Slots bounds the requests that do something at one time.
type Slots struct {
	// Waiting is how many requests wait for a slot, Refused how many got none.
	Waiting atomic.Int64
	Refused atomic.Uint64

	slots chan struct{}
}

// NewSlots returns n slots.
func NewSlots(n int) *Slots { return &Slots{slots: make(chan struct{}, n)} }

// Taken is how many slots are taken.
func (s *Slots) Taken() int { return len(s.slots) }

// Take takes a slot, for which it waits as long as patience says, first come, first served. It reports whether there was one.
func (s *Slots) Take(patience time.Duration) bool {
	select {
	case s.slots <- struct{}{}:
		return true
	default:
	}
	if patience > 0 {
		s.Waiting.Add(1)
		defer s.Waiting.Add(-1)
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case s.slots <- struct{}{}:
			return true
		case <-timer.C:
		}
	}
	s.Refused.Add(1)
	return false
}

// Give gives a slot back.
func (s *Slots) Give() { <-s.slots }

// Provisional is a slot whose holder waits for the first piece of a body. When that is late the slot goes to others: a body
// that trickles in holds a connection, but no slot.
type Provisional struct {
	slots *Slots
	late  *time.Timer
	kept  bool
}

// lateAfter is when the first piece of a body is late. A MiB takes a client of the same network some 10 ms.
const lateAfter = 100 * time.Millisecond

// TakeProvisional is Take for a request whose first piece is still to come; nil if there was no slot.
func (s *Slots) TakeProvisional(patience time.Duration) *Provisional {
	if !s.Take(patience) {
		return nil
	}
	return &Provisional{slots: s, late: time.AfterFunc(lateAfter, s.Give)}
}

// Keep makes the slot the holder's until Give. If others have it by now, Keep takes one as Take does.
func (p *Provisional) Keep(patience time.Duration) bool {
	p.kept = p.late.Stop() || p.slots.Take(patience)
	return p.kept
}

// Give gives the slot back if the holder has it.
func (p *Provisional) Give() {
	if p.kept || p.late.Stop() {
		p.slots.Give()
	}
}
