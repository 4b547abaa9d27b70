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

// quarantine holds the newest rejected lines.
type quarantine struct {
	mu sync.Mutex

	// Guarded by mu. rows[:begin] are dropped.
	rows  []QuarantineRow
	begin int
	// added are the rows that no cut has handed to the keeper.
	added   []QuarantineRow
	bytes   int
	dropped uint64
}

func newQuarantine() *quarantine { return &quarantine{} }

// add keeps the rejects of a request, of which there were total.
func (q *quarantine) add(lsn uint64, at int64, source string, rejects []event.Reject, total int) {
	if total == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range rejects {
		q.keep(quarantineRow(source, lsn, at, &rejects[i]))
	}
	q.dropped += uint64(total - len(rejects))
	q.drop()
}

// addRow keeps one row.
func (q *quarantine) addRow(row QuarantineRow) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.keep(row)
	q.drop()
}

func quarantineRow(source string, lsn uint64, at int64, x *event.Reject) QuarantineRow {
	return QuarantineRow{
		Source: source, Column: x.Column, Reason: x.Reason, Code: x.Code, ImportID: fmt.Sprintf("%016x", lsn),
		LineNumber: x.Line, Line: x.Raw, InsertedAt: time.UnixMilli(at).UTC(),
	}
}

func (q *quarantine) keep(row QuarantineRow) {
	q.added = append(q.added, row)
	q.put(row)
}

func (q *quarantine) put(row QuarantineRow) {
	q.rows = append(q.rows, row)
	q.bytes += len(row.Line)
}

// restore adds a row that is in a list already.
func (q *quarantine) restore(row QuarantineRow) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.put(row)
	q.drop()
}

// takeNew returns the rows added since the last call.
func (q *quarantine) takeNew() []QuarantineRow {
	q.mu.Lock()
	defer q.mu.Unlock()
	added := q.added
	q.added = nil
	return added
}

// drop lets go of the oldest rows beyond the bounds.
func (q *quarantine) drop() {
	for len(q.rows)-q.begin > QuarantineRowsMax || q.bytes > QuarantineBytesMax {
		q.bytes -= len(q.rows[q.begin].Line)
		q.rows[q.begin] = QuarantineRow{}
		q.begin++
		q.dropped++
	}
	if len(q.added) > QuarantineRowsMax {
		q.added = append([]QuarantineRow(nil), q.added[len(q.added)-QuarantineRowsMax:]...)
	}
	if q.begin > len(q.rows)/2 {
		q.rows = append(q.rows[:0], q.rows[q.begin:]...)
		q.begin = 0
	}
}

func (q *quarantine) list(source string, limit int) QuarantineResult {
	q.mu.Lock()
	defer q.mu.Unlock()
	result := QuarantineResult{Dropped: q.dropped}
	for i := len(q.rows) - 1; i >= q.begin && len(result.Rows) < limit; i-- {
		if source == "" || source == q.rows[i].Source {
			result.Rows = append(result.Rows, q.rows[i])
		}
	}
	return result
}
