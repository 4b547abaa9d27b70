package crashtest

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// each calls try for 0 to n-1 on the workers of the sweep, each time with a generator that depends on the seed and the number
// alone, so that the cases do not depend on who tried them.
func (s Sweep) each(n int, try func(i int, rng *rand.Rand)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(n, s.workers()) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				try(i, rand.New(rand.NewPCG(s.Seed, uint64(i)+1)))
			}
		})
	}
	workers.Wait()
}
