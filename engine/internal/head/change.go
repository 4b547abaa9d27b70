package head

import (
	"math"

	"github.com/residualdb/residual/segment"
)

// Change is what happens to a row that is stored: another actual, or none; other values of the same row; or its end.
// A checkpoint may store changes of records that come after its cut, which a restart then replays. So a series of
// changes of a row that is applied again, from any of them to the last, comes to the same.
type Change struct {
	Kind ChangeKind

	// Of a replacement: all that a row consists of but for what identifies it.
	Predicted float64
	Features  []byte

	// The actual, of a replacement only if known.
	Actual float64
	Known  bool
	// Observed is when the actual was, in Unix milliseconds. It counts where the actual is the first of its row.
	Observed int64
}

// ChangeKind says what a change does.
type ChangeKind uint8

// The kinds of changes.
const (
	SetActual ChangeKind = iota
	WithdrawActual
	ReplaceRow
	DeleteRow
)

// Cells are the numbers of a row that can change. Lag is [segment.NoLag] where none is known.
type Cells struct {
	Predicted, Actual float64
	Known             bool
	Lag               int64
}

// Apply returns what the cells of a row of the time ts become. A lag is that of the first actual since none was known;
// an actual that comes with its row has none.
func (c *Change) Apply(was Cells, ts int64) Cells {
	now := was
	switch c.Kind {
	case SetActual:
		now.Actual, now.Known = c.Actual, true
		if !was.Known {
			now.Lag = max(c.Observed-ts, 0)
		}
	case WithdrawActual:
		now.Actual, now.Known, now.Lag = 0, false, segment.NoLag
	case ReplaceRow:
		now.Predicted = c.Predicted
		if c.Known {
			now.Actual, now.Known = c.Actual, true
		}
	case DeleteRow: // leaves the cells: the row goes with them
	}
	return now
}

// Equal tells whether both are the same bits.
func (x Cells) Equal(y Cells) bool {
	return math.Float64bits(x.Predicted) == math.Float64bits(y.Predicted) &&
		math.Float64bits(x.Actual) == math.Float64bits(y.Actual) && x.Known == y.Known && x.Lag == y.Lag
}
