package engine

import (
	"errors"
	"runtime"
	"sync"
)

// partLeast is the least number of things that a part of a query is worth a goroutine for: some hundred microseconds of work.
const partLeast = 128

// inParts divides [0, n) into a part for each processor and runs f for all at the same time, each with a scratch of its own. It returns when all have.
func (db *DB) inParts(n int, f func(from, to int, sc *scratch) (Read, error)) (Read, error) {
	parts := max(1, min(runtime.GOMAXPROCS(0), n/partLeast))
	reads, errs := make([]Read, parts), make([]error, parts)
	run := func(i int) {
		sc := db.scratches.Get().(*scratch)
		defer db.scratches.Put(sc)
		defer sc.segment.Forget()
		reads[i], errs[i] = f(i*n/parts, (i+1)*n/parts, sc)
	}
	var group sync.WaitGroup
	for i := 1; i < parts; i++ {
		group.Go(func() { run(i) })
	}
	run(0)
	group.Wait()
	var read Read
	for _, r := range reads {
		read.add(r)
	}
	return read, errors.Join(errs...)
}
