package event

// The bounds of a seriesCache. A full one is emptied; a key that finds no slot
// near its own pushes another out.
const (
	cachedSeriesMax = 1 << 17
	cacheProbes     = 8
	cacheSlotsMin   = 1 << 8
)

const (
	// nearSlots is up to how many slots what a row needs is in the cache of the
	// processor anyway.
	nearSlots = 1 << 12
	// unsettledMax is how many rows are settled at a time.
	unsettledMax = 32
)

// seriesCache knows the series that a Decoder met, so that a repeated one costs
// neither an allocation nor a look into the index of the batch. It can forget
// anything at any time.
type seriesCache struct {
	slots   []uint32 // open addressing, a power of two: index into entries + 1, or 0
	entries []cachedSeries
	series  []hashedSeries // of the entries

	// unsettled are the last rows of the batch, if their series are still to be found.
	unsettled []unsettled
	// touched keeps the reads of settle.
	touched uint64

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

// hashedSeries is a series and its hash, see [Series.hash].
type hashedSeries struct {
	Series
	hash uint64
}

// seriesKey is a series as words, two for each name. Where all names are short
// they are their words, and the hash is even; otherwise the words tell them apart
// well enough to be looked at.
type seriesKey struct {
	model, version, environment [2]uint64
	hash                        uint64
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

// addTo appends the index of the series that the row names to b.SeriesOf. Where
// there are many series it may leave that to settle. It is find, with words in
// variables for them to stay in registers: a tenth of the time of a decoder.
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

	if n := len(c.slots); short && n != 0 && n <= nearSlots && len(c.unsettled) == 0 {
		mask := uint64(n - 1)
		for probe := range uint64(cacheProbes) {
			slot := c.slots[(h>>1+probe)&mask]
			if slot == 0 {
				break
			}
			e := &c.entries[slot-1]
			diff := (h ^ e.hash) | (m0 ^ e.model[0]) | (m1 ^ e.model[1]) | (v0 ^ e.version[0]) | (v1 ^ e.version[1]) |
				(e0 ^ e.environment[0]) | (e1 ^ e.environment[1])
			if diff != 0 {
				continue
			}
			if e.batch != c.batch {
				e.index, e.batch = c.enter(b, &c.series[slot-1]), c.batch
			}
			b.SeriesOf = append(b.SeriesOf, e.index)
			return
		}
	}
	b.SeriesOf = append(b.SeriesOf, 0)
	c.unsettled = append(c.unsettled, unsettled{
		key:   seriesKey{[2]uint64{m0, m1}, [2]uint64{v0, v1}, [2]uint64{e0, e1}, h},
		names: seriesNames{model, version, environment},
	})
	if len(c.slots) <= nearSlots || len(c.unsettled) == unsettledMax || r.transient {
		c.settle(b)
	}
}

// settle finds the series of the last rows of b.
func (c *seriesCache) settle(b *Batch) {
	if len(c.slots) > nearSlots {
		c.touch()
	}
	first := len(b.SeriesOf) - len(c.unsettled)
	for i := range c.unsettled {
		u := &c.unsettled[i]
		b.SeriesOf[first+i] = c.find(b, &u.names, &u.key)
	}
	c.unsettled = c.unsettled[:0]
}

// touch has the processor fetch what each unsettled row needs before settle comes
// to the first: one after the other each would wait for memory twice.
func (c *seriesCache) touch() {
	mask := uint64(len(c.slots) - 1)
	for i := range c.unsettled {
		if slot := c.slots[c.unsettled[i].key.hash>>1&mask]; slot != 0 {
			c.touched += c.entries[slot-1].hash + uint64(len(c.series[slot-1].Model))
		}
	}
}

// end settles what is left of the batch and lets go of its body.
func (c *seriesCache) end(b *Batch) {
	if c.unsettled != nil {
		c.settle(b)
		clear(c.unsettled[:cap(c.unsettled)])
	}
}

// unsettled is a row whose series is still to be found.
type unsettled struct {
	key   seriesKey
	names seriesNames
}

// seriesNames are the names of a series where they were read; they have slack.
type seriesNames struct{ model, version, environment []byte }

// find returns the index in b of a series.
func (c *seriesCache) find(b *Batch, names *seriesNames, key *seriesKey) uint32 {
	if len(c.slots) != 0 {
		mask := uint64(len(c.slots) - 1)
		for probe := range uint64(cacheProbes) {
			slot := c.slots[(key.hash>>1+probe)&mask]
			if slot == 0 {
				break
			}
			e := &c.entries[slot-1]
			if e.seriesKey != *key || key.hash&1 != 0 && !c.series[slot-1].is(names) {
				continue
			}
			if e.batch != c.batch {
				e.index, e.batch = c.enter(b, &c.series[slot-1]), c.batch
			}
			return e.index
		}
	}
	return c.learn(b, names, key)
}

// longWord returns the second word of a name that may be longer than two.
func longWord(s []byte, short uint64) uint64 {
	if len(s) <= shortName {
		return short
	}
	return hashText(s[8:])
}

// is tells whether the series has these names.
func (s *Series) is(n *seriesNames) bool {
	return s.Model == string(n.model) && s.Version == string(n.version) && s.Environment == string(n.environment)
}

// enter returns the index in b of a series that has no entry of this batch yet.
func (c *seriesCache) enter(b *Batch, s *hashedSeries) uint32 {
	if !c.whole {
		return b.seriesIndex(s.Series, s.hash)
	}
	return b.addSeries(s.Series, s.hash)
}

// learn adds a series.
func (c *seriesCache) learn(b *Batch, n *seriesNames, key *seriesKey) uint32 {
	if len(c.entries) == cachedSeriesMax {
		c.forget()
	}
	s := hashedSeries{Series: Series{
		Model: string(n.model), Version: string(n.version), Environment: string(n.environment),
	}}
	s.hash = s.Series.hash()
	index := c.enter(b, &s)
	c.entries = append(c.entries, cachedSeries{seriesKey: *key, batch: c.batch, index: index})
	c.series = append(c.series, s)
	if 4*len(c.entries) <= len(c.slots) {
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
