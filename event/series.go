package event

import (
	"hash/maphash"
	"slices"
)

// Series names what a prediction belongs to: one version of one model in one
// environment.
type Series struct {
	Model, Version, Environment string
}

// seriesSeed makes the hashes of series, and never changes: batches and decoders
// compare them. Names chosen to collide cannot make a batch quadratic.
var seriesSeed = maphash.MakeSeed()

// hash returns the hash by which a seriesIndex finds the series.
func (s Series) hash() uint64 { return maphash.Comparable(seriesSeed, s) }

// seriesIndex finds the series of a batch. The zero index is that of an empty one.
type seriesIndex struct {
	hashes []uint64 // of the series

	// slots is open addressing, a power of two: index into hashes + 1, or 0. The
	// first entered series are in it; a batch of one piece never needs it.
	slots   []uint32
	entered int
}

// add notes that a series of the given hash is now the last of the batch.
func (x *seriesIndex) add(hash uint64) { x.hashes = append(x.hashes, hash) }

// find returns the index of a series.
func (x *seriesIndex) find(all []Series, s Series, hash uint64) (uint32, bool) {
	x.enter()
	mask := uint64(len(x.slots) - 1)
	for at := hash; ; at++ {
		slot := x.slots[at&mask]
		if slot == 0 {
			return 0, false
		}
		if x.hashes[slot-1] == hash && all[slot-1] == s {
			return slot - 1, true
		}
	}
}

// enter brings the slots up to date, of which at most half are taken.
func (x *seriesIndex) enter() {
	if 2*len(x.hashes) >= len(x.slots) {
		size := cacheSlotsMin
		for 2*len(x.hashes) >= size {
			size *= 2
		}
		x.slots, x.entered = make([]uint32, size), 0
	}
	mask := uint64(len(x.slots) - 1)
	for ; x.entered < len(x.hashes); x.entered++ {
		at := x.hashes[x.entered]
		for x.slots[at&mask] != 0 {
			at++
		}
		x.slots[at&mask] = uint32(x.entered) + 1
	}
}

// reset empties the index and keeps its memory.
func (x *seriesIndex) reset() {
	x.hashes = x.hashes[:0]
	if x.entered > 0 {
		clear(x.slots)
		x.entered = 0
	}
}

// seriesIndex returns the index of s, of the given hash, in b.Series and adds it
// when it is new.
func (b *Batch) seriesIndex(s Series, hash uint64) uint32 {
	if len(b.index.hashes) != len(b.Series) {
		b.rebuildIndex()
	}
	if i, ok := b.index.find(b.Series, s, hash); ok {
		return i
	}
	return b.addSeries(s, hash)
}

// addSeries adds a series that is new.
func (b *Batch) addSeries(s Series, hash uint64) uint32 {
	b.Series = append(b.Series, s)
	b.index.add(hash)
	return uint32(len(b.Series) - 1)
}

// rebuildIndex brings the index in line with Series, which is exported and may
// have been filled by hand.
func (b *Batch) rebuildIndex() {
	b.index.reset()
	b.index.hashes = slices.Grow(b.index.hashes, len(b.Series))
	for _, s := range b.Series {
		b.index.add(s.hash())
	}
}
