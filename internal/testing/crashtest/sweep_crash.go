package crashtest

import (
	"math/rand/v2"
)

// Crashes ends the workload after each of its operations: by a power cut that loses what was not synced, one that keeps it, the
// death of the process, and by power cuts that chance decides, until there are s.Cases in all. An operation after which there
// is nothing to lose gets the first and the third alone.
func (t *Test[F]) Crashes(s Sweep) *Report {
	if s.Replay != "" {
		return t.replay("crashes", s.Replay)
	}
	c := newCollector("crashes", s.Seed)
	l, ok := t.clean(c, s.Seed)
	if !ok {
		return c.done()
	}
	unsynced := 0
	for _, p := range l.history {
		if p.Unsynced() > 0 {
			unsynced++
		}
	}
	settled := len(l.history) - unsynced
	perPoint := max(4, (s.Cases-2*settled+unsynced-1)/max(1, unsynced))
	moments := s.moments(len(l.history))
	s.each(len(moments), func(i int, rng *rand.Rand) {
		i = moments[i]
		kinds := []EndingKind{CutLose, Kill}
		if l.history[i].Unsynced() > 0 {
			kinds = make([]EndingKind, perPoint) // CutRandom
			copy(kinds, []EndingKind{CutLose, Kill, CutKeep})
		}
		for _, kind := range kinds {
			k := Case{s.Seed, []Life{{Ending: l.endingAt(i, kind, rng)}}}
			c.tried(k, t.follow(l, k, 0))
		}
	})
	return c.done()
}

// CrashChains ends the workload by a random power cut, then the check that follows after each of its operations, and if
// lives is more than 2 the later checks after a random one, until so many lives have ended. It tries about s.Cases such
// chains.
func (t *Test[F]) CrashChains(s Sweep, lives int) *Report {
	if s.Replay != "" {
		return t.replay("crash chains", s.Replay)
	}
	c := newCollector("crash chains", s.Seed)
	l, ok := t.clean(c, s.Seed)
	if !ok {
		return c.done()
	}
	probe := Case{s.Seed, []Life{{Ending: Ending{Op: atEnd, Kind: CutLose}}}}
	chains := max(1, len(t.next(l, probe, 0, true).history))
	order := rand.New(rand.NewPCG(s.Seed, 0)).Perm(len(l.history))
	s.each(max(1, s.Cases/chains), func(i int, rng *rand.Rand) {
		k := Case{s.Seed, []Life{{Ending: l.endingAt(order[i%len(order)], CutRandom, rng)}}}
		second := t.next(l, k, 0, true)
		if second.err != nil {
			c.tried(k, t.follow(l, k, 0))
			return
		}
		for _, at := range s.moments(len(second.history)) {
			k := Case{k.Seed, append(k.Lives[:1:1], Life{Ending: second.endingAt(at, randomKind(rng), rng)})}
			c.tried(t.chain(second, k, lives, rng))
		}
	})
	return c.done()
}

// chain goes on from the second life of a case, which has an ending, to so many lives, ending each at random.
func (t *Test[F]) chain(l *life[F], k Case, lives int, rng *rand.Rand) (Case, verdict) {
	var v verdict
	for len(k.Lives) < lives {
		l = t.next(l, k, len(k.Lives)-1, true)
		v.checks++
		t.judge(&v, l, len(k.Lives))
		if v.violation != nil {
			return k, v
		}
		k.Lives = append(k.Lives, Life{Ending: l.endingAt(rng.IntN(len(l.history)), randomKind(rng), rng)})
	}
	last := t.follow(l, k, len(k.Lives)-1)
	last.checks += v.checks
	return k, last
}

// randomKind draws a power cut, or one time in eight the death of the process.
func randomKind(rng *rand.Rand) EndingKind {
	if rng.IntN(8) == 0 {
		return Kill
	}
	return CutRandom
}

// clean runs the workload without faults, which must succeed.
func (t *Test[F]) clean(c *collector, seed uint64) (*life[F], bool) {
	k := Case{Seed: seed, Lives: []Life{{Ending: Ending{Op: atEnd, Kind: CutLose}}}}
	l := t.first(k)
	c.report.Operations = l.disk.Ops()
	if l.err != nil {
		c.tried(k, verdict{violation: l.err})
	}
	return l, l.err == nil
}

// endingAt returns an ending of the life at the i-th moment of its history: at the last operation before the next, when most is
// known of the facts.
func (l *life[F]) endingAt(i int, kind EndingKind, rng *rand.Rand) Ending {
	e := Ending{Op: atEnd, Kind: kind}
	if i+1 < len(l.history) {
		e.Op = l.history[i+1].Op() - 1
	}
	if kind == CutRandom {
		e.Seed = rng.Uint64()
	}
	return e
}
