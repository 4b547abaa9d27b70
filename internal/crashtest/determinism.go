package crashtest

import (
	"math/rand/v2"

	"github.com/residualdb/residual/internal/vfs/simdisk"
)

// timesAlike is how often Determinism runs a case.
const timesAlike = 3

// Determinism draws s.Cases cases of a fault in the workload and a crash after it, runs each of them three times, and holds that
// all operations of all lives were the same each time.
func (t *Test[F]) Determinism(s Sweep) *Report {
	c := newCollector("determinism", s.Seed)
	l, ok := t.clean(c, s.Seed)
	if !ok {
		return c.done()
	}
	faults := faultsFor(l.disk.Trace())
	s.each(s.Cases, func(_ int, rng *rand.Rand) {
		k := Case{rng.Uint64(), []Life{{
			Faults: []simdisk.Fault{faults[rng.IntN(len(faults))]},
			Ending: Ending{Op: rng.Uint64N(l.disk.Ops() + 1), Kind: randomKind(rng), Seed: rng.Uint64()},
		}}}
		want := t.traceHash(k)
		v := verdict{checks: timesAlike}
		for range timesAlike - 1 {
			if got := t.traceHash(k); got != want {
				v.violation = Violationf("trace %016x, then %016x", want, got)
			}
		}
		c.tried(k, v)
	})
	return c.done()
}

// traceHash runs a case and returns a hash over all operations of all its lives.
func (t *Test[F]) traceHash(k Case) uint64 {
	l := t.first(k, k.Lives[0].Faults...)
	hash := l.disk.TraceHash()
	for i := range k.Lives {
		l = t.next(l, k, i, i+1 < len(k.Lives))
		hash = hash*31 + l.disk.TraceHash()
	}
	return hash
}
