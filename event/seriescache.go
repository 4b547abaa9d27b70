package event

// The bounds of a seriesCache. A full one is emptied; a key that finds no slot
// near its own pushes another out.
const (
	cachedSeriesMax = 1 << 16
	cacheProbes     = 8
	cacheSlotsMin   = 1 << 8
)

// seriesCache knows the series that a Decoder met, so that a repeated one costs
// neither an allocation nor a look into the index of the batch. What it does not
// know it asks the batch for; it can forget anything at any time.
type seriesCache struct {
	slots   []uint32 // open addressing, a power of two: index into entries + 1, or 0
	entries []cachedSeries

	// batch counts the calls of begin: the index of an entry holds for one.
	batch uint64
}

type cachedSeries struct {
	hash  uint64
	batch uint64
	index uint32
	Series
}

// begin starts a batch: its indexes are not known yet.
func (c *seriesCache) begin() { c.batch++ }

// index returns the index in b of the series that the row names.
func (c *seriesCache) index(b *Batch, r *row) uint32 {
	hash := hashText(hashText(hashText(0, r.model), r.version), r.environment)
	if len(c.slots) != 0 {
		mask := uint64(len(c.slots) - 1)
		for probe := range uint64(cacheProbes) {
			slot := c.slots[(hash+probe)&mask]
			if slot == 0 {
				break
			}
			e := &c.entries[slot-1]
			if e.hash == hash && e.Model == string(r.model) && e.Version == string(r.version) &&
				e.Environment == string(r.environment) {
				if e.batch != c.batch {
					e.index, e.batch = b.seriesIndex(e.Series), c.batch
				}
				return e.index
			}
		}
	}
	return c.learn(b, r, hash)
}

// learn adds the series of a row.
func (c *seriesCache) learn(b *Batch, r *row, hash uint64) uint32 {
	if len(c.entries) == cachedSeriesMax {
		clear(c.entries)
		c.entries = c.entries[:0]
		clear(c.slots)
	}
	e := cachedSeries{hash: hash, batch: c.batch, Series: Series{
		Model: string(r.model), Version: string(r.version), Environment: string(r.environment),
	}}
	e.index = b.seriesIndex(e.Series)
	c.entries = append(c.entries, e)
	if 2*len(c.entries) > len(c.slots) {
		c.slots = make([]uint32, max(cacheSlotsMin, 2*len(c.slots)))
		for i := range c.entries {
			c.insert(uint32(i))
		}
		return e.index
	}
	c.insert(uint32(len(c.entries) - 1))
	return e.index
}

// insert enters entry i into the slots.
func (c *seriesCache) insert(i uint32) {
	mask := uint64(len(c.slots) - 1)
	home := c.entries[i].hash
	for probe := range uint64(cacheProbes) {
		if slot := &c.slots[(home+probe)&mask]; *slot == 0 {
			*slot = i + 1
			return
		}
	}
	c.slots[home&mask] = i + 1
}

// hashText mixes a text into a hash, a word at a time. It need not withstand
// chosen collisions: those cost a look into the index of the batch.
func hashText(h uint64, s []byte) uint64 {
	const odd = 0x9E3779B97F4A7C15
	h += uint64(len(s))
	for i := 0; i < len(s); i += 8 {
		w := load(s, i)
		if n := len(s) - i; n < 8 {
			w &= 1<<(8*n) - 1
		}
		h = (h ^ w) * odd
		h ^= h >> 32
	}
	return h
}
