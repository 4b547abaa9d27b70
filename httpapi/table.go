package httpapi

import (
	"slices"
	"time"

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

// table is the answer of a pipe, ready for any format.
type table struct {
	pipe    string
	columns []column
	cells   []cell // row by row

	elapsed             time.Duration
	rowsRead, bytesRead uint64
	// limited is set where a limit applied; beforeLimit is then at least the rows there were.
	limited     bool
	beforeLimit int
	// latest is set where the version "latest" was asked for, whichever version a row then is of.
	latest bool
}

func (t *table) reset() {
	clear(t.cells)
	if cap(t.cells) > 1<<12 {
		t.cells = nil
	}
	*t = table{cells: t.cells[:0]}
}

// expect makes room for rows to add.
func (t *table) expect(rows int) { t.cells = slices.Grow(t.cells, rows*len(t.columns)) }

func (t *table) add(row ...cell) { t.cells = append(t.cells, row...) }

func (t *table) rows() int { return len(t.cells) / len(t.columns) }

func (t *table) row(i int) []cell { return t.cells[i*len(t.columns) : (i+1)*len(t.columns)] }
