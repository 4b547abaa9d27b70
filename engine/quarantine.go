package engine

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
)

// Names of the data sources.
const (
	SourcePredictions = record.SourcePredictions
	SourceActuals     = record.SourceActuals
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
	// LineNumber is the line's place in the request, from 1; 0 where the line is written anew: for a row refused for a
	// bound of the options, and for an actual that was given up.
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
func (db *DB) Quarantine(ctx context.Context, q QuarantineQuery) (result QuarantineResult, err error) {
	result.Dropped = db.quarantine.rowsDropped()
	_, err = db.EachReject(ctx, q, func(row *QuarantineRow) bool {
		result.Rows = append(result.Rows, *row)
		return true
	})
	if err != nil {
		return QuarantineResult{}, err
	}
	return result, nil
}

// Bounds on what EachReject takes out of the quarantine at one time: the rows, the bytes of their lines but for the
// last one, and how many rows it looks at for them.
const (
	rejectsAtOnce      = 64
	rejectBytesAtOnce  = 64 << 10
	rejectsLookedAtMax = 4096
)

// EachReject hands on the rows of [DB.Quarantine] one by one, until yield returns false. A row that is dropped before
// its turn comes is left out.
func (db *DB) EachReject(
	ctx context.Context, q QuarantineQuery, yield func(row *QuarantineRow) bool,
) (read Read, err error) {
	if q.Limit < 0 {
		return read, queryError("limit is %d; it must not be negative", q.Limit)
	}
	var rows []QuarantineRow
	left, next, more := base.OrDefault(q.Limit, quarantineLimitDefault), uint64(math.MaxUint64), true
	for left > 0 && more {
		if err := ctx.Err(); err != nil {
			return read, fmt.Errorf("query the quarantine: %w", err)
		}
		if err := db.begin(); err != nil {
			return read, err
		}
		rows, next, more = db.quarantine.before(rows[:0], q.Source, next, min(left, rejectsAtOnce))
		db.end()
		left -= len(rows)
		for i := range rows {
			read.Add(Read{Rows: 1, Bytes: uint64(len(rows[i].Line))})
			if !yield(&rows[i]) {
				return read, nil
			}
		}
		clear(rows)
	}
	return read, nil
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

// before appends to dst rows of a source, or of any, up to limit, from the one with the number n-1 down. next is the n
// of the next call, more tells whether there is one to make.
func (q *quarantine) before(
	dst []QuarantineRow, source string, n uint64, limit int,
) (rows []QuarantineRow, next uint64, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, q.ring.next)
	bytes := 0
	for looked := 0; n > q.ring.first && looked < rejectsLookedAtMax; looked++ {
		if len(dst) >= limit || bytes >= rejectBytesAtOnce {
			break
		}
		n--
		c := base.Cursor{Rest: q.ring.at(n)}
		if source != "" && string(c.Text("source")) != source {
			continue
		}
		c = base.Cursor{Rest: q.ring.at(n)}
		dst = append(dst, readReject(&c))
		bytes += len(dst[len(dst)-1].Line)
	}
	return dst, n, n > q.ring.first
}
