package exchange

import (
	"sync"
	"time"

	"github.com/residualdb/residual/httpapi/internal/admission"
	"github.com/residualdb/residual/httpapi/internal/problem"
)

// Streams are the long answers on their way, and what they hold of memory.
type Streams struct {
	// Bytes are the memory of all of them.
	Bytes admission.Bytes
	// Questions is how many are answered at once, which a client that is refused is told.
	Questions int

	// Guarded by mu.
	mu  sync.Mutex
	all map[*stream]struct{}
}

// Charge takes memory for an answer. When there is none left, the answer whose client has taken nothing for longest
// makes room, if that is longer than stalledAfter: clients that do not read keep no others from their answers.
func (s *Streams) Charge(n int64) error {
	for n <= s.Bytes.Limit {
		if s.Bytes.Take(n) {
			return nil
		}
		stalled := s.endStalled()
		if stalled == nil {
			break
		}
		stalled.conn.Abort()
		<-stalled.over
	}
	return s.over(n)
}

// Give gives back what was charged.
func (s *Streams) Give(n int64) { s.Bytes.Give(n) }

// over refuses an answer for which there is no memory.
func (s *Streams) over(n int64) error {
	s.Bytes.Refused.Add(1)
	if n > s.Bytes.Limit {
		e := problem.TooLarge("the answer does not fit the memory of this server; " +
			"ask for fewer models or buckets, or start it with a larger --memory-limit")
		e.HangUp = false
		return e
	}
	return problem.Busy(s.Questions, "too many long answers are being sent; ask for this one again")
}

// endStalled marks the answer that is to make room as ended. It is being written, so that it is over as soon as its
// connection is closed.
func (s *Streams) endStalled() (stalled *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := time.Now().Add(-stalledAfter)
	for a := range s.all {
		if !a.ended && !a.since.IsZero() && a.since.Before(before) {
			stalled, before = a, a.since
		}
	}
	if stalled != nil {
		stalled.ended = true
	}
	return stalled
}

func (s *Streams) add(a *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*stream]struct{}{}
	}
	s.all[a] = struct{}{}
}

// remove gives back what the stream was charged for.
func (s *Streams) remove(a *stream) {
	s.mu.Lock()
	delete(s.all, a)
	s.mu.Unlock()
	s.Bytes.Give(a.charged)
	close(a.over)
}

// writes notes that a write of the stream begins, or, with the zero time, that it is over, and tells whether another
// answer needs the room.
func (s *Streams) writes(a *stream, at time.Time) (ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.since = at
	return a.ended
}
