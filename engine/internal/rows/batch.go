package rows

import (
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// Batch is up to about a thousand rows, column by column. It is valid during the call that it is handed to.
type Batch struct {
	// Series are those of the rows, and SeriesOf is the place of each row's there.
	Series   []event.Series
	SeriesOf []uint32
	// Columns are the rows. Times, Predicted, Actual and Known are always there; Lags, IDs and Features are empty if they were
	// not asked for. Actual is 0 where none is known, a lag is [segment.NoLag].
	segment.Columns
}
