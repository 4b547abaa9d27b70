package clock

import (
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
)

// The bounds on what the trusted clock takes over from the wall clock.
const (
	// step is the largest step of the wall clock that is believed at once, and beyond which the store says so.
	step = time.Hour
	// rate is how much faster than time passes the trusted clock approaches the wall clock. It is also how fast the
	// right to a step comes back.
	rate = 4
	// confirmed is how long a wall clock that has not jumped again is doubted at most.
	confirmed = 7 * 24 * time.Hour
	// setBack is how long a wall clock that is behind the trusted one is doubted at most. To believe one that is wrong
	// keeps things longer; to doubt one that is right leaves the trusted clock ahead, as a machine that starts with a wrong
	// clock has set it, for the next wrong reading to drop everything by.
	setBack = time.Hour
)

// Clock tells the time by which the store forgets: retention, idempotency keys, actuals for rows still to come. What is
// forgotten does not come back, so that a wrong reading of the wall clock must not decide about it.
//
// The trusted clock goes with the monotonic clock, and the wall clock sets it right. A difference of up to step is
// made good at once, as often as a step's worth has come back: rate times what has passed since the last one, none
// right after Open. A larger one is doubted. It is made good by at most rate times the time in which two readings
// after each other have shown it, or in full after confirmed without a further jump, and after setBack where the
// wall clock is the one behind. So between any two moments, however the wall clock jumps, the trusted clock goes ahead by no
// more than step and rate times what has passed beside what has passed, until that week is over. A clock that is a
// day ahead is believed after six hours.
//
// The time is kept in every record of the log and in the manifest. A restart goes on from the last one and sees the
// time for which the store was closed as a difference to be made good.
type Clock struct {
	// Immutable.
	wall    func() time.Time
	elapsed func() time.Duration // monotonic
	log     *slog.Logger

	mu sync.Mutex

	// Guarded by mu. All in milliseconds: those since 1970, and of elapsed.
	started bool
	trusted int64
	last    int64 // elapsed at the last reading
	credit  int64 // how large a step may be
	doubt   int64 // how far the wall clock was ahead at the last reading, beyond what is believed
	line    int64 // wall less elapsed when doubt began, or when the wall clock jumped last
	since   int64 // elapsed then
	warned  bool
}

// Moment is one reading of the clock, in Unix milliseconds: what the wall clock says and what is trusted.
type Moment struct{ Wall, Trusted int64 }

// Past is the time by which things have expired: the earlier of the two, so that neither a wall clock that is ahead
// nor a trusted one that has been drawn ahead lets anything go early.
func (m Moment) Past() int64 { return min(m.Wall, m.Trusted) }

// Latest is the time from which a thing is kept: the later of the two, so that one taken while the wall clock is behind
// does not count as old when it is set right.
func (m Moment) Latest() int64 { return max(m.Wall, m.Trusted) }

// New returns a clock that reads the wall clock from wall and the monotonic clock from elapsed. It begins with the first
// reading of the wall clock, unless it resumes.
func New(wall func() time.Time, elapsed func() time.Duration, log *slog.Logger) *Clock {
	return &Clock{wall: wall, elapsed: elapsed, log: log}
}

// Resume sets the clock to the trusted time of a moment that the store has on disk. Later moments are told later.
func (c *Clock) Resume(trusted int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started, c.trusted, c.last = true, trusted, c.elapsed().Milliseconds()
}

// Read reads the clock.
func (c *Clock) Read() Moment {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, elapsed := min(max(base.ClampMilli(c.wall()), 1), latestMilli), c.elapsed().Milliseconds()
	if !c.started {
		c.started, c.trusted, c.last = true, wall, elapsed
	}
	passed := max(elapsed-c.last, 0)
	c.last = elapsed
	c.trusted += passed
	c.trusted += c.believed(wall-c.trusted, wall-elapsed, passed)
	c.tell(wall)
	return Moment{wall, c.trusted}
}

// believed returns how much of a difference is made good, and keeps the rest as doubt.
func (c *Clock) believed(ahead, line, passed int64) (move int64) {
	defer func() { c.doubt = ahead - move }()
	if c.doubt == 0 || (c.doubt > 0) != (ahead > 0) {
		c.credit = min(c.credit+rate*passed, step.Milliseconds())
		if magnitude(ahead) <= c.credit {
			c.credit -= magnitude(ahead)
			return ahead
		}
		c.line, c.since = line, c.last
		return 0
	}
	if magnitude(line-c.line) > step.Milliseconds() {
		c.line, c.since = line, c.last
	}
	patience := confirmed
	if ahead < 0 {
		patience = setBack
	}
	if c.last-c.since >= patience.Milliseconds() {
		return ahead
	}
	shown := min(magnitude(ahead), magnitude(c.doubt), rate*passed)
	if ahead < 0 {
		return -shown
	}
	return shown
}

// tell logs that the wall clock is doubted, once, and that it is believed again.
func (c *Clock) tell(wall int64) {
	doubted := magnitude(c.doubt) > step.Milliseconds()
	switch {
	case doubted && !c.warned:
		c.log.Warn("the clock has jumped and is not believed yet: nothing expires by it",
			"clock", time.UnixMilli(wall).UTC(), "believed", time.UnixMilli(c.trusted).UTC())
		c.warned = true
	case c.doubt == 0 && c.warned:
		c.log.Info("the clock is believed again", "clock", time.UnixMilli(wall).UTC())
		c.warned = false
	}
}

// Doubted returns how far the wall clock is ahead of the trusted one as of the last reading, negative if it is behind.
func (c *Clock) Doubted() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	const most = math.MaxInt64 / int64(time.Millisecond)
	return time.Duration(min(max(c.doubt, -most), most)) * time.Millisecond
}

// latestMilli is the end of the year 9999: no clock is later.
const latestMilli = 253_402_300_799_999

func magnitude(n int64) int64 { return max(n, -n) }
