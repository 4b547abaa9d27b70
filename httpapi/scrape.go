package httpapi

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

// getMetrics serves what Prometheus scrapes. But for the gauges of models, which are capped, its labels come from
// closed sets. A bounded token gets the gauges of its models, and of the server no more than /health tells everybody: its
// counters are about everybody.
func (s *Server) getMetrics(c *call) error {
	if err := c.principal.Allow(auth.Scope{Kind: auth.ReadPipe, Name: performancePipe.name}); err != nil {
		return err
	}
	w := &encode.Exposition{Dst: c.ctx.Response.SwapBody(nil)[:0]}
	s.writeBuild(w)
	if c.principal.Within == "" {
		s.writeCounters(w, c.sources)
		writeConnectors(w, s.opts.Connectors)
	}
	if c.store != nil {
		w.Gauge("residual_degraded", "Whether events are refused: see /health for the reason.", encode.Truth(s.refusal(c.store) != nil))
		if c.principal.Within == "" {
			writeStore(w, c.store.Health(), c.store.Stats())
		}
		s.writeModels(w, c.store, c.principal.Within)
	}
	if len(w.Dst) <= scrapeBytes {
		c.ctx.SetContentType(encode.ExpositionType)
		c.keepBody(w.Dst)
		return nil
	}
	return c.sendBody(w.Dst, encode.ExpositionType)
}

// scrapeBytes is room for what a server says of itself, which is not refused when long answers take all the memory that they may.
const scrapeBytes = 64 << 10

// writeBuild writes what the server is.
func (s *Server) writeBuild(w *encode.Exposition) {
	w.Family("residual_build_info", "gauge", "What the program was built from, as labels.")
	w.Sample("", 1, "version", s.opts.Version, "commit", s.opts.Commit, "goversion", runtime.Version())
	w.Gauge("residual_start_time_seconds", "When the server started, Unix seconds.", unixSeconds(s.started))
}

// writeCounters writes what the server counts of itself.
func (s *Server) writeCounters(w *encode.Exposition, all *sources) {
	w.Family("residual_http_requests_total", "counter", "Requests answered.")
	for l := range labelCount {
		// Zeros too: a rate needs the value from before the first one.
		for class := 2; class < statusClasses; class++ {
			w.Sample("", float64(s.counts.requests[l][class].Load()), "route", l.String(), "status", strconv.Itoa(class)+"xx")
		}
	}
	w.Family("residual_http_request_seconds", "histogram", "Time from the head of a request to its answer.")
	for l := labelRefused + 1; l < labelCount; l++ {
		h := &s.counts.latency[l]
		w.Histogram(latencyBounds[:], load(h.buckets[:]), float64(h.nanos.Load())/1e9, "route", l.String())
	}
	w.Counter("residual_http_rows_total", "Rows acknowledged.", s.counts.rows.Load())
	w.Counter("residual_http_body_bytes_total", "Decompressed bytes of the bodies of acknowledged requests.", s.counts.bodyBytes.Load())
	w.Family("residual_http_batch_rows", "histogram", "Rows of an acknowledged request.")
	w.Histogram(batchBounds[:], load(s.counts.batchRows[:]), float64(s.counts.rows.Load()))
	w.Family("residual_http_decode_seconds_total", "counter", "Time spent decoding bodies.")
	w.Sample("", float64(s.counts.decodeNanos.Load())/1e9)
	w.Counter("residual_http_quarantined_rows_total", "Rows answered as quarantined.", s.counts.quarantined.Load())
	for _, family := range [...]struct {
		name, help string
		of         func(*sourceCounts) uint64
	}{
		{"rows", "Rows acknowledged, by the data source that they were sent to.", func(c *sourceCounts) uint64 { return c.rows.Load() }},
		{"quarantined_rows", "Rows answered as quarantined, by data source.", func(c *sourceCounts) uint64 { return c.quarantined.Load() }},
		{"body_bytes", "Decompressed bytes of the bodies of acknowledged requests, by data source.", func(c *sourceCounts) uint64 { return c.bytes.Load() }},
	} {
		w.Family("residual_http_datasource_"+family.name+"_total", "counter", family.help)
		for _, src := range all.list {
			w.Sample("", float64(family.of(src.counts)), "datasource", src.name)
		}
	}
	w.Counter("residual_http_replayed_total", "Requests answered from their idempotency key.", s.counts.duplicates.Load())
	w.Counter("residual_http_panics_total", "Requests that met a bug of the server.", s.counts.panics.Load())
	w.Counter("residual_http_refused_connections_total", "Connections over a limit.", s.counts.refusedConns.Load())
	w.Counter("residual_http_throttled_total", "Requests over the quota of their token or address.", s.quota.Refused.Load())
	w.Counter("residual_http_memory_full_total", "Requests refused because memory was full.", s.memory.Refused.Load())
	w.Counter("residual_http_ingests_full_total", "Requests refused because too many were being taken in.", s.ingests.Refused.Load())
	w.Counter("residual_http_bytes_full_total", "Requests refused because too many bytes were being taken in.", s.bodies.Refused.Load())
	w.Counter("residual_http_queries_full_total", "Requests refused because too many queries were running.", s.queries.Refused.Load())
	w.Counter("residual_http_answers_full_total", "Answers refused because too much of long ones was being sent.", s.streams.bytes.Refused.Load())
	w.Counter("residual_http_answers_cut_total", "Answers that had begun and were cut short.", s.counts.answersCut.Load())
	w.Gauge("residual_http_answer_bytes", "Memory of long answers being sent.", float64(s.streams.bytes.Held.Load()))
	w.Gauge("residual_http_connections", "Open connections.", float64(s.openConns()))
	w.Gauge("residual_http_body_bytes", "Bytes of bodies being taken in.", float64(s.bodies.Held.Load()))
	w.Gauge("residual_http_ingests", "Requests being taken in.", float64(s.ingests.Taken()))
	w.Gauge("residual_http_ingests_waiting", "Requests that wait for a slot to be taken in.", float64(s.ingests.Waiting.Load()))
	w.Gauge("residual_http_queries", "Queries running.", float64(s.queries.Taken()))
}

