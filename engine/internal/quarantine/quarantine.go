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

// Quarantine holds the newest rejected lines within its bounds, of which each source that has rejects gets a share: where they are full,
// the source with the most loses its oldest. Other than of the lines it takes nothing: what a checkpoint writes to a list is read from
// here, and a line that is dropped before is in none.
type Quarantine struct {
	rowsMax  int
	bytesMax int64

	mu sync.Mutex

	// Guarded by mu.
	rings   map[string]*ring // by source; none is empty
	rows    int
	bytes   int64
	next    uint64 // the number of the row to come
	dropped uint64
	// changes is how often lines came or went.
	changes uint64
	scratch []byte
}

// New returns a quarantine of RowsMax rows and as many bytes at most.
func New(bytesMax int64) *Quarantine {
	return &Quarantine{rowsMax: RowsMax, bytesMax: bytesMax, rings: make(map[string]*ring)}
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

// put adds a row and drops what is beyond the bounds. mu is held.
func (q *Quarantine) put(row *Row) {
	q.changes++
	r := q.rings[row.Source]
	if r == nil {
		r = &ring{chunkBytes: int(q.bytesMax / 64)}
		q.rings[row.Source] = r
	}
	before := r.bytes
	q.scratch = appendEntry(q.scratch[:0], row)
	r.push(q.scratch, q.next)
	q.next++
	q.rows, q.bytes = q.rows+1, q.bytes+r.bytes-before
	for q.rows > q.rowsMax || q.bytes > q.bytesMax {
		q.dropOne(q.rows <= q.rowsMax)
	}
}

// dropOne drops the oldest row of the source that has the most, of bytes or of rows. mu is held, and there must be a row.
func (q *Quarantine) dropOne(byBytes bool) {
	var most string
	var ring *ring
	size := int64(-1)
	for source, r := range q.rings {
		of := int64(r.len())
		if byBytes {
			of = r.bytes
		}
		if of > size || of == size && source < most { // a replay drops what was dropped
			most, ring, size = source, r, of
		}
	}
	before := ring.bytes
	ring.drop()
	q.dropped++
	q.rows, q.bytes = q.rows-1, q.bytes+ring.bytes-before
	if ring.len() == 0 {
		delete(q.rings, most)
	}
}

// Next is the number of the row to come.
func (q *Quarantine) Next() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.next
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
	return q.rows
}

// Dropped counts the rows that were lost to the bounds.
func (q *Quarantine) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// cursor goes through the rows of a ring.
type cursor struct {
	ring *ring
	at   uint64
}

// Entries returns the rows [from, to) that are still there, as the entries of a list, from the first one on up to about
// bytesMax bytes; rest is the number of the row behind them.
func (q *Quarantine) Entries(from, to uint64, bytesMax int) (entries []byte, rows int, rest uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var cursors []cursor
	for _, r := range q.rings {
		cursors = append(cursors, cursor{r, r.from(from)})
	}
	for {
		var first *cursor
		var entry []byte
		number := to
		for i := range cursors {
			if c := &cursors[i]; c.at < c.ring.next {
				if e, n := c.ring.at(c.at); n < number {
					first, entry, number = c, e, n
				}
			}
		}
		if first == nil || len(entries) >= bytesMax {
			return entries, rows, number
		}
		entries = append(entries, entry...)
		rows++
		first.at++
	}
}

// bytesAtOnce bounds what Before returns at one time: the bytes of the lines but for the last one.
const bytesAtOnce = 64 << 10

// Before appends to dst rows of a source, or of any if it is empty, the newest first, from the one with the number n-1 down:
// until dst has limit rows, or it has done enough at one time. next is the n of the next call, more tells whether there is one
// to make.
func (q *Quarantine) Before(dst []Row, source string, n uint64, limit int) (rows []Row, next uint64, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var cursors []cursor
	for of, r := range q.rings {
		if source == "" || of == source {
			cursors = append(cursors, cursor{r, r.from(n)})
		}
	}
	for bytes := 0; ; {
		var last *cursor
		var entry []byte
		number := uint64(0)
		for i := range cursors {
			if c := &cursors[i]; c.at > c.ring.first {
				if e, of := c.ring.at(c.at - 1); last == nil || of > number {
					last, entry, number = c, e, of
				}
			}
		}
		if last == nil || len(dst) >= limit || bytes >= bytesAtOnce {
			return dst, min(n, q.next), last != nil
		}
		c := columns.NewCursor(entry, base.ErrCorrupt)
		dst = append(dst, readEntry(&c, listVersion))
		bytes += len(dst[len(dst)-1].Line)
		last.at--
		n = number
	}
}

// Empty forgets the rows of a source, and returns how many there were. They do not count as dropped.
func (q *Quarantine) Empty(source string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.changes++
	r := q.rings[source]
	if r == nil {
		return 0
	}
	delete(q.rings, source)
	q.rows, q.bytes = q.rows-r.len(), q.bytes-r.bytes
	return r.len()
}

// Count counts the rows of a source.
func (q *Quarantine) Count(source string) (rows int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if r := q.rings[source]; r != nil {
		return r.len()
	}
	return 0
}
