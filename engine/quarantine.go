package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/residualdb/residual/event"
)

// Names of the data sources.
const (
	SourcePredictions = "ml_model_predictions"
	SourceActuals     = "ml_model_actuals"
)

// Bounds of the quarantine; the oldest rows are dropped first.
const (
	QuarantineRowsMax  = 100_000
	QuarantineBytesMax = 64 << 20

	quarantineLimitDefault = 100
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
	Column, Reason string
	Code           event.Code
	// ImportID names the request it came in.
	ImportID string
	// LineNumber is the line's place in the request, from 1; 0 where the line is written anew: for a row refused for a bound
	// of the options, and for an actual that was given up.
	LineNumber int
	Line       []byte
	InsertedAt time.Time
}

// QuarantineResult holds rows, the newest first.
type QuarantineResult struct {
	Rows []QuarantineRow
	// Dropped counts rows lost to the bound since Open.
	Dropped uint64
}

// Quarantine lists rejected lines. The store keeps a bounded number, the oldest are dropped first.
func (db *DB) Quarantine(_ context.Context, q QuarantineQuery) (QuarantineResult, error) {
	if err := db.begin(); err != nil {
		return QuarantineResult{}, err
	}
	defer db.end()
	if q.Limit < 0 {
		return QuarantineResult{}, queryError("limit is %d; it must not be negative", q.Limit)
	}
	return db.quarantine.list(q.Source, orDefault(q.Limit, quarantineLimitDefault)), nil
}

// quarantine holds the newest rejected lines within its bounds. Other than of the lines it takes nothing: what a
// checkpoint writes to a list is read from here, and a line that is dropped before is in none.
type quarantine struct {
	rowsMax  int
	bytesMax int64

	mu sync.Mutex

	// Guarded by mu.
	ring    rejectRing
	dropped uint64
}

func newQuarantine(bytesMax int64) *quarantine {
	return &quarantine{rowsMax: QuarantineRowsMax, bytesMax: bytesMax, ring: rejectRing{chunkBytes: int(bytesMax / 64)}}
}

// add keeps the rejects of a request, of which there were total.
func (q *quarantine) add(lsn uint64, at int64, source string, rejects []event.Reject, total int) {
	if total == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped += uint64(total - len(rejects))
	for i := range rejects {
		row := quarantineRow(source, lsn, at, &rejects[i])
		q.put(&row)
	}
}

// addRow keeps one row.
func (q *quarantine) addRow(row QuarantineRow) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.put(&row)
}

func quarantineRow(source string, lsn uint64, at int64, x *event.Reject) QuarantineRow {
	return QuarantineRow{
		Source: source, Column: x.Column, Reason: x.Reason, Code: x.Code, ImportID: fmt.Sprintf("%016x", lsn),
		LineNumber: x.Line, Line: x.Raw, InsertedAt: time.UnixMilli(at).UTC(),
	}
}

// put adds a row and lets go of the oldest ones beyond the bounds.
func (q *quarantine) put(row *QuarantineRow) {
	q.ring.push(row)
	for q.ring.len() > q.rowsMax || q.ring.bytes > q.bytesMax && q.ring.len() > 0 {
		q.ring.drop()
		q.dropped++
	}
}

// next is the number of the row to come. Rows are numbered as they come, from the first that Open found.
func (q *quarantine) next() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ring.next
}

func (q *quarantine) rowsDropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// encoded returns the rows [from, to) that are still there, as the entries of a list, from the first one on up to about
// bytesMax bytes; rest is the number of the row behind them.
func (q *quarantine) encoded(from, to uint64, bytesMax int) (entries []byte, rows int, rest uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := max(from, q.ring.first); ; n++ {
		if n >= to || len(entries) >= bytesMax {
			return entries, rows, n
		}
		entries = append(entries, q.ring.at(n)...)
		rows++
	}
}

func (q *quarantine) list(source string, limit int) QuarantineResult {
	q.mu.Lock()
	defer q.mu.Unlock()
	result := QuarantineResult{Dropped: q.dropped}
	for n := q.ring.next; n > q.ring.first && len(result.Rows) < limit; n-- {
		c := cursor{rest: q.ring.at(n - 1)}
		if source != "" && string(c.text("source")) != source {
			continue
		}
		c = cursor{rest: q.ring.at(n - 1)}
		result.Rows = append(result.Rows, readReject(&c))
	}
	return result
}
