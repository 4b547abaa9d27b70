// Package wallclock tells when the clock of a time zone first shows a time.
//
// A clock that is put back shows some times twice, and one that is put forward some times never. Counting from when it first shows a
// time or a later one, days and parts of days follow each other without a gap and without an overlap, whatever is done to the clock: a
// day without its midnight begins when the clock goes forward, a day that is left out has no length.
package wallclock

import (
	"math"
	"time"
)

// Clock is the clock of one time zone. What it shows is in milliseconds since it would have shown 1970-01-01 00:00:00. A Clock is used
// by one goroutine at a time; its zero value is no clock.
type Clock struct {
	zone *time.Location
	// In [from, to), of Unix milliseconds, the clock is ahead of UTC by offset milliseconds.
	from, to, offset int64
}

// In returns the clock of a zone.
func In(zone *time.Location) *Clock { return &Clock{zone: zone} }

// reach is more than any clock is ahead of UTC, or behind: RFC 9636 allows less than 26 hours.
const reach = 26 * int64(time.Hour/time.Millisecond)

// Shows returns what the clock shows at a Unix millisecond.
func (c *Clock) Shows(at int64) int64 {
	c.look(at)
	return at + c.offset
}

// First returns the first Unix millisecond at which the clock shows a time or a later one.
func (c *Clock) First(shown int64) int64 {
	for at := shown - reach; ; at = c.to {
		c.look(at)
		if first := max(at, shown-c.offset); first < c.to {
			return first
		}
	}
}

// look makes from, to and offset those of a Unix millisecond.
func (c *Clock) look(at int64) {
	if at >= c.from && at < c.to {
		return
	}
	t := time.UnixMilli(at).In(c.zone)
	_, seconds := t.Zone()
	c.from, c.to, c.offset = at, math.MaxInt64, int64(seconds)*1000
	if _, end := t.ZoneBounds(); end.After(t) {
		c.to = end.UnixMilli()
	} else if !end.IsZero() {
		// Where a rule puts the clock forward and back each year, ZoneBounds takes a year for 365 days: for the last day of
		// a leap year it returns the beginning of that day. No rule changes a clock there before midnight UTC.
		const day = 24 * time.Hour
		c.to = t.Truncate(day).Add(day).UnixMilli()
	}
}
