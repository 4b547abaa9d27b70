package serve

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

// turnsInMemory is a text that servers share. away is what reading fails with, faster is called before the next change.
type turnsInMemory struct {
	texts   map[string]string
	version uint64
	away    error
	faster  func()
}

func (m *turnsInMemory) Read(...string) (map[string]string, uint64, error) {
	return m.texts, m.version, m.away
}

func (m *turnsInMemory) Sizes() (map[string]int64, error) { panic("BUG: nobody asks for sizes") }

func (m *turnsInMemory) Replace(version uint64, texts map[string]string) (bool, error) {
	if do := m.faster; do != nil {
		m.faster = nil
		do()
	}
	if version != m.version {
		return false, nil
	}
	m.texts, m.version = texts, version+1
	return true, nil
}

// TestTurns has two servers want the same connectors: one runs each, the other takes over when that one gives it back, or says nothing for a
// while, and a server that cannot say that it has its turns has none.
func TestTurns(t *testing.T) {
	shared := &turnsInMemory{}
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	a, b := newTurns(shared, clock), newTurns(shared, clock)
	take := func(of *turns, want bool, wanted ...string) {
		t.Helper()
		changed, err := of.take(wanted)
		require.NoError(t, err)
		require.Equal(t, want, changed)
	}
	have := func(name string, inA, inB bool) {
		t.Helper()
		require.Equal(t, inA, a.has(name), name)
		require.Equal(t, inB, b.has(name), name)
	}
	take(a, true, "x", "y")
	take(b, true, "x", "z")
	have("x", true, false)
	have("y", true, false)
	have("z", false, true)

	// They go on as long as they say so.
	for range 60 {
		now = now.Add(time.Second)
		take(a, false, "x", "y")
		take(b, false, "x", "z")
	}
	before := shared.version
	for range 10 {
		now = now.Add(time.Second)
		take(a, false, "x", "y")
	}
	require.Equal(t, before+2, shared.version, "not with each look")

	// What is given back is taken at once.
	take(a, true, "y")
	take(b, true, "x", "z")
	have("x", false, true)

	// One that has died is followed after a while, not before.
	for n := range 25 {
		now = now.Add(time.Second)
		_, err := a.take([]string{"x", "y"})
		require.NoError(t, err)
		require.Equal(t, n >= int(turnEnds/time.Second), a.has("x"), "%d seconds after", n+1)
	}

	// One that was halted has its turns no more, and neither takes them back.
	take(b, true, "x", "z")
	have("x", true, false)
	have("z", false, true)

	// One that is cut off ends before another begins.
	shared.away = errors.New("away")
	ended := 0
	for n := range 25 {
		now = now.Add(time.Second)
		_, err := a.take([]string{"x", "y"})
		require.ErrorIs(t, err, shared.away)
		if a.has("x") {
			ended = n + 1
		}
	}
	require.Less(t, time.Duration(ended+1)*time.Second, turnEnds)
	require.GreaterOrEqual(t, time.Duration(ended)*time.Second, turnLasts-renewEvery)
	shared.away = nil
	take(a, true, "x", "y")
	have("x", true, false)

	// Who is asked by another server looks once. That says nothing of whether it is there.
	take(b, true, "z")
	asked := func(of *turns, want ...string) {
		t.Helper()
		require.Equal(t, want, of.takeAsked())
	}
	require.NoError(t, b.ask("y"))
	require.NoError(t, b.ask("nobody's"))
	take(a, false, "x", "y")
	asked(a, "y")
	asked(b)
	shared.faster = func() { take(a, false, "x", "y") }
	now = now.Add(renewEvery)
	require.NoError(t, b.ask("x"))
	require.NoError(t, a.ask("z"), "and sees that x is asked for")
	take(a, false, "x", "y")
	asked(a, "x")
	now = now.Add(renewEvery)
	take(a, false, "x", "y")
	asked(a)
	require.NoError(t, b.ask("x"))
	take(a, false, "x", "y")
	asked(a, "x")
	take(b, false, "z")
	asked(b, "z")
	shared.away = errors.New("away")
	require.ErrorIs(t, b.ask("x"), shared.away)
	shared.away = nil
	for n := range int(turnEnds / time.Second) {
		require.False(t, b.has("y"), "%d seconds after", n)
		require.NoError(t, b.ask("y"))
		now = now.Add(time.Second)
		_, err := b.take([]string{"y", "z"})
		require.NoError(t, err)
	}
	require.True(t, b.has("y"))
	take(a, true, "x")
	always := func() {}
	always = func() { shared.version++; shared.faster = always }
	shared.faster = always
	require.ErrorIs(t, a.ask("y"), engine.ErrUnavailable)
	shared.faster = nil

	// Of two at once one has it.
	take(a, true)
	shared.faster = func() { take(b, true, "w", "z") }
	take(a, false, "w")
	have("w", false, true)
	take(a, false, "w")
	have("w", false, true)
}
