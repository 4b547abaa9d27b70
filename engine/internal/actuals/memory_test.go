package actuals

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/memory"
	"github.com/residualdb/residual/internal/testing/race"
)

// naive is a memory as a list: the obvious loops, which a Memory must agree with.
type naive []Actual

func (l *naive) put(a Actual, lost func(Actual)) {
	overlaps, scopes := false, 0
	*l = slices.DeleteFunc(*l, func(b Actual) bool { return sameID(&a, &b) && a.covers(&b) })
	for _, b := range *l {
		if sameID(&a, &b) {
			overlaps = overlaps || a.overlaps(&b)
			scopes++
		}
	}
	if !a.Known && !overlaps {
		return
	}
	if scopes >= ScopesMax {
		l.lose(l.oldest(func(b *Actual) bool { return sameID(&a, b) }), lost)
	}
	a.Met = !a.Known
	*l = append(*l, a)
}

func sameID(a, b *Actual) bool { return bytes.Equal(a.Model, b.Model) && bytes.Equal(a.ID, b.ID) }

// oldest returns the place of the one that came first, -1 if there is none.
func (l *naive) oldest(is func(*Actual) bool) int {
	found := -1
	for i := range *l {
		if b := &(*l)[i]; is(b) && (found < 0 || b.Received < (*l)[found].Received) {
			found = i
		}
	}
	return found
}

func (l *naive) lose(i int, lost func(Actual)) {
	if a := (*l)[i]; !a.Met {
		lost(a)
	}
	*l = slices.Delete(*l, i, i+1)
}

func (l *naive) recall(model, id, version, environment string) (Actual, bool) {
	for i, b := range slices.Backward(*l) {
		if string(b.Model) == model && string(b.ID) == id && (len(b.Version) == 0 || string(b.Version) == version) &&
			(len(b.Environment) == 0 || string(b.Environment) == environment) {
			if b.Known {
				(*l)[i].Met = true
			}
			return b, b.Known
		}
	}
	return Actual{}, false
}

func (l *naive) bytes() (n int64) {
	for _, a := range *l {
		n += EntryBytes + int64(len(a.Model)+len(a.ID)+len(a.Version)+len(a.Environment))
	}
	return n
}

// TestMemory runs random calls against a list: what is held, what is lost, and what a snapshot made earlier still says.
func TestMemory(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	hashSeed := maphash.MakeSeed()
	for range race.Cases(20) {
		m, want := New(), new(naive)
		ids := 1 + r.IntN(200)
		hash := func(_, id []byte) uint64 {
			return maphash.Bytes(hashSeed, id) % uint64(1+ids/2) * 0x9E3779B97F4A7C15 // many share one
		}
		name := func(kinds int) []byte { return fmt.Appendf(nil, "name-%0*d", 1+kinds%40, r.IntN(kinds)) }
		maybe := func(kinds int) []byte {
			if r.IntN(3) == 0 {
				return nil
			}
			return name(kinds)
		}
		now := int64(1000)
		var snapshot *Snapshot
		var held []Actual
		for step := range 3000 {
			var lost, wantLost []string
			note := func(to *[]string) func(*Actual) {
				return func(a *Actual) { *to = append(*to, fmt.Sprintf("%+v", *a)) }
			}
			noteWant := func(a Actual) { note(&wantLost)(&a) }
			model, id := name(2), name(ids)
			switch n := r.IntN(20); {
			case n < 11:
				now += r.Int64N(20)
				a := Actual{
					Model: model, ID: id, Version: maybe(3), Environment: maybe(2), Known: r.IntN(5) > 0, Observed: r.Int64N(5),
					Received: now, LSN: uint64(step), Line: uint32(r.IntN(3)),
				}
				if r.IntN(30) == 0 {
					a.Received += 5000 // taken ahead of time
				}
				if a.Known {
					a.Value = r.NormFloat64()
				}
				m.Put(hash(model, id), &a, note(&lost))
				want.put(a, noteWant)
			case n < 17:
				version, environment := string(name(3)), string(name(2))
				got, _, ok := m.Recall(hash(model, id), model, id, version, environment)
				expect, wantOK := want.recall(string(model), string(id), version, environment)
				require.Equal(t, wantOK, ok)
				if ok {
					require.Equal(t, [2]any{expect.Value, expect.LSN}, [2]any{got.Value, got.LSN})
				}
			case n < 18:
				judgeAlike(t, r, m, want, &Actual{Model: model, ID: id}, hash(model, id))
			case n < 19:
				oldest := now - r.Int64N(4000)
				m.Expire(oldest, math.MaxInt, note(&lost))
				for {
					i := want.oldest(func(b *Actual) bool { return b.Received < oldest })
					if i < 0 {
						break
					}
					want.lose(i, noteWant)
				}
				slices.Sort(lost)
				slices.Sort(wantLost)
			default:
				limit := r.Int64N(40_000)
				m.Shrink(limit, note(&lost))
				for want.bytes() > limit {
					i := want.oldest(func(b *Actual) bool { return b.Met })
					if i < 0 {
						i = want.oldest(func(*Actual) bool { return true })
					}
					want.lose(i, noteWant)
				}
			}
			require.Equal(t, wantLost, lost)
			require.Equal(t, want.bytes(), m.Bytes())
			if step%100 == 0 {
				if snapshot != nil {
					requireHeld(t, held, snapshot)
				}
				snapshot, held = m.Snapshot(), slices.Clone(*want)
				requireHeld(t, held, snapshot)
			}
		}
	}
}

