// Package recent counts what came in the last minute, hour and day.
//
// A [Counter] is safe for concurrent use and takes 36 KiB, whatever it counts. A clock that jumps loses counts or keeps
// them longer, and does no other harm.
package recent

import "sync"

// Counts are rows and rejected lines.
type Counts struct{ Rows, Rejected uint64 }

func (c *Counts) add(o Counts) {
	c.Rows += o.Rows
	c.Rejected += o.Rejected
}

// Counter counts by the second for a minute, and by the minute for a day.
type Counter struct {
	mu sync.Mutex

	// Guarded by mu.
	seconds [60]slot
	minutes [24 * 60]slot
}

// slot is what came in one second, or minute, of Unix time.
type slot struct {
	number int64
	Counts
}

// Add counts what came at a time in Unix milliseconds.
func (r *Counter) Add(at int64, c Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slotOf(r.seconds[:], at/1000).add(c)
	slotOf(r.minutes[:], at/60_000).add(c)
}

func slotOf(ring []slot, number int64) *slot {
	s := &ring[uint64(number)%uint64(len(ring))]
	if s.number != number {
		*s = slot{number: number}
	}
	return s
}

// Until returns what came in the 60 seconds, the 60 minutes and the 1,440 minutes up to a time in Unix milliseconds, of which the
// last is the one under way.
func (r *Counter) Until(at int64) (minute, hour, day Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return sum(r.seconds[:], at/1000, 60), sum(r.minutes[:], at/60_000, 60), sum(r.minutes[:], at/60_000, 24*60)
}

// sum adds up so many slots up to the one of a number.
func sum(ring []slot, last, count int64) (c Counts) {
	for i := range ring {
		if s := &ring[i]; s.number > last-count && s.number <= last {
			c.add(s.Counts)
		}
	}
	return c
}
