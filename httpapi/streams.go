package httpapi

import (
	"sync"
	"time"
)

// stalledAfter is how long a client must have taken nothing of its answer to be cut off for the sake of another answer.
const stalledAfter = time.Second

// streams are the long answers on their way, and the budget of their memory.
type streams struct {
	budget budget

	// Guarded by mu.
	mu  sync.Mutex
	all map[*stream]struct{}
}

// charge takes memory for an answer. When there is none left, the answer whose client has taken nothing for longest
// makes room, if that is longer than stalledAfter: clients that do not read keep no others from their answers.
func (s *streams) charge(n int64) bool {
	for n <= s.budget.limit {
		if s.budget.take(n) {
			return true
		}
		worst := s.worst()
		if worst == nil {
			return false
		}
		_ = worst.conn.Conn.Close()
		<-worst.over
	}
	return false
}

// worst marks the answer that is to make room as ended. It is being written, so that it is over as soon as its
// connection is closed.
func (s *streams) worst() (worst *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := time.Now().Add(-stalledAfter)
	for a := range s.all {
		if !a.ended && !a.since.IsZero() && a.since.Before(before) {
			worst, before = a, a.since
		}
	}
	if worst != nil {
		worst.ended = true
	}
	return worst
}

func (s *streams) add(a *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*stream]struct{}{}
	}
	s.all[a] = struct{}{}
}

// remove gives back what the stream was charged for.
func (s *streams) remove(a *stream) {
	s.mu.Lock()
	delete(s.all, a)
	s.mu.Unlock()
	s.budget.give(a.charged)
	close(a.over)
}

// writes notes that a write of the stream begins, or, with the zero time, that it is over, and tells whether another
// answer needs the room.
func (s *streams) writes(a *stream, at time.Time) (ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.since = at
	return a.ended
}
