package main

import (
	"os"
	"runtime"
)

// threadsPerProcessor is how many threads share a processor while the server runs. With one, a query that comes while
// ingest keeps all of them busy waits until a goroutine has used up its 10 ms. With more, one is left to take the
// query, and the kernel runs it at once, because the long work of ingest is on threads that give way (package thread).
// On 2 processors, a load of 3 M rows beside one client that asks some 150 times a second: the p99 of a query, for which
// the budget is 5 ms, is 27 ms with one, 23 ms with two, and 2.8 ms with four; the load takes as long with four as with one.
const threadsPerProcessor = 4

// shareProcessors lets threads share the processors until the returned function is called, unless the environment says
// GOMAXPROCS.
func shareProcessors() (restore func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	processors := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(threadsPerProcessor * processors)
	return func() { runtime.GOMAXPROCS(processors) }
}
