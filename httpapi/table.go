package httpapi

import (
	"time"
	"unsafe"

	"github.com/residualdb/residual/engine"
)

// kind is the type of a column.
type kind uint8

const (
	kindString kind = iota
	kindFloat64
	kindUInt64
	kindDateTime
	kindNullableString  // empty stands for NULL
	kindStrings         // an array of at most one string; empty stands for none
	kindNullableFloat64 // NaN stands for NULL
	kindDriftStatus     // a string, the text of an engine.DriftStatus
	kindReportStatus    // a string, the text of an engine.ReportStatus
	kindCount
)

// kindNames are the names of the types in ClickHouse.
var kindNames = [kindCount]string{
	"String", "Float64", "UInt64", "DateTime", "Nullable(String)", "Array(String)", "Nullable(Float64)",
	"String", "String",
}

// kindStates are the values that a column of each kind can have, where these are few.
var kindStates = [kindCount][]string{
	kindDriftStatus:  engine.DriftStatuses(),
	kindReportStatus: engine.ReportStatuses(),
}

func (k kind) String() string { return kindNames[k] }

type column struct {
	name string
	kind kind
}

// cell is one value: text for the kinds made of strings, number for those of Float64, whole for UInt64 and, as Unix
// seconds, for DateTime.
type cell struct {
	text   string
	number float64
	whole  uint64
}

func text(s string) cell       { return cell{text: s} }
func number(f float64) cell    { return cell{number: f} }
func whole(n uint64) cell      { return cell{whole: n} }
func moment(t time.Time) cell  { return cell{whole: uint64(max(t.Unix(), 0))} }
func (c cell) time() time.Time { return time.Unix(int64(c.whole), 0).UTC() }

const (
	// batchCells is how many cells of an answer are in memory at one time, about.
	batchCells = 1 << 12
	cellBytes  = int64(unsafe.Sizeof(cell{}))
	// batchCopied is how many bytes of a batch's texts may be the batch's own, but for those of its last row.
	batchCopied = 64 << 10
)

// table is the answer of a pipe, ready for any format: a batch of its rows, and where the rows behind them come from.
// Most answers are one batch. What is known only after the last row (read, beforeLimit) is set by then.
type table struct {
	pipe    string
	columns []column
	cells   []cell // of the batch, row by row
	// copied is how many bytes of the batch's texts are not the store's.
	copied int

	// more puts the next batch in the place of this one, which is empty at the call; nil after the last batch. It holds
	// nothing of the call, which may be over by then.
	more func(t *table) error
	// done, if there is one, ends what the rows come from. It may be called more than once.
	done func()
	// held is about how many bytes the rows behind the batch take meanwhile.
	held int64
	// longest is the length that a text which is copied may have.
	longest int64

	// next is the row that follows the current one in the batch, passed the number of rows in those before it.
	next, passed int
	err          error

	elapsed             time.Duration
	rowsRead, bytesRead uint64
	// limited is set where a limit applied; beforeLimit is then at least the rows there were.
	limited     bool
	beforeLimit int
	// latest is set where the version "latest" was asked for, whichever version a row then is of.
	latest bool
}

// reset makes the table empty and keeps memory that is worth keeping.
func (t *table) reset() {
	if t.done != nil {
		t.done()
	}
	clear(t.cells)
	if cap(t.cells) > batchCells {
		t.cells = nil
	}
	*t = table{cells: t.cells[:0]}
}

func (t *table) add(row ...cell) { t.cells = append(t.cells, row...) }

// full tells whether the batch has no room for a further row.
func (t *table) full() bool {
	return len(t.cells)+len(t.columns) > batchCells || t.copied >= batchCopied
}

// rows is how many the batch has.
func (t *table) rows() int { return len(t.cells) / len(t.columns) }

func (t *table) row(i int) []cell { return t.cells[i*len(t.columns) : (i+1)*len(t.columns)] }

// step goes on to the next row, which current then returns. After the last one, or an error, it is false.
func (t *table) step() bool {
	for t.next == t.rows() {
		if t.more == nil || t.err != nil {
			return false
		}
		t.passed += t.rows()
		clear(t.cells)
		t.cells, t.copied, t.next = t.cells[:0], 0, 0
		t.err = t.more(t)
	}
	t.next++
	return true
}

func (t *table) current() []cell { return t.row(t.next - 1) }

// stepped is how many rows step has gone through.
func (t *table) stepped() int { return t.passed + t.next }

// rewind makes step begin again, which it can in the first batch alone.
func (t *table) rewind() { t.next = 0 }

// addRows adds the rows of a result, and later those that find no room in this batch. add adds one.
func addRows[R any](t *table, rows []R, add func(t *table, row *R)) {
	n := 0
	for ; n < len(rows) && !t.full(); n++ {
		add(t, &rows[n])
	}
	t.more = nil
	if n < len(rows) {
		t.held = int64(len(rows)) * int64(unsafe.Sizeof(rows[0]))
		t.more = rowsLater(rows[n:], add)
	}
}

func rowsLater[R any](rows []R, add func(t *table, row *R)) func(*table) error {
	return func(t *table) error {
		addRows(t, rows, add)
		return nil
	}
}
