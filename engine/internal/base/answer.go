package base

import (
	"github.com/residualdb/residual/segment"
)

// Answer is what the rows of a window add up to.
type Answer struct {
	segment.Aggregate
	// Sketches are filled only for WantAll.
	Sketches segment.Sketches
	// Scratch makes the sketches of rows that have none yet.
	Scratch *segment.Sketches
}

// Reset makes it the answer of no rows.
func (a *Answer) Reset() {
	a.Aggregate.Reset()
	a.Sketches.Reset()
}