// writeStore writes what the store counts.
func writeStore(w *encode.Exposition, h engine.Health, stats engine.Stats) {
	w.Gauge("residual_ready", "Whether recovery is done.", encode.Truth(h.Ready))
	w.Counter("residual_batches_total", "Batches stored.", stats.Batches)
	w.Counter("residual_rows_total", "Rows stored.", stats.Rows)
	w.Counter("residual_rows_replaced_total", "Rows that were stored already, changed or not.", stats.Replaced)
	w.Counter("residual_append_waits_total", "Batches that waited because memory was full of rows not sealed.", stats.Waits)
	w.Counter("residual_duplicates_total", "Batches that were stored before under their key.", stats.Duplicates)
	w.Family("residual_quarantined_total", "counter", "Rejected lines by reason.")
	for code, n := range stats.Quarantined {
		if event.Code(code) != event.CodeNone {
			w.Sample("", float64(n), "reason", event.Code(code).String())
		}
	}
	w.Counter("residual_quarantine_dropped_total", "Rejected lines that the quarantine no longer holds.", stats.QuarantineDropped)
	w.Gauge("residual_quarantine_lines", "Rejected lines that the quarantine holds.", float64(stats.QuarantineKept))
	w.Family("residual_actuals_total", "counter", "Actuals by what became of them, see the documentation of ml_model_actuals.")
	w.Sample("", float64(stats.Joined), "outcome", "joined")
	w.Sample("", float64(stats.Corrected), "outcome", "corrected")
	w.Sample("", float64(stats.Orphaned), "outcome", "orphaned")
	w.Sample("", float64(stats.Withdrawn), "outcome", "withdrawn")
	w.Gauge("residual_actuals_remembered", "Actuals kept for rows still to come.", float64(stats.ActualsRemembered))
	w.Gauge("residual_actuals_bytes", "Memory of actuals kept for rows still to come.", float64(stats.ActualsBytes))
	w.Gauge("residual_actuals_bytes_max", "Memory of actuals kept for rows still to come at most.", float64(stats.ActualsBytesMax))
	w.Counter("residual_actuals_forgotten_total", "Actuals that met a row and were let go before their time for want of memory.", stats.ActualsForgotten)
	w.Counter("residual_actuals_evicted_total", "Actuals that met no row and were quarantined before their time for want of memory.", stats.ActualsEvicted)
	w.Counter("residual_deleted_total", "Prediction ids whose rows were deleted.", stats.Deleted)
	w.Gauge("residual_waiting_rows", "Predictions without an actual.", float64(stats.Waiting))
	w.Gauge("residual_orphans", "Actuals without a prediction.", float64(stats.Orphans))
	w.Family("residual_apply_seconds_total", "counter", "Time spent publishing batches to memory.")
	w.Sample("", stats.Apply.Seconds())
	w.Counter("residual_checkpoints_total", "Checkpoints committed.", stats.Checkpoints)
	w.Counter("residual_merges_total", "Merges committed.", stats.Merges)
	w.Counter("residual_background_failures_total", "Checkpoints and merges that failed and are tried again.", stats.BackgroundFailures)
	w.Gauge("residual_models", "Models.", float64(stats.Models))
	w.Gauge("residual_models_max", "Models at most.", float64(stats.ModelsMax))
	w.Gauge("residual_series", "Series: model, version and environment.", float64(stats.Series))
	w.Gauge("residual_series_most", "Series of the model with the most of them.", float64(stats.ModelSeriesMost))
	w.Gauge("residual_series_max", "Series that a model has at most.", float64(stats.SeriesMax))
	w.Gauge("residual_months", "Months of all models.", float64(stats.Months))
	w.Gauge("residual_months_max", "Months of all models at most.", float64(stats.MonthsMax))
	w.Gauge("residual_segments", "Sealed segments.", float64(stats.Segments))
	w.Gauge("residual_head_rows", "Rows not sealed yet.", float64(stats.HeadRows))
	w.Gauge("residual_head_bytes", "Memory of rows not sealed yet.", float64(stats.HeadBytes))
	w.Gauge("residual_head_bytes_max", "Memory of rows not sealed yet, and of those being sealed, at most.", float64(stats.HeadBytesMax))
	w.Gauge("residual_sealed_rows", "Rows in segments.", float64(stats.SealedRows))
	w.Gauge("residual_sealed_bytes", "Size of segments.", float64(stats.SealedBytes))
	w.Gauge("residual_resident_bytes", "Size of segments in memory.", float64(stats.ResidentBytes))
	w.Gauge("residual_clock_doubt_seconds", "How far the clock is ahead of the time by which things expire.", stats.ClockDoubt.Seconds())
	w.Gauge("residual_idempotency_keys", "Idempotency keys remembered.", float64(stats.IdempotencyKeys))
	w.Gauge("residual_idempotency_keys_max", "Idempotency keys remembered at most.", float64(stats.IdempotencyKeysMax))
	w.Gauge("residual_idempotency_window_seconds", "How long an idempotency key is remembered.", engine.KeysAge.Seconds())
	w.Gauge("residual_positions", "Parts of sources outside of which it is remembered how far they were read.", float64(stats.Positions))
	w.Gauge("residual_positions_bytes", "Memory of these positions.", float64(stats.PositionsBytes))
	writeLog(w, &stats)
	writeDisk(w, &stats.Disk)
}

