package crashtest

import (
	"math/rand/v2"
	"slices"

	"github.com/residualdb/residual/internal/testing/simdisk"
)

// Faults runs the workload with a fault at each of its operations, of each kind that can strike it, once and from there on, or
// with s.Cases of these drawn at random if there are more. Each run is then ended in several ways: at its end and soon after
// the fault, by a power cut and by the death of the process with a power cut after the next start.
func (t *Test[F]) Faults(s Sweep) *Report {
	if s.Replay != "" {
		return t.replay("faults", s.Replay)
	}
	c := newCollector("faults", s.Seed)
	l, ok := t.clean(c, s.Seed)
	if !ok {
		return c.done()
	}
	faults := faultsFor(l.disk.Trace())
	c.report.Possible = len(faults)
	if s.Cases < len(faults) {
		rng := rand.New(rand.NewPCG(s.Seed, 0))
		rng.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		faults = faults[:s.Cases]
	}
	c.report.Tried = len(faults)
	s.each(len(faults), func(i int, rng *rand.Rand) {
		t.tryFaults(c, rng, faults[i:i+1])
	})
	return c.done()
}

// FaultPairs runs the workload s.Cases times with two faults drawn at random, one of which may be that the power goes.
func (t *Test[F]) FaultPairs(s Sweep) *Report {
	if s.Replay != "" {
		return t.replay("fault pairs", s.Replay)
	}
	c := newCollector("fault pairs", s.Seed)
	l, ok := t.clean(c, s.Seed)
	if !ok {
		return c.done()
	}
	faults := faultsFor(l.disk.Trace())
	if len(faults) == 0 {
		return c.done()
	}
	c.report.Tried = s.Cases
	s.each(s.Cases, func(_ int, rng *rand.Rand) {
		pair := []simdisk.Fault{faults[rng.IntN(len(faults))], faults[rng.IntN(len(faults))]}
		if rng.IntN(8) == 0 {
			pair[1] = simdisk.Fault{Op: pair[1].Op, Kind: simdisk.PowerOff}
		}
		t.tryFaults(c, rng, pair)
	})
	return c.done()
}

// tryFaults runs the workload with faults and ends it in every way that these allow.
func (t *Test[F]) tryFaults(c *collector, rng *rand.Rand, faults []simdisk.Fault) {
	k := Case{rng.Uint64(), []Life{{Faults: faults}}}
	t.tryEndings(c, rng, t.first(k, faults...), k)
}

// tryEndings ends the last life of a case, which has been lived, in every way that its faults allow.
func (t *Test[F]) tryEndings(c *collector, rng *rand.Rand, l *life[F], k Case) {
	last := len(k.Lives) - 1
	for _, endings := range l.endings(rng) {
		k := Case{k.Seed, slices.Clone(k.Lives)}
		k.Lives[last].Ending = endings[0]
		for _, e := range endings[1:] {
			k.Lives = append(k.Lives, Life{Ending: e})
		}
		c.tried(k, t.follow(l, k, last))
	}
}

// endings returns the ways in which a life with faults is ended.
//
// A sync that fails late loses what it acknowledged before it says so, and nothing but the cache can save that. So a power
// cut at once is not for such lives. And where the power went, the process did not die before it.
func (l *life[F]) endings(rng *rand.Rand) [][]Ending {
	strikes := l.disk.Strikes()
	struck := func(kind simdisk.FaultKind) bool {
		return slices.ContainsFunc(strikes, func(s simdisk.Strike) bool { return s.Kind == kind })
	}
	after := 0
	if len(strikes) > 0 {
		for after < len(l.history)-1 && l.history[after].Op() < strikes[0].Op.Index {
			after++
		}
	}
	soon := after + rng.IntN(len(l.history)-after)
	end := len(l.history) - 1
	lose := Ending{Op: atEnd, Kind: CutLose}
	var ways [][]Ending
	if !struck(simdisk.SyncLate) {
		ways = append(ways, []Ending{lose}, []Ending{l.endingAt(end, CutRandom, rng)}, []Ending{l.endingAt(soon, CutRandom, rng)})
	}
	if !struck(simdisk.PowerOff) {
		ways = append(ways, []Ending{l.endingAt(end, Kill, rng), lose}, []Ending{l.endingAt(soon, Kill, rng), lose})
	}
	return ways
}

// RecoveryFaults ends the workload at random s.Cases times and runs the check with a fault drawn at random. The check may fail,
// but the next one, without a fault, must find everything.
func (t *Test[F]) RecoveryFaults(s Sweep) *Report {
	if s.Replay != "" {
		return t.replay("recovery faults", s.Replay)
	}
	c := newCollector("recovery faults", s.Seed)
	l, ok := t.clean(c, s.Seed)
	if !ok {
		return c.done()
	}
	s.each(s.Cases, func(_ int, rng *rand.Rand) {
		k := Case{rng.Uint64(), []Life{{Ending: l.endingAt(rng.IntN(len(l.history)), randomKind(rng), rng)}}}
		sound := t.next(l, k, 0, true)
		faults := faultsFor(sound.disk.Trace())
		if sound.err != nil || len(faults) == 0 {
			c.tried(k, t.follow(l, k, 0))
			return
		}
		k.Lives = append(k.Lives, Life{Faults: []simdisk.Fault{faults[rng.IntN(len(faults))]}})
		t.tryEndings(c, rng, t.next(l, k, 0, true), k)
	})
	return c.done()
}

// faultsFor returns each fault that can strike one of the operations, once and sticky.
func faultsFor(trace []simdisk.Op) []simdisk.Fault {
	var faults []simdisk.Fault
	for _, op := range trace {
		for _, kind := range simdisk.FaultKinds() {
			if kind.Hits(op.Kind) {
				faults = append(faults,
					simdisk.Fault{Op: op.Index, Kind: kind}, simdisk.Fault{Op: op.Index, Kind: kind, Sticky: true})
			}
		}
	}
	return faults
}
