package httpapi

import (
	"sync/atomic"
	"time"

	"github.com/residualdb/residual/engine"
)

// latencyBounds are the upper bounds of the latency histogram, in seconds.
var latencyBounds = [...]float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 10}

// batchBounds are the upper bounds of the histogram of batch sizes, in rows.
var batchBounds = [...]int{1, 10, 100, 1000, 10_000, 100_000, 1_000_000}

// statusClasses is how many classes of status are counted apart: 1xx to 5xx.
const statusClasses = 6

// counters are what the server counts of itself. All of it is fixed in size.
type counters struct {
	requests [labelCount][statusClasses]atomic.Uint64
	latency  [labelCount]histogram

	rows, quarantined, duplicates atomic.Uint64
	panics, refusedConns          atomic.Uint64
	// Requests refused: over a quota, for memory, for too many of their kind, for too many bytes.
	throttled, heapFull, ingestsFull, queriesFull, bytesFull atomic.Uint64
	// Scrapes that the store had no gauges of models for.
	gaugesFailed atomic.Uint64
	// Answers refused because there was no room to send them, and those cut short.
	answersFull, answersCut atomic.Uint64

	bodyBytes, decodeNanos atomic.Uint64
	batchRows              [len(batchBounds) + 1]atomic.Uint64
}

type histogram struct {
	buckets [len(latencyBounds) + 1]atomic.Uint64
	nanos   atomic.Int64
}

func (c *counters) answered(l label, status int, took time.Duration) {
	c.requests[l][min(max(status/100, 0), statusClasses-1)].Add(1)
	if l == labelRefused {
		return
	}
	h := &c.latency[l]
	seconds := took.Seconds()
	i := 0
	for i < len(latencyBounds) && seconds > latencyBounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.nanos.Add(int64(took))
}

// taken counts a request that was stored, with a body of so many bytes.
func (c *counters) taken(done engine.Appended, bytes int64) {
	c.bodyBytes.Add(uint64(bytes))
	if done.Duplicate {
		c.duplicates.Add(1)
		return
	}
	c.rows.Add(uint64(done.Successful))
	c.quarantined.Add(uint64(done.Quarantined))
	i := 0
	for i < len(batchBounds) && done.Successful > batchBounds[i] {
		i++
	}
	c.batchRows[i].Add(1)
}