// writeDisk writes what the store takes on its disk, and what is left there.
func writeDisk(w *encode.Exposition, disk *engine.Disk) {
	w.Family("residual_store_bytes", "gauge", "Bytes of the files in the data directory, by what they are for.")
	w.Sample("", float64(disk.Log), "kind", "log")
	w.Sample("", float64(disk.Packs), "kind", "packs")
	w.Sample("", float64(disk.Keys), "kind", "keys")
	w.Sample("", float64(disk.Quarantine), "kind", "quarantine")
	w.Sample("", float64(disk.Actuals), "kind", "actuals")
	w.Sample("", float64(disk.Positions), "kind", "positions")
	w.Sample("", float64(disk.Manifest), "kind", "manifest")
	w.Sample("", float64(disk.Pinned), "kind", "pinned")
	w.Sample("", float64(disk.Kept), "kind", "kept")
	w.Family("residual_store_free_bytes", "gauge", "Bytes that may still be written to the file systems of the data directory and of its log.")
	for _, free := range [...]struct {
		of    string
		bytes int64
	}{{"data", disk.Free}, {"log", disk.LogFree}} {
		if free.bytes >= 0 {
			w.Sample("", float64(free.bytes), "of", free.of)
		}
	}
}

func writeLog(w *encode.Exposition, stats *engine.Stats) {
	log := &stats.Log
	w.Counter("residual_log_records_total", "Records written to the log.", log.Records)
	w.Counter("residual_log_record_bytes_total", "Bytes of records written to the log.", log.Bytes)
	w.Counter("residual_log_groups_total", "Groups of records synced together.", log.Groups)
	w.Counter("residual_log_rotations_total", "Log files ended.", log.Rotations)
	w.Gauge("residual_log_cut_bytes", "Bytes of a torn end that the last start cut off the log.", float64(log.TornBytes))
	w.Gauge("residual_log_last_lsn", "Number of the last record.", float64(log.LastLSN))
	w.Gauge("residual_log_files", "Log files.", float64(log.Files))
	w.Gauge("residual_log_bytes", "Size of the log since the last checkpoint.", float64(log.LogBytes))
	w.Gauge("residual_log_queue_bytes", "Bytes waiting for the log.", float64(log.QueueBytes))
	w.Family("residual_log_write_seconds_total", "counter", "Time spent writing the log, syncs included.")
	w.Sample("", log.Writing.Seconds())
	w.Family("residual_log_sync_seconds", "histogram", "Time of one sync of the log.")
	bounds := make([]float64, len(log.Syncs.Bounds))
	for i, bound := range log.Syncs.Bounds {
		bounds[i] = bound.Seconds()
	}
	w.Histogram(bounds, log.Syncs.Counts, log.Syncs.Sum.Seconds())
}

