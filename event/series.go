package event

import "hash/maphash"

// Series names what a prediction belongs to: one version of one model in one environment.
type Series struct {
	Model, Version, Environment string
}

// seriesSeed makes the hashes of series, and never changes: batches and decoders compare them. Names chosen to collide
// cannot make a batch quadratic.
var seriesSeed = maphash.MakeSeed()

// hash returns the hash by which a seriesIndex finds the series.
func (s Series) hash() uint64 { return maphash.Comparable(seriesSeed, s) }

// seriesIndex finds the series of a batch. The zero index is that of an empty one. The hashes of known series are in
// the cache of the decoder: a load of bodies with 20,000 series takes 20 % less processor time than with a Go map.
type seriesIndex struct {
	hashes []uint64 // of the series

	// slots is open addressing, a power of two: index into hashes + 1, or 0. The first entered series are in it; a
	// batch of one piece never needs it.
	slots   []uint32
	entered int
}

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

// seriesIndex returns the index in b.Series of s, of the given hash, and adds it when it is new. Series is exported and
// may have been filled by hand: the index is then made anew.
func (b *Batch) seriesIndex(s Series, hash uint64) uint32 {
	if len(b.index.hashes) != len(b.Series) {
		b.index.reset()
		for _, s := range b.Series {
			b.index.hashes = append(b.index.hashes, s.hash())
		}
	}
	if i, ok := b.index.find(b.Series, s, hash); ok {
		return i
	}
	return b.addSeries(s, hash)
}

// addSeries adds a series that is new.
func (b *Batch) addSeries(s Series, hash uint64) uint32 {
	b.Series = append(b.Series, s)
	b.index.hashes = append(b.index.hashes, hash)
	return uint32(len(b.Series) - 1)
}

// The bounds of a seriesCache. A full one is emptied; a series that finds no slot near its own pushes another out.
const (
	cachedSeriesMax = 1 << 17
	cacheProbes     = 8
	cacheSlotsMin   = 1 << 8
)

// seriesCache knows the series that a Decoder met, so that one that comes again costs neither an allocation nor a look
// into the index of the batch. It can forget any of them at any time. A Go map in its place costs 25 ns a row, and 130
// where every row is of another series.
type seriesCache struct {
	slots   []uint32 // open addressing, a power of two: index into entries + 1, or 0
	entries []cachedSeries

	// batch counts the calls of begin: the index of an entry holds for one.
	batch uint32

	// whole says that every series of the batch has an entry with its index: a series without is new to the batch.
	whole bool
}

// cachedSeries is a series and its index in the batch of that number.
type cachedSeries struct {
	seriesKey
	batch, index uint32
	series       Series
	seriesHash   uint64 // see [Series.hash]
}

// seriesKey is a series as words, two for each name, and their hash. Where all names are short they are their words,
// and the hash is even; otherwise two series may have one key, and the names decide.
type seriesKey struct {
	model, version, environment [2]uint64
	hash                        uint64
}

// begin starts a batch: the indexes in it are not known yet. empty says that it has no series so far.
func (c *seriesCache) begin(empty bool) {
	if c.batch++; c.batch == 0 {
		c.forget() // after 2^32 batches
		c.batch = 1
	}
	c.whole = empty
}

// addTo appends the index of the series that the row names to b.SeriesOf. Its words are in variables for them to stay
// in registers: a tenth of the time of a decoder.
func (c *seriesCache) addTo(b *Batch, r *row) {
	model, version, environment := r.text[colModel], r.text[colVersion], r.text[colEnvironment]
	m0, m1 := r.words[colModel].lo, r.words[colModel].hi
	v0, v1 := r.words[colVersion].lo, r.words[colVersion].hi
	e0, e1 := r.words[colEnvironment].lo, r.words[colEnvironment].hi
	short := max(len(model), len(version), len(environment)) <= shortName
	if !short {
		m1, v1, e1 = longWord(model, m1), longWord(version, v1), longWord(environment, e1)
	}
	h := m0*0x9E3779B97F4A7C15 + m1*0xBF58476D1CE4E5B9 + v0*0x94D049BB133111EB +
		v1*0xD6E8FEB86659FD93 + e0*0xFF51AFD7ED558CCD + e1*0xC4CEB9FE1A85EC53
	h = (h ^ h>>32) * 0x9E3779B97F4A7C15
	h = (h ^ h>>32) &^ 1
	if !short {
		h |= 1
	}

	mask := uint64(len(c.slots) - 1)
	for probe := uint64(0); probe < cacheProbes && len(c.slots) != 0; probe++ {
		slot := c.slots[(h>>1+probe)&mask]
		if slot == 0 {
			break
		}
		e := &c.entries[slot-1]
		diff := (h ^ e.hash) | (m0 ^ e.model[0]) | (m1 ^ e.model[1]) | (v0 ^ e.version[0]) | (v1 ^ e.version[1]) |
			(e0 ^ e.environment[0]) | (e1 ^ e.environment[1])
		if diff != 0 || !short && e.series != (Series{string(model), string(version), string(environment)}) {
			continue
		}
		if e.batch != c.batch {
			e.index, e.batch = c.enter(b, e.series, e.seriesHash), c.batch
		}
		b.SeriesOf = append(b.SeriesOf, e.index)
		return
	}
	s := Series{Model: string(model), Version: string(version), Environment: string(environment)}
	hash := s.hash()
	index := c.enter(b, s, hash)
	b.SeriesOf = append(b.SeriesOf, index)
	c.learn(cachedSeries{
		seriesKey: seriesKey{[2]uint64{m0, m1}, [2]uint64{v0, v1}, [2]uint64{e0, e1}, h},
		batch:     c.batch, index: index, series: s, seriesHash: hash,
	})
}

// enter returns the index in b of a series that has no entry of this batch yet.
func (c *seriesCache) enter(b *Batch, s Series, hash uint64) uint32 {
	if !c.whole {
		return b.seriesIndex(s, hash)
	}
	return b.addSeries(s, hash)
}

// longWord returns the second word of a name that may be longer than two.
func longWord(s []byte, short uint64) uint64 {
	if len(s) <= shortName {
		return short
	}
	return hashText(s[8:])
}

// learn adds an entry.
func (c *seriesCache) learn(e cachedSeries) {
	if len(c.entries) == cachedSeriesMax {
		c.forget()
	}
	c.entries = append(c.entries, e)
	if 4*len(c.entries) <= len(c.slots) {
		c.insert(len(c.entries) - 1)
		return
	}
	c.slots = make([]uint32, max(cacheSlotsMin, 2*len(c.slots)))
	for i := range c.entries {
		c.insert(i)
	}
}

// insert enters entry i into the slots.
func (c *seriesCache) insert(i int) {
	mask := uint64(len(c.slots) - 1)
	home := c.entries[i].hash >> 1
	for probe := range uint64(cacheProbes) {
		if slot := &c.slots[(home+probe)&mask]; *slot == 0 {
			*slot = uint32(i) + 1
			return
		}
	}
	c.slots[home&mask] = uint32(i) + 1
	c.whole = false
}

// forget empties the cache.
func (c *seriesCache) forget() {
	clear(c.entries)
	c.entries = c.entries[:0]
	clear(c.slots)
	c.whole = false
}
