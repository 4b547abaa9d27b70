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

	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/store"
)

const day = 24 * time.Hour

// brokenClock is a clock whose wall clock is off the truth, in a world where time passes as it is told to.
type brokenClock struct {
	*clock.Clock
	truth, elapsed, off time.Duration // since clockEpoch, since the process began, and the error
	logged              bytes.Buffer
}

var clockEpoch = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

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
	c.Clock = clock.NewClock(
		func() time.Time { return clockEpoch.Add(c.truth + c.off) },
		func() time.Duration { return c.elapsed },
		slog.New(slog.NewTextHandler(&c.logged, nil)),
	)
	if old != nil {
		c.Resume(old.Trusted)
	}
}

// run lets the process run for so long and reads the clock each minute.
func (c *brokenClock) run(d time.Duration) clock.Moment {
	for ; d > 0; d -= time.Minute {
		step := min(d, time.Minute)
		c.truth, c.elapsed = c.truth+step, c.elapsed+step
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
			m := c.Read()
			require.LessOrEqual(t, m.Past(), m.Wall)
			require.LessOrEqual(t, m.Past(), m.Trusted)
			now := reading{ran, time.Duration(m.Trusted) * time.Millisecond}
			for _, before := range readings {
				passed := now.ran - before.ran
				moved := now.trusted - before.trusted - passed
				require.LessOrEqual(t, moved, clock.ClockStep+clock.ClockRate*passed+time.Second, "run %d", run)
			}
			readings = append(readings, now)
			if ran > 6*day {
				break // what has been shown for a week is believed
			}
		}
		c.off = 0
		m := c.Read()
		m = c.run(min(c.error(m.Trusted).Abs()/clock.ClockRate, clock.ClockConfirmed) + 2*time.Minute)
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
		c.run(2 * clock.ClockSetBack)
		require.Less(t, c.error(c.Read().Trusted).Abs(), time.Minute)
		c.off = year
		c.restart()
		require.Less(t, c.error(c.run(10*time.Second).Past()), clock.ClockStep+time.Minute)
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
		c.off = time.Unix(0, 0).Sub(clockEpoch)
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
		c := &brokenClock{off: time.Unix(0, 0).Sub(clockEpoch)}
		c.restart()
		c.run(time.Minute)
		c.off = 0
		m := c.run(clock.ClockConfirmed + 2*time.Minute)
		require.Equal(t, m.Wall, m.Trusted)
	})
}

// TestExpiries holds the heap to a sorted list.
func TestExpiries(t *testing.T) {
	s := uint64(time.Now().UnixNano())
	t.Logf("seed %d", s)
	r := rand.New(rand.NewPCG(s, 0))
	var heap idempotency.Expiries[string]
	var want []idempotency.Expiry[string]
	for i := range 5000 {
		if r.IntN(3) > 0 || len(want) == 0 {
			x := idempotency.Expiry[string]{At: int64(r.IntN(1 << (1 + r.IntN(40)))), Key: strconv.Itoa(i)}
			heap.Add(x.At, x.Key)
			want = append(want, x)
		} else {
			first := slices.MinFunc(want, func(a, b idempotency.Expiry[string]) int { return cmp.Compare(a.At, b.At) })
			require.Equal(t, first.At, heap.First().At)
			got := heap.Take()
			require.Equal(t, first.At, got.At)
			n := len(want)
			want = slices.DeleteFunc(want, func(x idempotency.Expiry[string]) bool { return x == got })
			require.Len(t, want, n-1)
		}
		require.Equal(t, len(want), heap.Len())
	}
}

// TestKeysExpireByTheirOwnTimes holds that a key taken while the clock was ahead keeps none behind it.
func TestKeysExpireByTheirOwnTimes(t *testing.T) {
	w := idempotency.NewWindow(KeysMax)
	at := func(d time.Duration) int64 { return clockEpoch.Add(d).UnixMilli() }
	w.Add(idempotency.Entry{Key: idempotency.Key{0}, At: at(365 * day)}, at(0))
	for i := range 100 {
		w.Add(idempotency.Entry{Key: idempotency.Key{1, byte(i)}, At: at(time.Duration(i) * time.Hour)}, at(time.Duration(i)*time.Hour))
	}
	require.Equal(t, 101, w.Len())
	w.Add(idempotency.Entry{Key: idempotency.Key{2}, At: at(KeysAge + 50*time.Hour)}, at(KeysAge+50*time.Hour))
	require.Equal(t, 52, w.Len())
	w.Add(idempotency.Entry{Key: idempotency.Key{3}, At: at(30 * day)}, at(30*day))
	require.Equal(t, 2, w.Len())
	require.Contains(t, w.Entries, idempotency.Key{0})

	// Lists go by their own times as well.
	lists := []store.ListRef{{Entries: 1, Newest: 50}, {Entries: 1, Newest: 10}, {Entries: 1, Newest: 60}}
	require.Equal(t, []store.ListRef{lists[0], lists[2]}, current(slices.Clone(lists), 10, 20))
	require.Equal(t, lists[2:], current(slices.Clone(lists), 1, 0))
}
