package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// idleInterval is how long the process must have done next to nothing before it gives memory back.
	idleInterval = 10 * time.Second
	// idleBytes is what it allocates in that time at most: health checks and scrapes.
	idleBytes = 8 << 20
	// idleHeld is the least worth a collection.
	idleHeld = 32 << 20
)

// giveBack returns to the system what a load or a long answer has left in the heap once the process is idle, until ctx
// ends. By itself the runtime keeps about twice what is live: nothing is allocated, so that no collection finds what died.
func giveBack(ctx context.Context) {
	tick := time.NewTicker(idleInterval)
	defer tick.Stop()
	last := readHeap()
	worked := true // since memory was given back: what stayed then would stay again
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := readHeap()
		if now.allocated-last.allocated >= idleBytes {
			worked = true
		} else if worked && now.held > max(idleHeld, now.live/8) {
			debug.FreeOSMemory()
			now, worked = readHeap(), false
		}
		last = now
	}
}

// heapState is what the runtime tells of the heap, in bytes: allocated since the start, live at the last collection, and held
// beyond that.
type heapState struct{ allocated, live, held uint64 }

func readHeap() heapState {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	h := heapState{allocated: samples[0].Value.Uint64(), live: samples[1].Value.Uint64()}
	occupied := uint64(0)
	for _, s := range samples[2:] {
		occupied += s.Value.Uint64()
	}
	if occupied > h.live {
		h.held = occupied - h.live
	}
	return h
}
