package httpapi

import (
	"strconv"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// getMetrics serves what Prometheus scrapes. But for the gauges of models, which are capped, its labels come from
// closed sets.
func (s *Server) getMetrics(c *call) error {
	if err := s.allow(c, scope{kind: readPipe, name: performancePipe.name}); err != nil {
		return err
	}
	w := &exposition{dst: c.ctx.Response.SwapBody(nil)[:0]}
	s.writeOwn(w)
	if c.store != nil {
		w.gauge("residual_degraded", "Whether events are refused: see /health for the reason.", truth(s.refusal(c.store) != nil))
		writeStore(w, c.store.Health(), c.store.Stats())
		s.writeModels(w, c.store)
	}
	return c.sendBody(w.dst, expositionType)
}

// writeOwn writes what the server counts of itself.
func (s *Server) writeOwn(w *exposition) {
	w.family("residual_build_info", "gauge", "The version, as a label.")
	w.sample("", 1, "version", s.opts.Version)
	w.gauge("residual_start_time_seconds", "When the server started, Unix seconds.", unixSeconds(s.started))
	w.family("residual_http_requests_total", "counter", "Requests answered.")
	for l := range labelCount {
		// Zeros too: a rate needs the value from before the first one.
		for class := 2; class < statusClasses; class++ {
			w.sample("", float64(s.counts.requests[l][class].Load()), "route", l.String(), "status", strconv.Itoa(class)+"xx")
		}
	}
	w.family("residual_http_request_seconds", "histogram", "Time from the head of a request to its answer.")
	for l := labelRefused + 1; l < labelCount; l++ {
		w.latencies(&s.counts.latency[l], l.String())
	}
	w.counter("residual_http_rows_total", "Rows acknowledged.", s.counts.rows.Load())
	w.counter("residual_http_body_bytes_total", "Decompressed bytes of the bodies of acknowledged requests.", s.counts.bodyBytes.Load())
	w.batches(&s.counts)
	w.family("residual_http_decode_seconds_total", "counter", "Time spent decoding bodies.")
	w.sample("", float64(s.counts.decodeNanos.Load())/1e9)
	w.counter("residual_http_quarantined_rows_total", "Rows answered as quarantined.", s.counts.quarantined.Load())
	w.counter("residual_http_replayed_total", "Requests answered from their idempotency key.", s.counts.duplicates.Load())
	w.counter("residual_http_panics_total", "Requests that met a bug of the server.", s.counts.panics.Load())
	w.counter("residual_http_refused_connections_total", "Connections over a limit.", s.counts.refusedConns.Load())
	w.counter("residual_http_throttled_total", "Requests over the quota of their token or address.", s.counts.throttled.Load())
	w.counter("residual_http_memory_full_total", "Requests refused because memory was full.", s.counts.heapFull.Load())
	w.counter("residual_http_ingests_full_total", "Requests refused because too many were being taken in.", s.counts.ingestsFull.Load())
	w.counter("residual_http_bytes_full_total", "Requests refused because too many bytes were being taken in.", s.counts.bytesFull.Load())
	w.counter("residual_http_queries_full_total", "Requests refused because too many queries were running.", s.counts.queriesFull.Load())
	w.counter("residual_http_answers_full_total", "Answers refused because too much of long ones was being sent.", s.counts.answersFull.Load())
	w.counter("residual_http_answers_cut_total", "Answers that had begun and were cut short.", s.counts.answersCut.Load())
	w.gauge("residual_http_answer_bytes", "Memory of long answers being sent.", float64(s.streams.budget.spent.Load()))
	w.gauge("residual_http_connections", "Open connections.", float64(s.openConns()))
	w.gauge("residual_http_body_bytes", "Bytes of bodies being taken in.", float64(s.budget.spent.Load()))
	w.gauge("residual_http_ingests", "Requests being taken in.", float64(s.ingests.inside()))
	w.gauge("residual_http_ingests_waiting", "Requests that wait for their turn to be taken in.", float64(s.ingests.waiting.Load()))
	w.gauge("residual_http_queries", "Queries running.", float64(s.queries.inside()))
}

func (s *Server) openConns() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.guards {
		n += g.open()
	}
	return n
}

