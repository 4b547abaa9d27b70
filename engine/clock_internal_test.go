package engine

import (
	"bytes"
	"cmp"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const day = 24 * time.Hour

// brokenClock is a clock whose wall clock is off the truth, in a world where time passes as it is told to.
type brokenClock struct {
	*clock
	truth, elapsed, off time.Duration // since clockEpoch, since the process began, and the error
	logged              bytes.Buffer
}

var clockEpoch = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func newBrokenClock() *brokenClock {
	c := new(brokenClock)
	c.restart()
	c.read()
	return c
}

// restart is the start of another process, which knows what the last one trusted.
func (c *brokenClock) restart() {
	old := c.clock
	c.elapsed = 0
	c.clock = newClock(&Options{
		Now:     func() time.Time { return clockEpoch.Add(c.truth + c.off) },
		Elapsed: func() time.Duration { return c.elapsed },
		Logger:  slog.New(slog.NewTextHandler(&c.logged, nil)),
	})
	if old != nil {
		c.resume(old.trusted)
	}
}

// run lets the process run for so long and reads the clock each minute.
func (c *brokenClock) run(d time.Duration) moment {
	for ; d > 0; d -= time.Minute {
		step := min(d, time.Minute)
		c.truth, c.elapsed = c.truth+step, c.elapsed+step
		c.read()
	}
	return c.read()
}

// rest lets time pass without a process.
func (c *brokenClock) rest(d time.Duration) {
	c.truth += d
	c.restart()
}

// error returns how far a time of the clock is from the truth.
func (c *brokenClock) error(at int64) time.Duration {
	return time.UnixMilli(at).Sub(clockEpoch.Add(c.truth))
}

// TestClockHolds lets the wall clock jump at random, the process run, restart and rest, and holds the trusted clock to
// its bound between any two moments, and to the truth once the wall clock has kept to it for a quarter of the difference.
func TestClockHolds(t *testing.T) {
	s := uint64(time.Now().UnixNano())
	t.Logf("seed %d", s)
	type reading struct{ ran, trusted time.Duration }
	for run := range 60 {
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
				step := time.Duration(r.Int64N(int64(time.Minute << r.IntN(7)))).Round(time.Millisecond)
				c.truth, c.elapsed, ran = c.truth+step, c.elapsed+step, ran+step
			}
			m := c.read()
			require.LessOrEqual(t, m.past(), m.wall)
			require.LessOrEqual(t, m.past(), m.trusted)
			now := reading{ran, time.Duration(m.trusted) * time.Millisecond}
			for _, before := range readings {
				passed := now.ran - before.ran
				moved := now.trusted - before.trusted - passed
				require.LessOrEqual(t, moved, clockStep+clockRate*passed+time.Second, "run %d", run)
			}
			readings = append(readings, now)
			if ran > 6*day {
				break // what has been shown for a week is believed
			}
		}
		c.off = 0
		m := c.read()
		m = c.run(min(c.error(m.trusted).Abs()/clockRate, clockConfirmed) + 2*time.Minute)
		require.Equal(t, m.wall, m.trusted, "run %d", run)
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
		c.run(2 * clockSetBack)
		require.Less(t, c.error(c.read().trusted).Abs(), time.Minute)
		c.off = year
		c.restart()
		require.Less(t, c.error(c.run(10*time.Second).past()), clockStep+time.Minute)
	})
	t.Run("a year ahead for 65 s", func(t *testing.T) {
		c := newBrokenClock()
		c.run(day)
		c.off = year
		for range 65 {
			c.run(time.Second)
		}
		require.LessOrEqual(t, c.error(c.read().past()), 5*time.Minute)
		require.InDelta(t, year.Seconds(), c.doubted().Seconds(), 400)
		c.off = 0
		m := c.run(time.Second)
		require.Equal(t, m.wall, m.past())
		require.Zero(t, c.doubted())
		require.Equal(t, 1, strings.Count(c.logged.String(), "is not believed"))
		require.Equal(t, 1, strings.Count(c.logged.String(), "believed again"))
	})
	t.Run("days ahead for one reading, after a night without any", func(t *testing.T) {
		c := newBrokenClock()
		c.truth, c.elapsed = 10*time.Hour, 10*time.Hour
		c.off = 10 * day
		require.Zero(t, c.error(c.read().past()))
		c.off = 0
		m := c.read()
		require.Equal(t, m.wall, m.trusted)
	})
	t.Run("back in 1970 for a minute", func(t *testing.T) {
		c := newBrokenClock()
		c.run(time.Hour)
		c.off = time.Unix(0, 0).Sub(clockEpoch)
		m := c.run(time.Minute)
		require.LessOrEqual(t, c.error(m.latest()).Abs(), 5*time.Minute)
		c.off = 0
		m = c.run(5 * time.Minute)
		require.Equal(t, m.wall, m.trusted)
	})
	t.Run("a step of a time server is believed at once", func(t *testing.T) {
		c := newBrokenClock()
		c.run(time.Hour)
		c.off = 3 * time.Second
		require.Equal(t, 3*time.Second, c.error(c.read().trusted))
		require.Empty(t, c.logged.String())
	})
	t.Run("an hour at once, and no further hour right behind it", func(t *testing.T) {
		c := newBrokenClock()
		c.run(time.Hour)
		for range 100 {
			c.off += 59 * time.Minute
			c.run(time.Second)
		}
		require.Less(t, c.error(c.read().trusted), time.Hour+10*time.Minute)
	})
	t.Run("a laptop that runs by day", func(t *testing.T) {
		c := newBrokenClock()
		for range 10 {
			c.rest(16 * time.Hour)
			m := c.run(8 * time.Hour)
			require.Equal(t, m.wall, m.trusted)
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
		require.Less(t, c.error(c.read().past()), 10*time.Minute)
	})
	t.Run("a new store under a clock of 1970", func(t *testing.T) {
		c := &brokenClock{off: time.Unix(0, 0).Sub(clockEpoch)}
		c.restart()
		c.run(time.Minute)
		c.off = 0
		m := c.run(clockConfirmed + 2*time.Minute)
		require.Equal(t, m.wall, m.trusted)
	})
}

