package encode

import (
	"time"
	"unsafe"
)

// SeriesColumns are how many columns name a series and the start of a bucket of time.
const SeriesColumns = 4

const (
	// batchCells is how many cells of an answer are in memory at one time, about.
	batchCells = 1 << 12
	cellBytes  = int64(unsafe.Sizeof(""))
	// BatchBytes is what the cells of a batch take.
	BatchBytes = batchCells * cellBytes
	// batchCopied is how many bytes of a batch's texts may be the batch's own, but for those of its last row.
	batchCopied = 64 << 10
)

// Table is an answer, ready for any format: a batch of its rows in columns, and where the rows behind them come from. Most
// answers are one batch. What is known only after the last row (RowsRead, BytesRead, BeforeLimit, Totals) is set by then.
type Table struct {
	Name    string
	Columns []Column
	// Shown, unless it is nil, are the columns that are written, in their order; the rows have all of them.
	Shown []int
	// BySeries is set where rows of one series after the other are written as one object with an array for each column, under the times
	// of all: the columns that are written then begin with SeriesColumns.
	BySeries bool
	// Digits, unless it is 0, is how many significant digits fractions are rounded to.
	Digits int
	// LabelColumn, unless it is empty, has LabelValue for its value in labels of Prometheus, whatever the rows have.
	LabelColumn, LabelValue string

	// More puts the next batch in the place of this one, which is empty at the call; nil after the last batch. It holds
	// nothing of the request, which may be over by then.
	More func(t *Table) error
	// Done, if there is one, ends what the rows come from. It may be called more than once.
	Done func()
	// Bulk is set for an answer that may have very many rows: a format that writes rows in groups makes larger ones.
	Bulk bool
	// Held is about how many bytes the rows behind the batch take meanwhile.
	Held int64
	// Longest bounds a text of the answer that a format copies. Copied is how many bytes of texts the batch has copied.
	Longest int64
	Copied  int

	Elapsed             time.Duration
	RowsRead, BytesRead uint64
	// Limited is set where a limit applied; BeforeLimit is then at least the rows there were.
	Limited     bool
	BeforeLimit int
	// Totals, unless it is nil, is JSON that stands beside the rows in the formats that have room for it.
	Totals []byte

	// vectors are the batch, one for each column, of so many rows; the next cell to be added is of the column at. They are
	// lent where their memory belongs to what the rows come from.
	vectors  []Vector
	rows, at int
	lent     bool
	// row is the current row, gathered from the vectors.
	row []Cell
	// next is the row that follows the current one in the batch, passed the number of rows in those before it.
	next, passed int
	err          error
}

// Reset makes the table empty and keeps memory that is worth keeping.
func (t *Table) Reset() {
	if t.Done != nil {
		t.Done()
	}
	t.empty()
	for i := range t.vectors {
		if t.vectors[i].capacity() > batchCells {
			t.vectors[i] = Vector{}
		}
	}
	clear(t.row)
	*t = Table{vectors: t.vectors, row: t.row[:0]}
}

// empty makes the batch empty.
func (t *Table) empty() {
	for i := range t.vectors {
		if t.lent {
			t.vectors[i] = Vector{}
		}
		t.vectors[i].reset()
	}
	t.rows, t.at, t.lent, t.Copied, t.next = 0, 0, false, 0, 0
}

// Add adds a row, or a part of one.
func (t *Table) Add(row ...Cell) {
	t.widen()
	for _, c := range row {
		t.vectors[t.at].add(&t.Columns[t.at], c)
		if t.at++; t.at == len(t.Columns) {
			t.rows, t.at = t.rows+1, 0
		}
	}
}

// AddBatch adds so many rows as vectors, one for each column. Their memory must stay as it is until the next batch is asked
// for, when they are many; few are copied, so that others find room beside them.
func (t *Table) AddBatch(rows int, vectors ...Vector) {
	if t.rows == 0 && rows*len(vectors) > batchCells/2 {
		t.vectors = append(t.vectors[:0], vectors...)
		t.rows, t.lent = rows, true
		return
	}
	t.widen()
	for i := range vectors {
		t.Copied += t.vectors[i].append(t.Columns[i].Kind, &vectors[i], rows)
	}
	t.rows += rows
}

// widen sees to it that there is a vector for each column.
func (t *Table) widen() {
	for len(t.vectors) < len(t.Columns) {
		t.vectors = append(t.vectors, Vector{})
	}
}

// Full tells whether the batch has no room for a further row.
func (t *Table) Full() bool {
	return t.lent || (t.rows+1)*len(t.Columns) > batchCells || t.Copied >= batchCopied
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
		first, rows := t.vectors, t.rows
		t.vectors, t.rows = nil, 0
		if err := t.More(t); err != nil {
			return err
		}
		for i := range t.vectors {
			first[i].append(t.Columns[i].Kind, &t.vectors[i], t.rows)
		}
		t.vectors, t.rows = first, rows+t.rows
		if t.Held = int64(t.rows) * int64(len(t.Columns)) * cellBytes; t.Held > bytesMax {
			return ErrLong
		}
	}
	return nil
}

// shown are the columns that are written.
func (t *Table) shown() []Column {
	if t.Shown == nil {
		return t.Columns
	}
	columns := make([]Column, len(t.Shown))
	for i, j := range t.Shown {
		columns[i] = t.Columns[j]
	}
	return columns
}

// place is which of the columns the one is that is written i-th.
func (t *Table) place(i int) int {
	if t.Shown == nil {
		return i
	}
	return t.Shown[i]
}

// cell is the value of a column in a row of the batch, as it is written.
func (t *Table) cell(row, column int) Cell {
	c := t.vectors[column].cell(t.Columns[column].Kind, row)
	if t.Digits > 0 {
		c.number = significant(c.number, t.Digits)
	}
	return c
}

// fill sees to it that the batch has a row that was not stepped to. After the last one, or an error, it is false.
func (t *Table) fill() bool {
	for t.next == t.rows {
		if t.More == nil || t.err != nil {
			return false
		}
		t.passed += t.rows
		t.empty()
		t.err = t.More(t)
	}
	return true
}

// step goes on to the next row, of which current then returns what is written. After the last one, or an error, it is false.
func (t *Table) step() bool {
	if !t.fill() {
		return false
	}
	t.row = t.row[:0]
	if t.Shown == nil {
		for j := range t.Columns {
			t.row = append(t.row, t.cell(t.next, j))
		}
	}
	for _, j := range t.Shown {
		t.row = append(t.row, t.cell(t.next, j))
	}
	t.next++
	return true
}

func (t *Table) current() []Cell { return t.row }

// stepped is how many rows step has gone through.
func (t *Table) stepped() int { return t.passed + t.next }

// Rewind makes writing begin again, which it can in the first batch alone.
func (t *Table) Rewind() { t.next = 0 }
