package telemetry

import (
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

// latencyBounds are the upper bounds of the latency histogram, in seconds.
var latencyBounds = [...]float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 10}

// batchBounds are the upper bounds of the histogram of batch sizes, in rows.
var batchBounds = [...]float64{1, 10, 100, 1000, 10_000, 100_000, 1_000_000}

// statusClasses is how many classes of status are counted apart: 1xx to 5xx.
const statusClasses = 6

// Counters are what the server counts of itself. All of it is fixed in size.
type Counters struct {
	requests [labelCount][statusClasses]atomic.Uint64
	latency  [labelCount]histogram

	rows, quarantined, Duplicates atomic.Uint64
	Panics, RefusedConns          atomic.Uint64
	// GaugesFailed are scrapes that the store had no gauges of models for.
	GaugesFailed atomic.Uint64
	// AnswersCut are answers that had begun and were cut short.
	AnswersCut atomic.Uint64

	bodyBytes, DecodeNanos atomic.Uint64
	batchRows              [len(batchBounds) + 1]atomic.Uint64
}

type histogram struct {
	buckets [len(latencyBounds) + 1]atomic.Uint64
	nanos   atomic.Int64
}

// Answered counts an answer. One that was refused before a route was found has no latency.
func (c *Counters) Answered(l Label, status int, took time.Duration) {
	c.requests[l][min(max(status/100, 0), statusClasses-1)].Add(1)
	if l == LabelRefused {
		return
	}
	h := &c.latency[l]
	h.buckets[bucket(latencyBounds[:], took.Seconds())].Add(1)
	h.nanos.Add(int64(took))
}

// Stored counts a request that was stored, with a body of so many bytes.
func (c *Counters) Stored(done engine.Appended, bytes int64) {
	c.bodyBytes.Add(uint64(bytes))
	if done.Duplicate {
		c.Duplicates.Add(1)
		return
	}
	c.rows.Add(uint64(done.Successful))
	c.quarantined.Add(uint64(done.Quarantined))
	c.batchRows[bucket(batchBounds[:], float64(done.Successful))].Add(1)
}

// Write writes the counts of requests and of what they brought.
func (c *Counters) Write(w *encode.Exposition) {
	w.Family("residual_http_requests_total", "counter", "Requests answered.")
	for l := range labelCount {
		// Zeros too: a rate needs the value from before the first one.
		for class := 2; class < statusClasses; class++ {
			w.Sample("", float64(c.requests[l][class].Load()), "route", l.String(), "status", strconv.Itoa(class)+"xx")
		}
	}
	w.Family("residual_http_request_seconds", "histogram", "Time from the head of a request to its answer.")
	for l := LabelRefused + 1; l < labelCount; l++ {
		h := &c.latency[l]
		w.Histogram(latencyBounds[:], load(h.buckets[:]), float64(h.nanos.Load())/1e9, "route", l.String())
	}
	w.Counter("residual_http_rows_total", "Rows acknowledged.", c.rows.Load())
	w.Counter("residual_http_body_bytes_total", "Decompressed bytes of the bodies of acknowledged requests.", c.bodyBytes.Load())
	w.Family("residual_http_batch_rows", "histogram", "Rows of an acknowledged request.")
	w.Histogram(batchBounds[:], load(c.batchRows[:]), float64(c.rows.Load()))
	w.Family("residual_http_decode_seconds_total", "counter", "Time spent decoding bodies.")
	w.Sample("", float64(c.DecodeNanos.Load())/1e9)
	w.Counter("residual_http_quarantined_rows_total", "Rows answered as quarantined.", c.quarantined.Load())
}

// bucket is the bucket of a histogram that a value falls into.
func bucket(bounds []float64, value float64) int {
	i, _ := slices.BinarySearch(bounds, value)
	return i
}

// load returns the counts of a histogram.
func load(buckets []atomic.Uint64) []uint64 {
	counts := make([]uint64, len(buckets))
	for i := range buckets {
		counts[i] = buckets[i].Load()
	}
	return counts
}