// writeStore writes what the store counts.
func writeStore(w *exposition, h engine.Health, stats engine.Stats) {
	w.gauge("residual_ready", "Whether recovery is done.", truth(h.Ready))
	w.counter("residual_batches_total", "Batches stored.", stats.Batches)
	w.counter("residual_rows_total", "Rows stored.", stats.Rows)
	w.counter("residual_rows_replaced_total", "Rows that were stored already, changed or not.", stats.Replaced)
	w.counter("residual_append_waits_total", "Batches that waited because memory was full of rows not sealed.", stats.Waits)
	w.counter("residual_duplicates_total", "Batches that were stored before under their key.", stats.Duplicates)
	w.family("residual_quarantined_total", "counter", "Rejected lines by reason.")
	for code, n := range stats.Quarantined {
		if event.Code(code) != event.CodeNone {
			w.sample("", float64(n), "reason", event.Code(code).String())
		}
	}
	w.counter("residual_quarantine_dropped_total", "Rejected lines that the quarantine no longer holds.", stats.QuarantineDropped)
	w.family("residual_actuals_total", "counter", "Actuals by what became of them, see the documentation of ml_model_actuals.")
	w.sample("", float64(stats.Joined), "outcome", "joined")
	w.sample("", float64(stats.Corrected), "outcome", "corrected")
	w.sample("", float64(stats.Orphaned), "outcome", "orphaned")
	w.sample("", float64(stats.Withdrawn), "outcome", "withdrawn")
	w.gauge("residual_actuals_remembered", "Actuals kept for rows still to come.", float64(stats.ActualsRemembered))
	w.gauge("residual_actuals_bytes", "Memory of actuals kept for rows still to come.", float64(stats.ActualsBytes))
	w.counter("residual_actuals_forgotten_total", "Actuals that met a row and were let go before their time for want of memory.", stats.ActualsForgotten)
	w.counter("residual_actuals_evicted_total", "Actuals that met no row and were quarantined before their time for want of memory.", stats.ActualsEvicted)
	w.counter("residual_deleted_total", "Prediction ids whose rows were deleted.", stats.Deleted)
	w.gauge("residual_waiting_rows", "Predictions without an actual.", float64(stats.Waiting))
	w.gauge("residual_orphans", "Actuals without a prediction.", float64(stats.Orphans))
	w.family("residual_apply_seconds_total", "counter", "Time spent publishing batches to memory.")
	w.sample("", stats.Apply.Seconds())
	w.counter("residual_checkpoints_total", "Checkpoints committed.", stats.Checkpoints)
	w.counter("residual_merges_total", "Merges committed.", stats.Merges)
	w.counter("residual_background_failures_total", "Checkpoints and merges that failed and are tried again.", stats.BackgroundFailures)
	w.gauge("residual_models", "Models.", float64(stats.Models))
	w.gauge("residual_series", "Series: model, version and environment.", float64(stats.Series))
	w.gauge("residual_series_most", "Series of the model with the most of them.", float64(stats.ModelSeriesMost))
	w.gauge("residual_months", "Months of all models.", float64(stats.Months))
	w.gauge("residual_segments", "Sealed segments.", float64(stats.Segments))
	w.gauge("residual_head_rows", "Rows not sealed yet.", float64(stats.HeadRows))
	w.gauge("residual_head_bytes", "Memory of rows not sealed yet.", float64(stats.HeadBytes))
	w.gauge("residual_sealed_rows", "Rows in segments.", float64(stats.SealedRows))
	w.gauge("residual_sealed_bytes", "Size of segments.", float64(stats.SealedBytes))
	w.gauge("residual_resident_bytes", "Size of segments in memory.", float64(stats.ResidentBytes))
	w.gauge("residual_clock_doubt_seconds", "How far the clock is ahead of the time by which things expire.", stats.ClockDoubt.Seconds())
	w.gauge("residual_idempotency_keys", "Idempotency keys remembered.", float64(stats.IdempotencyKeys))
	w.gauge("residual_idempotency_keys_max", "Idempotency keys remembered at most.", float64(stats.IdempotencyKeysMax))
	w.gauge("residual_idempotency_window_seconds", "How long an idempotency key is remembered.", engine.KeysAge.Seconds())
	writeLog(w, &stats)
}

func writeLog(w *exposition, stats *engine.Stats) {
	log := &stats.Log
	w.counter("residual_log_records_total", "Records written to the log.", log.Records)
	w.counter("residual_log_record_bytes_total", "Bytes of records written to the log.", log.Bytes)
	w.counter("residual_log_groups_total", "Groups of records synced together.", log.Groups)
	w.counter("residual_log_rotations_total", "Log files ended.", log.Rotations)
	w.gauge("residual_log_cut_bytes", "Bytes of a torn end that the last start cut off the log.", float64(log.CutBytes))
	w.gauge("residual_log_last_lsn", "Number of the last record.", float64(log.LastLSN))
	w.gauge("residual_log_files", "Log files.", float64(log.Files))
	w.gauge("residual_log_bytes", "Size of the log since the last checkpoint.", float64(log.LogBytes))
	w.gauge("residual_log_queue_bytes", "Bytes waiting for the log.", float64(log.QueueBytes))
	w.family("residual_log_write_seconds_total", "counter", "Time spent writing the log, syncs included.")
	w.sample("", log.Writing.Seconds())
	w.family("residual_log_sync_seconds", "histogram", "Time of one sync of the log.")
	var total uint64
	for i, n := range log.Syncs.Counts {
		total += n
		bound := "+Inf"
		if i < len(log.Syncs.Bounds) {
			bound = strconv.FormatFloat(log.Syncs.Bounds[i].Seconds(), 'g', -1, 64)
		}
		w.sample("_bucket", float64(total), "le", bound)
	}
	w.sample("_sum", log.Syncs.Sum.Seconds())
	w.sample("_count", float64(total))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
