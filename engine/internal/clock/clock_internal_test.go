package clock

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/race"
)

const day = 24 * time.Hour

// brokenClock is a clock whose wall clock is off the truth, in a world where time passes as it is told to.
type brokenClock struct {
	*Clock
	truth, elapsed, off time.Duration // since epoch, since the process began, and the error
	logged              bytes.Buffer
}

var epoch = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func newBrokenClock() *brokenClock {
	c := new(brokenClock)
	c.restart()
	c.Read()
	return c
}

// restart is the start of another process, which knows what the last one trusted.
func (c *brokenClock) restart() {
	old := c.Clock
	c.elapsed = 0
	c.Clock = New(
		func() time.Time { return epoch.Add(c.truth + c.off) },
		func() time.Duration { return c.elapsed },
		slog.New(slog.NewTextHandler(&c.logged, nil)),
	)
	if old != nil {
		c.Resume(old.trusted)
	}
}

// run lets the process run for so long and reads the clock each minute.
func (c *brokenClock) run(d time.Duration) Moment {
	for ; d > 0; d -= time.Minute {
		passed := min(d, time.Minute)
		c.truth, c.elapsed = c.truth+passed, c.elapsed+passed
		c.Read()
	}
	return c.Read()
}

// rest lets time pass without a process.
func (c *brokenClock) rest(d time.Duration) {
	c.truth += d
	c.restart()
}

// error returns how far a time of the clock is from the truth.
func (c *brokenClock) error(at int64) time.Duration {
	return time.UnixMilli(at).Sub(epoch.Add(c.truth))
}

// TestClockHolds lets the wall clock jump at random, the process run, restart and rest, and holds the trusted clock to
// its bound between any two moments, and to the truth once the wall clock has kept to it for a quarter of the difference.
func TestClockHolds(t *testing.T) {
	s := uint64(time.Now().UnixNano())
	t.Logf("seed %d", s)
	type reading struct{ ran, trusted time.Duration }
	for run := range race.Cases(60) {
		r := rand.New(rand.NewPCG(s, uint64(run)))
		c := newBrokenClock()
		var ran time.Duration
		var readings []reading
		for range 150 {
			switch r.IntN(4) {
			case 0: // some right, most wrong by seconds to decades
				c.off = 0
				if r.IntN(3) > 0 {
					c.off = time.Duration(r.Int64N(int64(10 * time.Second << r.IntN(27)))).Round(time.Millisecond)
				}
				if r.IntN(2) == 0 {
					c.off = -c.off
				}
			case 1:
				if r.IntN(4) == 0 {
					c.restart()
				}
			default:
				passed := time.Duration(r.Int64N(int64(time.Minute << r.IntN(7)))).Round(time.Millisecond)
				c.truth, c.elapsed, ran = c.truth+passed, c.elapsed+passed, ran+passed
			}
			m := c.Read()
			require.LessOrEqual(t, m.Past(), m.Wall)
			require.LessOrEqual(t, m.Past(), m.Trusted)
			now := reading{ran, time.Duration(m.Trusted) * time.Millisecond}
			for _, before := range readings {
				passed := now.ran - before.ran
				moved := now.trusted - before.trusted - passed
				require.LessOrEqual(t, moved, step+rate*passed+time.Second, "run %d", run)
			}
			readings = append(readings, now)
			if ran > 6*day {
				break // what has been shown for a week is believed
			}
		}
		c.off = 0
		m := c.Read()
		m = c.run(min(c.error(m.Trusted).Abs()/rate, confirmed) + 2*time.Minute)
		require.Equal(t, m.Wall, m.Trusted, "run %d", run)
	}
}

// TestClockCases are the clocks that people meet.
func TestClockCases(t *testing.T) {
	const year = 365 * day
	t.Run("a year ahead at the first start, and again after a restart", func(t *testing.T) {
		c := newBrokenClock()
		c.off = year
		c.run(10 * time.Second)
		c.off = 0
		c.run(2 * setBack)
		require.Less(t, c.error(c.Read().Trusted).Abs(), time.Minute)
		c.off = year
		c.restart()
		require.Less(t, c.error(c.run(10*time.Second).Past()), step+time.Minute)
	})
	t.Run("a year ahead for 65 s", func(t *testing.T) {
		c := newBrokenClock()
		c.run(day)
		c.off = year
		for range 65 {
			c.run(time.Second)
		}
		require.LessOrEqual(t, c.error(c.Read().Past()), 5*time.Minute)
		require.InDelta(t, year.Seconds(), c.Doubted().Seconds(), 400)
		c.off = 0
		m := c.run(time.Second)
		require.Equal(t, m.Wall, m.Past())
		require.Zero(t, c.Doubted())
		require.Equal(t, 1, strings.Count(c.logged.String(), "is not believed"))
		require.Equal(t, 1, strings.Count(c.logged.String(), "believed again"))
	})
	t.Run("days ahead for one reading, after a night without any", func(t *testing.T) {
		c := newBrokenClock()
		c.truth, c.elapsed = 10*time.Hour, 10*time.Hour
		c.off = 10 * day
		require.Zero(t, c.error(c.Read().Past()))
		c.off = 0
		m := c.Read()
		require.Equal(t, m.Wall, m.Trusted)
	})
	t.Run("back in 1970 for a minute", func(t *testing.T) {
		c := newBrokenClock()
		c.run(time.Hour)
		c.off = time.Unix(0, 0).Sub(epoch)
		m := c.run(time.Minute)
		require.LessOrEqual(t, c.error(m.Latest()).Abs(), 5*time.Minute)
		c.off = 0
		m = c.run(5 * time.Minute)
		require.Equal(t, m.Wall, m.Trusted)
	})
	t.Run("a step of a time server is believed at once", func(t *testing.T) {
		c := newBrokenClock()
		c.run(time.Hour)
		c.off = 3 * time.Second
		require.Equal(t, 3*time.Second, c.error(c.Read().Trusted))
		require.Empty(t, c.logged.String())
	})
	t.Run("an hour at once, and no further hour right behind it", func(t *testing.T) {
		c := newBrokenClock()
		c.run(time.Hour)
		for range 100 {
			c.off += 59 * time.Minute
			c.run(time.Second)
		}
		require.Less(t, c.error(c.Read().Trusted), time.Hour+10*time.Minute)
	})
	t.Run("a laptop that runs by day", func(t *testing.T) {
		c := newBrokenClock()
		for range 10 {
			c.rest(16 * time.Hour)
			m := c.run(8 * time.Hour)
			require.Equal(t, m.Wall, m.Trusted)
		}
	})
	t.Run("restarts do not add up to belief", func(t *testing.T) {
		c := newBrokenClock()
		c.run(time.Hour)
		c.off = year
		for range 100 {
			c.run(time.Second)
			c.rest(time.Second)
		}
		require.Less(t, c.error(c.Read().Past()), 10*time.Minute)
	})
	t.Run("a new store under a clock of 1970", func(t *testing.T) {
		c := &brokenClock{off: time.Unix(0, 0).Sub(epoch)}
		c.restart()
		c.run(time.Minute)
		c.off = 0
		m := c.run(confirmed + 2*time.Minute)
		require.Equal(t, m.Wall, m.Trusted)
	})
}
