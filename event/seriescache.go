package event

// The bounds of a seriesCache. A full one is emptied; a key that finds no slot
// near its own pushes another out.
const (
	cachedSeriesMax = 1 << 17
	cacheProbes     = 8
	cacheSlotsMin   = 1 << 8
)

// seriesCache knows the series that a Decoder met, so that a repeated one costs
// neither an allocation nor a look into the index of the batch. It can forget
// anything at any time.
type seriesCache struct {
	slots   []uint32 // open addressing, a power of two: index into entries + 1, or 0
	entries []cachedSeries
	series  []hashedSeries // of the entries

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

// index returns the index in b of the series that the row names. The words are
// variables rather than a seriesKey for them to stay in registers.
func (c *seriesCache) index(b *Batch, r *row) uint32 {
	model, version, environment := r.text[colModel], r.text[colVersion], r.text[colEnvironment]
	m0, m1 := shortWords(model)
	v0, v1 := shortWords(version)
	e0, e1 := shortWords(environment)
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

	if len(c.slots) != 0 {
		mask := uint64(len(c.slots) - 1)
		for probe := range uint64(cacheProbes) {
			slot := c.slots[(h>>1+probe)&mask]
			if slot == 0 {
				break
			}
			e := &c.entries[slot-1]
			diff := (h ^ e.hash) | (m0 ^ e.model[0]) | (m1 ^ e.model[1]) | (v0 ^ e.version[0]) | (v1 ^ e.version[1]) |
				(e0 ^ e.environment[0]) | (e1 ^ e.environment[1])
			if diff != 0 || !short && !c.series[slot-1].is(r) {
				continue
			}
			if e.batch != c.batch {
				e.index, e.batch = c.enter(b, &c.series[slot-1]), c.batch
			}
			return e.index
		}
	}
	return c.learn(b, r, seriesKey{
		model: [2]uint64{m0, m1}, version: [2]uint64{v0, v1}, environment: [2]uint64{e0, e1}, hash: h,
	})
}

// longWord returns the second word of a name that may be longer than two.
func longWord(s []byte, short uint64) uint64 {
	if len(s) <= shortName {
		return short
	}
	return hashText(s[8:])
}

// is tells whether the row names the series.
func (s *Series) is(r *row) bool {
	return s.Model == string(r.text[colModel]) && s.Version == string(r.text[colVersion]) &&
		s.Environment == string(r.text[colEnvironment])
}

// enter returns the index in b of a series that has no entry of this batch yet.
func (c *seriesCache) enter(b *Batch, s *hashedSeries) uint32 {
	if !c.whole {
		return b.seriesIndex(s.Series, s.hash)
	}
	return b.addSeries(s.Series, s.hash)
}

// learn adds the series of a row.
func (c *seriesCache) learn(b *Batch, r *row, key seriesKey) uint32 {
	if len(c.entries) == cachedSeriesMax {
		c.forget()
	}
	s := hashedSeries{Series: Series{
		Model:       string(r.text[colModel]),
		Version:     string(r.text[colVersion]),
		Environment: string(r.text[colEnvironment]),
	}}
	s.hash = s.Series.hash()
	index := c.enter(b, &s)
	c.entries = append(c.entries, cachedSeries{seriesKey: key, batch: c.batch, index: index})
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
