package segment

import (
	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/segment/internal/encoding"
	"github.com/residualdb/residual/segment/internal/exact"
)

// Scratch is the memory that reading needs, to be used again from call to call. The zero Scratch is ready. It is for
// one goroutine at a time and may serve any number of segments.
type Scratch struct {
	raw        []byte // what a Source read
	block      Columns
	lookups    lookupCache
	edited     Columns // the numbers of the block that Edit works on
	candidates []uint64
	columns    encoding.Decoder

	// opened are the last segments that OpenIn opened, in a ring.
	opened     [openedHeld]*Segment
	openedNext int

	sketches Sketches
	lagged   columns.Bitmap
	lags     []int64

	// lastEnd is the number of the block behind those of the last window. The next one often begins there.
	lastEnd      int
	boundaries   [boundariesHeld]boundaryBlock
	boundaryNext int
	batch        exact.Batch
}

// encoder is the memory that encoding blocks needs.
type encoder struct {
	columns *encoding.Encoder

	strips, errors, spreads []byte
	batch                   exact.Batch

	sketches Sketches
	lagged   columns.Bitmap
	lags     []int64
}

func newEncoder() *encoder { return &encoder{columns: encoding.NewEncoder()} }
