package crashtest

import (
	"fmt"
	"math/rand/v2"

	"github.com/residualdb/residual/internal/testing/simdisk"
)

// timesAlike is how often Determinism runs a case.
const timesAlike = 3

// Determinism draws s.Cases cases of a fault in the workload and a crash after it, runs each of them three times, and
// holds that all operations of all lives were the same each time.
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
		want, hash := t.trace(k)
		v := verdict{checks: timesAlike}
		for range timesAlike - 1 {
			if got, again := t.trace(k); again != hash {
				v.violation = Violationf("trace %016x, then %016x: %s", hash, again, difference(want, got))
			}
		}
		c.tried(k, v)
	})
	return c.done()
}

// trace runs a case and returns all operations of all its lives, and a hash over them.
func (t *Test[F]) trace(k Case) (ops []simdisk.Op, hash uint64) {
	l := t.first(k, k.Lives[0].Faults...)
	for i := range k.Lives {
		ops, hash = append(ops, l.disk.Trace()...), hash*31+l.disk.TraceHash()
		l = t.next(l, k, i, true)
	}
	return append(ops, l.disk.Trace()...), hash*31 + l.disk.TraceHash()
}

// difference names the first operation in which two traces differ.
func difference(a, b []simdisk.Op) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%s, then %s", a[i], b[i])
		}
	}
	return fmt.Sprintf("%d operations, then %d", len(a), len(b))
}
