package telemetry

import (
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

// WriteStore writes what a store counts: of rows that are kept elsewhere no more than is known of them.
func WriteStore(w *encode.Exposition, h engine.Health, stats engine.Stats) {
	w.Gauge("residual_ready", "Whether recovery is done.", encode.Truth(h.Ready))
	w.Counter("residual_batches_total", "Batches stored.", stats.Batches)
	w.Counter("residual_rows_total", "Rows stored.", stats.Rows)
	w.Counter("residual_duplicates_total", "Batches that were stored before under their key.", stats.Duplicates)
	w.Family("residual_quarantined_total", "counter", "Rejected lines by reason.")
	for code, n := range stats.Quarantined {
		if event.Code(code) != event.CodeNone {
			w.Sample("", float64(n), "reason", event.Code(code).String())
		}
	}
	w.Counter("residual_deleted_total", "Prediction ids whose rows were deleted.", stats.Deleted)
	if !stats.Unmeasured {
		w.Gauge("residual_quarantine_lines", "Rejected lines that the quarantine holds.", float64(stats.QuarantineKept))
		w.Gauge("residual_models", "Models.", float64(stats.Models))
		w.Gauge("residual_series", "Series: model, version and environment.", float64(stats.Series))
		w.Gauge("residual_months", "Months of all models.", float64(stats.Months))
		w.Gauge("residual_sealed_rows", "Rows in segments.", float64(stats.SealedRows))
		w.Gauge("residual_sealed_bytes", "Size of segments.", float64(stats.SealedBytes))
		writeDisk(w, &stats)
	}
	if !stats.Elsewhere {
		writeOwn(w, &stats)
	}
}

// writeOwn writes what a store counts that has its rows in this process and its files.
func writeOwn(w *encode.Exposition, stats *engine.Stats) {
	w.Counter("residual_rows_replaced_total", "Rows that were stored already, changed or not.", stats.Replaced)
	w.Counter("residual_append_waits_total", "Batches that waited because memory was full of rows not sealed.", stats.Waits)
	w.Counter("residual_quarantine_dropped_total", "Rejected lines that the quarantine no longer holds.", stats.QuarantineDropped)
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
	w.Gauge("residual_waiting_rows", "Predictions without an actual.", float64(stats.Waiting))
	w.Gauge("residual_orphans", "Actuals without a prediction.", float64(stats.Orphans))
	w.Family("residual_apply_seconds_total", "counter", "Time spent publishing batches to memory.")
	w.Sample("", stats.Apply.Seconds())
	w.Counter("residual_checkpoints_total", "Checkpoints committed.", stats.Checkpoints)
	w.Counter("residual_merges_total", "Merges committed.", stats.Merges)
	w.Counter("residual_background_failures_total", "Checkpoints and merges that failed and are tried again.", stats.BackgroundFailures)
	w.Gauge("residual_models_max", "Models at most.", float64(stats.ModelsMax))
	w.Gauge("residual_series_most", "Series of the model with the most of them.", float64(stats.ModelSeriesMost))
	w.Gauge("residual_series_max", "Series that a model has at most.", float64(stats.SeriesMax))
	w.Gauge("residual_months_max", "Months of all models at most.", float64(stats.MonthsMax))
	w.Gauge("residual_segments", "Sealed segments.", float64(stats.Segments))
	w.Gauge("residual_head_rows", "Rows not sealed yet.", float64(stats.HeadRows))
	w.Gauge("residual_head_bytes", "Memory of rows not sealed yet.", float64(stats.HeadBytes))
	w.Gauge("residual_head_bytes_max", "Memory of rows not sealed yet, and of those being sealed, at most.", float64(stats.HeadBytesMax))
	w.Gauge("residual_resident_bytes", "Size of segments in memory.", float64(stats.ResidentBytes))
	w.Gauge("residual_clock_doubt_seconds", "How far the clock is ahead of the time by which things expire.", stats.ClockDoubt.Seconds())
	w.Gauge("residual_idempotency_keys", "Idempotency keys remembered.", float64(stats.IdempotencyKeys))
	w.Gauge("residual_idempotency_keys_max", "Idempotency keys remembered at most.", float64(stats.IdempotencyKeysMax))
	w.Gauge("residual_idempotency_window_seconds", "How long an idempotency key is remembered.", engine.KeysAge.Seconds())
	w.Gauge("residual_positions", "Parts of sources outside of which it is remembered how far they were read.", float64(stats.Positions))
	w.Gauge("residual_positions_bytes", "Memory of these positions.", float64(stats.PositionsBytes))
	writeLog(w, stats)
}

// writeDisk writes what the store takes on its disk, and what is left there.
func writeDisk(w *encode.Exposition, stats *engine.Stats) {
	disk := &stats.Disk
	w.Family("residual_store_bytes", "gauge", "Bytes of the files of the store, by what they are for.")
	for _, x := range [...]struct {
		kind  string
		bytes int64
	}{
		{"log", disk.Log},
		{"packs", disk.Packs},
		{"keys", disk.Keys},
		{"quarantine", disk.Quarantine},
		{"actuals", disk.Actuals},
		{"positions", disk.Positions},
		{"manifest", disk.Manifest},
		{"pinned", disk.Pinned},
		{"kept", disk.Kept},
	} {
		if !stats.Elsewhere || x.bytes > 0 {
			w.Sample("", float64(x.bytes), "kind", x.kind)
		}
	}
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
