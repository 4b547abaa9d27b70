package quarantine

import (
	"fmt"
	"sync"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/columns"
)

// Bounds of a quarantine.
const (
	RowsMax  = 100_000
	BytesMax = 64 << 20
)

// Row is one rejected line; package engine documents its fields.
type Row struct {
	Source         string
	Column, Reason string
	Code           event.Code
	ImportID       string
	LineNumber     int
	Line           []byte
	InsertedAt     time.Time
	Place          string
}

// NewRow returns the row of a line that a request sent to a source at a time, in Unix milliseconds, and that the record with
// the number lsn has.
func NewRow(source string, lsn uint64, at int64, x *event.Reject) Row {
	return Row{
		Source: source, Column: x.Column, Reason: x.Reason, Code: x.Code, ImportID: fmt.Sprintf("%016x", lsn),
		LineNumber: x.Line, Line: x.Raw, InsertedAt: time.UnixMilli(at).UTC(), Place: x.Place,
	}
}

// Quarantine holds the newest rejected lines within its bounds. Other than of the lines it takes nothing: what a checkpoint
// writes to a list is read from here, and a line that is dropped before is in none.
type Quarantine struct {
	rowsMax  int
	bytesMax int64

	mu sync.Mutex

	// Guarded by mu.
	ring    ring
	dropped uint64
	// changes is how often lines came or went.
	changes uint64
}

// New returns a quarantine of RowsMax rows and as many bytes at most.
func New(bytesMax int64) *Quarantine {
	return &Quarantine{rowsMax: RowsMax, bytesMax: bytesMax, ring: ring{chunkBytes: int(bytesMax / 64)}}
}

// Add keeps the rejects of a request, of which there were total.
func (q *Quarantine) Add(lsn uint64, at int64, source string, rejects []event.Reject, total int) {
	if total == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped += uint64(total - len(rejects))
	for i := range rejects {
		row := NewRow(source, lsn, at, &rejects[i])
		q.put(&row)
	}
}

// AddRow keeps one row.
func (q *Quarantine) AddRow(row Row) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.put(&row)
}

// put adds a row and drops the oldest ones beyond the bounds. mu is held.
func (q *Quarantine) put(row *Row) {
	q.changes++
	q.ring.push(row)
	for q.ring.len() > q.rowsMax || q.ring.bytes > q.bytesMax && q.ring.len() > 0 {
		if q.ring.drop() {
			q.dropped++
		}
	}
}

// Next is the number of the row to come.
func (q *Quarantine) Next() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ring.next
}

// Revision is another number whenever other rows are there.
func (q *Quarantine) Revision() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.changes
}

// Kept counts the rows that are there.
func (q *Quarantine) Kept() (rows int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := q.ring.first; n < q.ring.next; n++ {
		if len(q.ring.at(n)) > 0 {
			rows++
		}
	}
	return rows
}

// Dropped counts the rows that were lost to the bounds.
func (q *Quarantine) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Entries returns the rows [from, to) that are still there, as the entries of a list, from the first one on up to about
// bytesMax bytes; rest is the number of the row behind them.
func (q *Quarantine) Entries(from, to uint64, bytesMax int) (entries []byte, rows int, rest uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := max(from, q.ring.first); ; n++ {
		if n >= to || len(entries) >= bytesMax {
			return entries, rows, n
		}
		if entry := q.ring.at(n); len(entry) > 0 {
			entries = append(entries, entry...)
			rows++
		}
	}
}

// Bounds on what Before returns at one time: the bytes of the lines but for the last one, and how many rows it looks at.
const (
	bytesAtOnce  = 64 << 10
	rowsLookedAt = 4096
)

// Before appends to dst rows of a source, or of any if it is empty, the newest first, from the one with the number n-1 down:
// until dst has limit rows, or it has done enough at one time. next is the n of the next call, more tells whether there is one
// to make.
func (q *Quarantine) Before(dst []Row, source string, n uint64, limit int) (rows []Row, next uint64, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, q.ring.next)
	bytes := 0
	for looked := 0; n > q.ring.first && looked < rowsLookedAt; looked++ {
		if len(dst) >= limit || bytes >= bytesAtOnce {
			break
		}
		n--
		entry := q.ring.at(n)
		if len(entry) == 0 || source != "" && !isOf(entry, source) {
			continue
		}
		c := columns.NewCursor(entry, base.ErrCorrupt)
		dst = append(dst, readEntry(&c, listVersion))
		bytes += len(dst[len(dst)-1].Line)
	}
	return dst, n, n > q.ring.first
}

// isOf tells whether a row was sent to a source.
func isOf(entry []byte, source string) bool {
	c := columns.NewCursor(entry, base.ErrCorrupt)
	return string(c.Text()) == source
}

// Empty forgets the rows of a source, and returns how many there were. They do not count as dropped.
func (q *Quarantine) Empty(source string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.changes++
	return q.ring.remove(func(entry []byte) bool { return isOf(entry, source) })
}

// Count counts the rows of a source.
func (q *Quarantine) Count(source string) (rows int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for n := q.ring.first; n < q.ring.next; n++ {
		if entry := q.ring.at(n); len(entry) > 0 && isOf(entry, source) {
			rows++
		}
	}
	return rows
}
