package admission

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Memory tells when too much memory is in use to take more in. Bytes in flight are bounded apart from it.
type Memory struct {
	Limit int64 // 0 is none
	// Refused counts the requests that found memory full.
	Refused atomic.Uint64

	// collected is when a collection was last asked for, in Unix milliseconds.
	collected atomic.Int64
}

// collectInterval is how often a full heap is collected before its time.
const collectInterval = time.Second

// Full tells whether what the last collection left alive is past the limit. While events are refused little is
// allocated, so that the next collection, which would find out what has been freed, may be minutes away: Full asks for
// one.
func (m *Memory) Full() bool {
	if m.Limit == 0 || m.Live() <= m.Limit {
		return false
	}
	now, last := time.Now().UnixMilli(), m.collected.Load()
	if now-last >= collectInterval.Milliseconds() && m.collected.CompareAndSwap(last, now) {
		runtime.GC()
		return m.Live() > m.Limit
	}
	return true
}

// Live is what the last collection left alive.
func (m *Memory) Live() int64 {
	sample := [1]metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample[:])
	return int64(sample[0].Value.Uint64())
}