func requireHeld(t *testing.T, want []Actual, s *Snapshot) {
	t.Helper()
	require.Equal(t, len(want), s.Len())
	i := 0
	for a := range s.All {
		require.Equal(t, fmt.Sprintf("%+v", want[i]), fmt.Sprintf("%+v", *a))
		i++
	}
	require.Equal(t, len(want), i)
}

// TestMemoryBytes holds what a million actuals take to what Bytes says of them, while others come and go.
func TestMemoryBytes(t *testing.T) {
	before := memory.Live()
	m := New()
	id := func(i int) []byte { return fmt.Appendf(nil, "pred_%07d", i) }
	a := Actual{Model: []byte("price_prediction_model"), Known: true}
	const held = 100_000 / race.Fewer
	for i := range 4 * held {
		a.ID, a.Received, a.LSN = id(i), int64(i), uint64(i)
		m.Put(uint64(i)*0x9E3779B97F4A7C15, &a, nil)
		if i >= held && i%7 > 0 {
			j := i - held
			m.Judge(uint64(j)*0x9E3779B97F4A7C15, a.Model, id(j), func(*Actual) Fate { return Forgotten })
		}
		m.Shrink(held*(EntryBytes+int64(len(a.Model)+len(a.ID))), func(*Actual) {})
	}
	taken := memory.Live() - before
	require.Less(t, float64(taken), 1.25*float64(held*(EntryBytes+len(a.Model)+len(a.ID))))
	runtime.KeepAlive(m)
}

// judgeAlike gives the actuals of a model, or of a model and id, their fate, in a memory and in the obvious list.
func judgeAlike(t *testing.T, r *rand.Rand, m *Memory, want *naive, of *Actual, hash uint64) {
	t.Helper()
	fate, limit, byID := Fate(r.IntN(3)), uint64(r.IntN(3000)), r.IntN(2) == 0
	such := func(a *Actual) bool {
		return bytes.Equal(a.Model, of.Model) && (!byID || bytes.Equal(a.ID, of.ID)) && a.LSN < limit
	}
	judge := func(a *Actual) Fate {
		if such(a) {
			return fate
		}
		return Kept
	}
	known := func() (n int) {
		for i := range *want {
			if (*want)[i].Known {
				n++
			}
		}
		return n
	}
	before, count := known(), m.Snapshot().Count(such)
	for i := range *want {
		(*want)[i].Met = (*want)[i].Met || fate == Settled && such(&(*want)[i])
	}
	*want = slices.DeleteFunc(*want, func(b Actual) bool { return fate == Forgotten && such(&b) })
	forgotten := 0
	if byID {
		forgotten = m.Judge(hash, of.Model, of.ID, judge)
	} else {
		for at, more := uint32(0), true; more; more = at != 0 {
			var n int
			at, n = m.JudgeSome(at, judge)
			forgotten += n
		}
	}
	require.Equal(t, before-known(), forgotten)
	if fate == Forgotten {
		require.Equal(t, count, forgotten)
	}
}