// gauge is a family of what /metrics says of every model. Its samples have the labels model_id and environment, which
// stay when another version takes over; its name follows residual_model_.
type gauge struct {
	name, help string
	// value returns NaN where there is no sample.
	value func(*engine.GaugesRow) float64
}

var gauges = [...]gauge{
	{"last_prediction_timestamp_seconds", "Timestamp of the newest prediction, Unix seconds.", func(r *engine.GaugesRow) float64 { return unixSeconds(r.LastPrediction) }},
	{"predictions", "Predictions of the last 24 hours, with and without an actual.", func(r *engine.GaugesRow) float64 { return float64(r.PredictionCount) }},
	{"actuals", "Predictions of the last 24 hours with an actual.", func(r *engine.GaugesRow) float64 { return float64(r.ActualCount) }},
	{"coverage", "Share of the predictions of the last 24 hours that have an actual.", func(r *engine.GaugesRow) float64 { return r.ActualCoverage.Float64() }},
	{"versions_without_actuals", "Versions with predictions in the last 24 hours and no actual in the last 7 days.", func(r *engine.GaugesRow) float64 { return float64(r.VersionsWithoutActuals) }},
	{"rmse", "RMSE of the latest version, last 24 hours.", func(r *engine.GaugesRow) float64 { return errorSample(r.RMSE) }},
	{"mae", "MAE of the latest version, last 24 hours.", func(r *engine.GaugesRow) float64 { return errorSample(r.MAE) }},
	{"recent_actuals", "Predictions with an actual that the drift rests on: last 6 hours.", func(r *engine.GaugesRow) float64 { return float64(r.Drift.Recent.ActualCount) }},
	{"reference_actuals", "Predictions with an actual that the drift is measured against: 7 days up to the last 6 hours.", func(r *engine.GaugesRow) float64 { return float64(r.Drift.Reference.ActualCount) }},
	{"drift", "MAE of the last 6 hours against that of the 7 days up to there, as a ratio: 0.25 is a quarter worse.", func(r *engine.GaugesRow) float64 { return r.Drift.RelativeChange.Float64() }},
	{"drift_z", "The difference of these two MAEs over its standard error.", func(r *engine.GaugesRow) float64 { return r.Drift.Z.Float64() }},
}

// errorSample is an error as a sample: one beyond float64 is infinite, so that a rule with a threshold still fires.
func errorSample(v engine.Value) float64 {
	if v.Null == engine.BeyondFloat64 {
		return math.Inf(1)
	}
	return v.Float64()
}

