package engine

import (
	"context"
	"time"
)

// QuarantineQuery asks for rejected lines, the newest first.
type QuarantineQuery struct {
	// Source is the data source the lines were sent to, empty for every one.
	Source string
	// Limit bounds the rows. Default: 100.
	Limit int
}

// QuarantineRow is one rejected line.
type QuarantineRow struct {
	Source string
	// Column and Reason say what was wrong with it; Code is the reason's class.
	Column, Reason, Code string
	// ImportID names the request it came in.
	ImportID   string
	Line       []byte
	InsertedAt time.Time
}

// QuarantineResult holds rows, the newest first.
type QuarantineResult struct {
	Rows []QuarantineRow
	// Dropped counts rows lost to the bound since the store was made.
	Dropped uint64
}

// Quarantine lists rejected lines. The store keeps a bounded number, the oldest are dropped first.
func (db *DB) Quarantine(ctx context.Context, q QuarantineQuery) (QuarantineResult, error) {
	panic("BUG: not built")
}
