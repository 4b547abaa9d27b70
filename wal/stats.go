package wal

import (
	"sync/atomic"
	"time"
)

// syncBounds are the upper bounds of the buckets of the sync duration.
var syncBounds = [...]time.Duration{
	50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	1 * time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, 1 * time.Second, 2500 * time.Millisecond,
}

// Stats are counters since Open and gauges of this moment.
type Stats struct {
	// Counters.
	Records   uint64 // written, and synced if that is the policy
	Bytes     uint64 // of their payloads
	Groups    uint64
	Rotations uint64
	Writing   time.Duration // and syncing
	Syncs     Histogram     // of the data of log files
	TornBytes int64         // cut off the log by Open

	// Gauges.
	LastLSN    uint64
	Files      int
	LogBytes   int64 // see Log.Size
	QueueBytes int64
}

// Histogram counts durations by size.
type Histogram struct {
	// Bounds are the inclusive upper bounds of the buckets.
	Bounds []time.Duration
	// Counts has one more element than Bounds, for what is above the last.
	Counts []uint64
	Count  uint64
	Sum    time.Duration
}

// counters is what the writer counts and others read.
type counters struct {
	records, bytes, groups, rotations, lsn atomic.Uint64
	writing                                atomic.Int64

	syncSeconds histogram
}

type histogram struct {
	counts [len(syncBounds) + 1]atomic.Uint64
	sum    atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(syncBounds) && d > syncBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) snapshot() Histogram {
	out := Histogram{Bounds: syncBounds[:], Counts: make([]uint64, len(h.counts)), Sum: time.Duration(h.sum.Load())}
	for i := range h.counts {
		out.Counts[i] = h.counts[i].Load()
		out.Count += out.Counts[i]
	}
	return out
}
