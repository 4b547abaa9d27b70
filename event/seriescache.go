package event

// The bounds of a seriesCache. A full one is emptied; a key that finds no slot
// near its own pushes another out.
const (
	cachedSeriesMax = 1 << 16
	cacheProbes     = 8
	cacheSlotsMin   = 1 << 8
)

// seriesCache knows the series that a Decoder met, so that a repeated one costs
// neither an allocation nor a look into the index of the batch. It can forget
// anything at any time.
type seriesCache struct {
	slots   []uint32 // open addressing, a power of two: index into entries + 1, or 0
	entries []cachedSeries
	series  []Series // of the entries

	// batch counts the calls of begin: the index of an entry holds for one.
	batch uint32

	// whole says that every series of the batch is an entry of it.
	whole bool
}

type cachedSeries struct {
	seriesKey
	batch uint32
	index uint32
}

// seriesKey is a series as words: its names themselves where all of them are
// short, and only their hash otherwise.
type seriesKey struct {
	hash  uint64 // odd if the names are short
	names [3][2]uint64
}

// shortName is how long a name may be to be two words.
const shortName = 16

// keyOf returns the key of the series that the row names.
func keyOf(r *row) seriesKey {
	if max(len(r.text[colModel]), len(r.text[colVersion]), len(r.text[colEnvironment])) > shortName {
		return seriesKey{hash: hashText(hashText(hashText(0, r.text[colModel]), r.text[colVersion]), r.text[colEnvironment]) &^ 1}
	}
	k := seriesKey{names: [3][2]uint64{words(r.text[colModel]), words(r.text[colVersion]), words(r.text[colEnvironment])}}
	h := k.names[0][0]*0x9E3779B97F4A7C15 + k.names[0][1]*0xBF58476D1CE4E5B9 +
		k.names[1][0]*0x94D049BB133111EB + k.names[1][1]*0xD6E8FEB86659FD93 +
		k.names[2][0]*0xFF51AFD7ED558CCD + k.names[2][1]*0xC4CEB9FE1A85EC53
	h = (h ^ h>>32) * 0x9E3779B97F4A7C15
	k.hash = h ^ h>>32 | 1
	return k
}

// words returns a name of at most shortName bytes, which has slack, as words padded
// with zeros. // No name holds a zero byte, so two names of the same words are the same.
func words(s []byte) [2]uint64 {
	return [2]uint64{firstBytes(load(s, 0), min(len(s), 8)), firstBytes(load(s, 8), max(len(s), 8)-8)}
}

// begin starts a batch: its indexes are not known yet. whole says that it has no
// series so far.
func (c *seriesCache) begin(whole bool) {
	if c.batch++; c.batch == 0 {
		c.forget() // after 2^32 batches
		c.batch = 1
	}
	c.whole = whole
}

// index returns the index in b of the series that the row names.
func (c *seriesCache) index(b *Batch, r *row) uint32 {
	key := keyOf(r)
	if len(c.slots) != 0 {
		mask := uint64(len(c.slots) - 1)
		for probe := range uint64(cacheProbes) {
			slot := c.slots[(key.hash>>1+probe)&mask]
			if slot == 0 {
				break
			}
			if e := &c.entries[slot-1]; e.equal(&key) && (e.isShort() || c.series[slot-1].is(r)) {
				if e.batch != c.batch {
					e.index, e.batch = c.enter(b, c.series[slot-1]), c.batch
				}
				return e.index
			}
		}
	}
	return c.learn(b, r, key)
}

// isShort tells whether the words are all there is to the names.
func (k *seriesKey) isShort() bool { return k.hash&1 != 0 }

// equal tells whether two keys are the same.
func (k *seriesKey) equal(o *seriesKey) bool {
	x, y := &k.names, &o.names
	return k.hash^o.hash|x[0][0]^y[0][0]|x[0][1]^y[0][1]|
		x[1][0]^y[1][0]|x[1][1]^y[1][1]|x[2][0]^y[2][0]|x[2][1]^y[2][1] == 0
}

// is tells whether the row names the series.
func (s *Series) is(r *row) bool {
	return s.Model == string(r.text[colModel]) && s.Version == string(r.text[colVersion]) && s.Environment == string(r.text[colEnvironment])
}

// enter returns the index in b of a series that has no entry of this batch yet.
func (c *seriesCache) enter(b *Batch, s Series) uint32 {
	if !c.whole {
		return b.seriesIndex(s)
	}
	b.Series = append(b.Series, s)
	return uint32(len(b.Series) - 1)
}

// learn adds the series of a row.
func (c *seriesCache) learn(b *Batch, r *row, key seriesKey) uint32 {
	if len(c.entries) == cachedSeriesMax {
		c.forget()
	}
	s := Series{Model: string(r.text[colModel]), Version: string(r.text[colVersion]), Environment: string(r.text[colEnvironment])}
	index := c.enter(b, s)
	c.entries = append(c.entries, cachedSeries{seriesKey: key, batch: c.batch, index: index})
	c.series = append(c.series, s)
	if 2*len(c.entries) <= len(c.slots) {
		c.insert(len(c.entries) - 1)
		return index
	}
	c.slots = make([]uint32, max(cacheSlotsMin, 2*len(c.slots)))
	for i := range c.entries {
		c.insert(i)
	}
	return index
}

// forget empties the cache.
func (c *seriesCache) forget() {
	c.entries = c.entries[:0]
	clear(c.series)
	c.series = c.series[:0]
	clear(c.slots)
	c.whole = false
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
