package httpapi

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// heap tells when too much memory is in use to take more in. Bytes in flight are bounded apart from it, by budget.
type heap struct {
	limit int64 // 0 is none

	// collected is when a collection was last asked for, in Unix milliseconds.
	collected atomic.Int64
}

// collectInterval is how often a full heap is collected out of turn.
const collectInterval = time.Second

// full tells whether what the last collection left alive is past the limit. While events are refused little is
// allocated, so that the next collection, which would find out what has been freed, may be minutes away: full asks for
// one.
func (h *heap) full() bool {
	if h.limit == 0 || h.live() <= h.limit {
		return false
	}
	now, last := time.Now().UnixMilli(), h.collected.Load()
	if now-last >= collectInterval.Milliseconds() && h.collected.CompareAndSwap(last, now) {
		runtime.GC()
		return h.live() > h.limit
	}
	return true
}

func (h *heap) live() int64 {
	sample := [1]metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample[:])
	return int64(sample[0].Value.Uint64())
}
