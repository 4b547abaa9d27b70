package serve

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// idleInterval is how long the process must have done next to nothing before it gives memory back.
	idleInterval = 10 * time.Second
	// idleBytes is what it allocates in that time at most: health checks and scrapes.
	idleBytes = 8 << 20
	// busyBytes is what it allocated since it last gave memory back at least: a collection of a large heap is not for nothing.
	busyBytes = 64 << 20
)

// giveBack returns to the system what a load or a long answer has left in the heap once the process is idle, until ctx
// ends. By itself the runtime keeps about twice what is live: nothing is allocated, so that no collection finds what died.
// After a load of 2 M rows the process has 228 MiB with it, and 269 MiB for three minutes and more without.
func giveBack(ctx context.Context) {
	tick := time.NewTicker(idleInterval)
	defer tick.Stop()
	given, last := uint64(0), allocated()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := allocated()
		if now-last < idleBytes && now-given >= busyBytes {
			// What is unused in a sync.Pool, as the engine's memory of sealed heads is, goes with the second collection.
			runtime.GC()
			debug.FreeOSMemory() // collects, too
			given = now
		}
		last = now
	}
}

// allocated is the bytes of all that was ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