// unixSeconds is a time as Prometheus has it.
func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// askGauges asks for one scrape after the other, so that many at a time do not cost more than one.
func (s *Server) askGauges(store ReportStore, within string) (engine.GaugesResult, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.QueryTimeout)
	defer cancel()
	select {
	case s.gauging <- struct{}{}:
	case <-ctx.Done():
		return engine.GaugesResult{}, fmt.Errorf("wait for the scrapes before: %w", ctx.Err())
	}
	defer func() { <-s.gauging }()
	return store.Gauges(ctx, engine.GaugesQuery{
		Within: within, Environments: s.opts.ModelGaugesEnvironments, For: s.opts.ModelGaugesFor, Max: s.opts.ModelGaugesMax,
	})
}

// writeModels writes how each model stands in its environments, for the first ModelGaugesMax of them by name. Whoever
// was seen within ModelGaugesFor has its counts; what is not known has no sample. A store without reports has none. within is
// the bound of who asks.
func (s *Server) writeModels(w *encode.Exposition, store Store, within string) {
	reports, ok := store.(ReportStore)
	if s.opts.NoModelGauges || !ok {
		return
	}
	result, err := s.askGauges(reports, within)
	if err != nil {
		s.counts.gaugesFailed.Add(1)
		s.log.warn("the gauges of models are left out", "error", err)
	}
	if within == "" {
		w.Counter("residual_model_gauges_failures_total",
			"Scrapes without the gauges of models, for want of an answer in time.", s.counts.gaugesFailed.Load())
	}
	if err != nil {
		return
	}
	for i := range gauges {
		w.Family("residual_model_"+gauges[i].name, "gauge", gauges[i].help)
		for j := range result.Rows {
			r := &result.Rows[j]
			if value := gauges[i].value(r); !math.IsNaN(value) {
				w.Sample("", value, "model_id", r.Model, "environment", r.Environment)
			}
		}
	}
	w.Family("residual_model_status", "gauge", "The verdict on drift: 1 for the status that it is, 0 for each other.")
	for i := range result.Rows {
		r := &result.Rows[i]
		w.States("status", engine.DriftStatuses(), r.Drift.Status.String(), "model_id", r.Model, "environment", r.Environment)
	}
	w.Family("residual_model_state", "gauge", "The state of the version that needs somebody most: 1 for the state that it is, 0 for each other.")
	for i := range result.Rows {
		r := &result.Rows[i]
		w.States("state", engine.ModelStates(), r.State.String(), "model_id", r.Model, "environment", r.Environment)
	}
	w.Gauge("residual_model_gauges_left_out",
		"Models, once for each environment, that are beyond the bound on gauges or in another environment.",
		float64(result.LeftOut))
	w.Gauge("residual_model_gauges_max",
		"Models, once for each environment, that have gauges at most.", float64(s.opts.ModelGaugesMax))
}

// latencyBounds are the upper bounds of the latency histogram, in seconds.
var latencyBounds = [...]float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 10}

// batchBounds are the upper bounds of the histogram of batch sizes, in rows.
var batchBounds = [...]float64{1, 10, 100, 1000, 10_000, 100_000, 1_000_000}

// statusClasses is how many classes of status are counted apart: 1xx to 5xx.
const statusClasses = 6

// counters are what the server counts of itself. All of it is fixed in size.
type counters struct {
	requests [labelCount][statusClasses]atomic.Uint64
	latency  [labelCount]histogram

	rows, quarantined, duplicates atomic.Uint64
	panics, refusedConns          atomic.Uint64
	// Scrapes that the store had no gauges of models for.
	gaugesFailed atomic.Uint64
	// Answers that had begun and were cut short.
	answersCut atomic.Uint64

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
	h.buckets[bucket(latencyBounds[:], took.Seconds())].Add(1)
	h.nanos.Add(int64(took))
}

// stored counts a request that was stored, with a body of so many bytes.
func (c *counters) stored(done engine.Appended, bytes int64) {
	c.bodyBytes.Add(uint64(bytes))
	if done.Duplicate {
		c.duplicates.Add(1)
		return
	}
	c.rows.Add(uint64(done.Successful))
	c.quarantined.Add(uint64(done.Quarantined))
	c.batchRows[bucket(batchBounds[:], float64(done.Successful))].Add(1)
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
