package encode

import (
	"time"
	"unsafe"
)

// Kind is the type of a column.
type Kind uint8

// The types that columns can have.
const (
	String Kind = iota
	Float64
	UInt64
	DateTime
	NullableString  // empty stands for NULL
	Strings         // an array of at most one string; empty stands for none
	NullableFloat64 // NaN stands for NULL
	Status          // a string, one of the column's States
	kindCount
)

// kindNames are the names of the types in ClickHouse.
var kindNames = [kindCount]string{
	"String", "Float64", "UInt64", "DateTime", "Nullable(String)", "Array(String)", "Nullable(Float64)", "String",
}

func (k Kind) String() string { return kindNames[k] }

// Column is one column of an answer.
type Column struct {
	Name string
	Kind Kind
	// States are the values that a column of the kind Status can have.
	States []string
}

// Fraction tells whether the values are numbers that need not be whole.
func (c *Column) Fraction() bool { return c.Kind == Float64 || c.Kind == NullableFloat64 }

// Cell is one value: text for the kinds made of strings, number for those of Float64, whole for UInt64 and, as Unix
// seconds, for DateTime.
type Cell struct {
	text   string
	number float64
	whole  uint64
}

// Text is a cell of the kinds made of strings.
func Text(s string) Cell { return Cell{text: s} }

// Number is a cell of the kinds Float64 and NullableFloat64.
func Number(f float64) Cell { return Cell{number: f} }

// Whole is a cell of the kind UInt64.
func Whole(n uint64) Cell { return Cell{whole: n} }

// Moment is a cell of the kind DateTime.
func Moment(t time.Time) Cell { return Cell{whole: uint64(max(t.Unix(), 0))} }

func (c Cell) time() time.Time { return time.Unix(int64(c.whole), 0).UTC() }

const (
	// batchCells is how many cells of an answer are in memory at one time, about.
	batchCells = 1 << 12
	cellBytes  = int64(unsafe.Sizeof(Cell{}))
	// BatchBytes is what the cells of a batch take.
	BatchBytes = batchCells * cellBytes
	// batchCopied is how many bytes of a batch's texts may be the batch's own, but for those of its last row.
	batchCopied = 64 << 10
)

// Table is an answer, ready for any format: a batch of its rows, and where the rows behind them come from. Most answers
// are one batch. What is known only after the last row (RowsRead, BytesRead, BeforeLimit) is set by then.
type Table struct {
	Name    string
	Columns []Column
	// LabelColumn, unless it is empty, has LabelValue for its value in labels of Prometheus, whatever the rows have.
	LabelColumn, LabelValue string

	// More puts the next batch in the place of this one, which is empty at the call; nil after the last batch. It holds
	// nothing of the request, which may be over by then.
	More func(t *Table) error
	// Done, if there is one, ends what the rows come from. It may be called more than once.
	Done func()
	// Held is about how many bytes the rows behind the batch take meanwhile.
	Held int64
	// Longest is the length that a text which is copied may have, Copied how many bytes of the batch's texts are not the
	// store's.
	Longest int64
	Copied  int

	Elapsed             time.Duration
	RowsRead, BytesRead uint64
	// Limited is set where a limit applied; BeforeLimit is then at least the rows there were.
	Limited     bool
	BeforeLimit int

	cells []Cell // of the batch, row by row
	// next is the row that follows the current one in the batch, passed the number of rows in those before it.
	next, passed int
	err          error
}

// Reset makes the table empty and keeps memory that is worth keeping.
func (t *Table) Reset() {
	if t.Done != nil {
		t.Done()
	}
	clear(t.cells)
	if cap(t.cells) > batchCells {
		t.cells = nil
	}
	*t = Table{cells: t.cells[:0]}
}

// Add adds a row, or a part of one.
func (t *Table) Add(row ...Cell) { t.cells = append(t.cells, row...) }

// Full tells whether the batch has no room for a further row.
func (t *Table) Full() bool {
	return len(t.cells)+len(t.Columns) > batchCells || t.Copied >= batchCopied
}

// AddRows adds the rows of a result, and later those that find no room in this batch. add adds one.
func AddRows[R any](t *Table, rows []R, add func(t *Table, row *R)) {
	n := 0
	for ; n < len(rows) && !t.Full(); n++ {
		add(t, &rows[n])
	}
	t.More = nil
	if rest := rows[n:]; len(rest) > 0 {
		t.Held = int64(len(rows)) * int64(unsafe.Sizeof(rows[0]))
		t.More = func(t *Table) error {
			AddRows(t, rest, add)
			return nil
		}
	}
}

// Collect gathers all rows in one batch, or fails with ErrLong when they take more than so many bytes, which Held then says.
func (t *Table) Collect(bytesMax int64) error {
	for t.More != nil {
		batch := t.cells
		t.cells = nil
		if err := t.More(t); err != nil {
			return err
		}
		t.cells = append(batch, t.cells...)
		if t.Held = int64(cap(t.cells)) * cellBytes; t.Held > bytesMax {
			return ErrLong
		}
	}
	return nil
}

// rows is how many the batch has.
func (t *Table) rows() int { return len(t.cells) / len(t.Columns) }

func (t *Table) row(i int) []Cell { return t.cells[i*len(t.Columns) : (i+1)*len(t.Columns)] }

// step goes on to the next row, which current then returns. After the last one, or an error, it is false.
func (t *Table) step() bool {
	for t.next == t.rows() {
		if t.More == nil || t.err != nil {
			return false
		}
		t.passed += t.rows()
		clear(t.cells)
		t.cells, t.Copied, t.next = t.cells[:0], 0, 0
		t.err = t.More(t)
	}
	t.next++
	return true
}

func (t *Table) current() []Cell { return t.row(t.next - 1) }

// stepped is how many rows step has gone through.
func (t *Table) stepped() int { return t.passed + t.next }

// Rewind makes writing begin again, which it can in the first batch alone.
func (t *Table) Rewind() { t.next = 0 }
