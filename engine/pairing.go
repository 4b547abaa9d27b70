package engine

import "github.com/residualdb/residual/event"

// pairing settles, in the order of the rows, what a batch's rows do to each other and which orphans they find. Rows are
// published by series, and two rows of one prediction may be of different ones.
type pairing struct {
	// superseded are rows without an actual whose prediction comes again further on in the batch.
	superseded map[uint32]bool
	// found are the actuals that came before their rows.
	found map[uint32]orphan
	// waiting is the last row without an actual of each prediction.
	waiting map[orphanKey]uint32
}

func newPairing() pairing {
	return pairing{make(map[uint32]bool), make(map[uint32]orphan), make(map[orphanKey]uint32)}
}

// pair goes through a batch and takes what it finds from o.
func (p *pairing) pair(b *event.Batch, o *orphans, hash func([]byte) uint64) {
	clear(p.superseded)
	clear(p.found)
	clear(p.waiting)
	for row, series := range b.SeriesOf {
		known := b.Known.Get(row)
		if known && len(p.waiting) == 0 && len(o.held) == 0 {
			continue
		}
		key := orphanKey{hash([]byte(b.Series[series].Model)), hash(b.IDs.At(row))}
		if earlier, ok := p.waiting[key]; ok {
			p.superseded[earlier] = true
			delete(p.waiting, key)
		}
		x, ok := o.take(key)
		switch {
		case known: // its own actual is the later one
		case ok:
			p.found[uint32(row)] = x
		default:
			p.waiting[key] = uint32(row)
		}
	}
}
