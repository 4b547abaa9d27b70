package catalog

import (
	"sync/atomic"
)

// Cardinality counts what clients make by naming it. It is counted where it is made, and read once per batch.
type Cardinality struct {
	// Models and Months count those of the store.
	Models, Months atomic.Int64
	// SeriesMost is the most series that one model has.
	SeriesMost atomic.Int64
}

// hasSeries notes that a model has n series.
func (c *Cardinality) hasSeries(n int) {
	for most := c.SeriesMost.Load(); int64(n) > most; most = c.SeriesMost.Load() {
		if c.SeriesMost.CompareAndSwap(most, int64(n)) {
			return
		}
	}
}