// TestExpiries holds the heap to a sorted list.
func TestExpiries(t *testing.T) {
	s := uint64(time.Now().UnixNano())
	t.Logf("seed %d", s)
	r := rand.New(rand.NewPCG(s, 0))
	var heap expiries[string]
	var want []expiry[string]
	for i := range 5000 {
		if r.IntN(3) > 0 || len(want) == 0 {
			x := expiry[string]{int64(r.IntN(1 << (1 + r.IntN(40)))), strconv.Itoa(i)}
			heap.add(x.at, x.key)
			want = append(want, x)
		} else {
			first := slices.MinFunc(want, func(a, b expiry[string]) int { return cmp.Compare(a.at, b.at) })
			require.Equal(t, first.at, heap.first().at)
			got := heap.take()
			require.Equal(t, first.at, got.at)
			n := len(want)
			want = slices.DeleteFunc(want, func(x expiry[string]) bool { return x == got })
			require.Len(t, want, n-1)
		}
		require.Equal(t, len(want), heap.len())
	}
}

// TestKeysExpireByTheirOwnTimes holds that a key taken while the clock was ahead keeps none behind it.
func TestKeysExpireByTheirOwnTimes(t *testing.T) {
	w := newKeyWindow(KeysMax)
	at := func(d time.Duration) int64 { return clockEpoch.Add(d).UnixMilli() }
	w.add(keyEntry{id: keyID{0}, at: at(365 * day)}, at(0))
	for i := range 100 {
		w.add(keyEntry{id: keyID{1, byte(i)}, at: at(time.Duration(i) * time.Hour)}, at(time.Duration(i)*time.Hour))
	}
	require.Equal(t, 101, w.len())
	w.add(keyEntry{id: keyID{2}, at: at(KeysAge + 50*time.Hour)}, at(KeysAge+50*time.Hour))
	require.Equal(t, 52, w.len())
	w.add(keyEntry{id: keyID{3}, at: at(30 * day)}, at(30*day))
	require.Equal(t, 2, w.len())
	require.Contains(t, w.entries, keyID{0})

	// Lists go by their own times as well.
	lists := []listRef{{entries: 1, newest: 50}, {entries: 1, newest: 10}, {entries: 1, newest: 60}}
	require.Equal(t, []listRef{lists[0], lists[2]}, current(slices.Clone(lists), 10, 20))
	require.Equal(t, lists[2:], current(slices.Clone(lists), 1, 0))
}
