package httpapi

import (
	"sync/atomic"
	"time"
)

// gate bounds requests inside the store.
type gate struct {
	slots   chan struct{}
	waiting atomic.Int64
}

// enter never waits.
func (g *gate) enter() bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// wait is enter for who has so much time. Who waits goes in before those that come later.
func (g *gate) wait(patience time.Duration) bool {
	if g.enter() {
		return true
	}
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case g.slots <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}

func (g *gate) leave() { <-g.slots }

func (g *gate) inside() int { return len(g.slots) }

// loan is a place inside whose holder still waits for the first piece of a body. When that is late the place goes to
// others: a body that trickles in holds a connection, but no place.
type loan struct {
	gate     *gate
	patience time.Duration
	late     *time.Timer
	kept     bool
}

// lateAfter is when the first piece of a body is late. A MiB takes a client of the same network some 10 ms.
const lateAfter = 100 * time.Millisecond

// lend makes a loan of the place that the caller has.
func (g *gate) lend(patience time.Duration) *loan {
	return &loan{gate: g, patience: patience, late: time.AfterFunc(lateAfter, g.leave)}
}

// keep makes the place the holder's until leave. One that others have by now is waited for.
func (l *loan) keep() bool {
	l.kept = l.late.Stop() || l.gate.wait(l.patience)
	return l.kept
}

// leave gives the place back if the holder has it.
func (l *loan) leave() {
	if l.kept || l.late.Stop() {
		l.gate.leave()
	}
}
