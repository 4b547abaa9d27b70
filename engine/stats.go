package engine

import "github.com/residualdb/residual/wal"

// Health says whether the store takes events.
type Health struct {
	// Ready is true once recovery is done. Degraded is true while appends are refused; Reason says why.
	Ready, Degraded bool
	Reason          string
}

// Stats are plain counters and gauges for monitoring.
type Stats struct {
	// Counters since Open.
	Batches, Rows, Duplicates uint64
	Quarantined               map[string]uint64 // by reason code
	QuarantineDropped         uint64
	Checkpoints               uint64
	// ApplySeconds is the time spent publishing batches to memory.
	ApplySeconds float64

	// Gauges.
	Models, Series, Segments int
	HeadRows, SealedRows     uint64
	HeadBytes, SealedBytes   int64
	IdempotencyKeys          int

	Log wal.Stats
}
