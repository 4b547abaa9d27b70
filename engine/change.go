package engine

import (
	"math"

	"github.com/residualdb/residual/segment"
)

// change is what happens to a row that is stored: another actual, or none; other values of the same row; or its end.
// A checkpoint may store changes of records that come after its cut, which a restart then replays. So a series of
// changes of a row that is applied again, from any of them to the last, comes to the same.
type change struct {
	kind changeKind

	// Of a replacement: all that a row consists of but for what identifies it.
	predicted float64
	features  []byte

	// The actual, of a replacement only if known.
	actual float64
	known  bool
	// observed is when the actual was, in Unix milliseconds. It counts where the actual is the first of its row.
	observed int64
}

type changeKind uint8

const (
	setActual changeKind = iota
	withdrawActual
	replaceRow
	deleteRow
)

// cells are the numbers of a row that can change. lag is [segment.NoLag] where none is known.
type cells struct {
	predicted, actual float64
	known             bool
	lag               int64
}

// apply returns what the cells of a row of the time ts become. A lag is that of the first actual since none was known;
// an actual that comes with its row has none.
func (c *change) apply(was cells, ts int64) cells {
	now := was
	switch c.kind {
	case setActual:
		now.actual, now.known = c.actual, true
		if !was.known {
			now.lag = max(c.observed-ts, 0)
		}
	case withdrawActual:
		now.actual, now.known, now.lag = 0, false, segment.NoLag
	case replaceRow:
		now.predicted = c.predicted
		if c.known {
			now.actual, now.known = c.actual, true
		}
	case deleteRow: // who applies it takes the row away
	}
	return now
}

// equal tells whether both are the same bits.
func (x cells) equal(y cells) bool {
	return math.Float64bits(x.predicted) == math.Float64bits(y.predicted) &&
		math.Float64bits(x.actual) == math.Float64bits(y.actual) && x.known == y.known && x.lag == y.lag
}
