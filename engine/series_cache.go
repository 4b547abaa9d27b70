package engine

import (
	"unsafe"

	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/event"
)

// cachedSeries is where the rows of a series go.
type cachedSeries struct {
	m     *catalog.Model
	month *catalog.Month // where its rows went last, nil if they went nowhere yet
	// series is the number of the series, and first the first of its predictions when the model's raised was as here;
	// neither counts while month is nil.
	series, raised uint32
	first          int64
	// part is that of the series in head, where its rows went last; it may be sealed and empty by now.
	head *head.Head
	part *head.Series
}

// last returns a time that no row of the series in the month is later than. The model's lock is held.
func (t *cachedSeries) last() int64 {
	if t.head != nil && t.head == t.month.Head {
		return t.part.Last
	}
	return t.month.LastTime(t.series)
}

// cacheEntry is the target of a series by the names that a batch had for it.
type cacheEntry struct {
	name event.Series
	cachedSeries
}

// The bounds of a targets table; one that is half full doubles until targetsMax. A series that finds no place near its
// own takes that of another.
const (
	cacheMin    = 1 << 8
	cacheMax    = 1 << 18
	cacheProbes = 4
)

// seriesCache finds the targets of series that came before by where their names lie in memory: a decoder has the same
// strings for a series again and again. So what a series costs the publisher is the lines of the cache that its rows
// change, and not also those of names, registry and indexes. It can forget anything at any time. It is for one
// goroutine.
type seriesCache struct {
	table []cacheEntry
	used  int
	// touched keeps the reads of warm.
	touched uint64
}

// home returns the place in the table where a series is looked for first.
func (t *seriesCache) home(name *event.Series) uint64 {
	// The addresses are numbers to spread by, and not followed.
	h := uint64(uintptr(unsafe.Pointer(unsafe.StringData(name.Model)))) * 0x9E3779B97F4A7C15
	h ^= uint64(uintptr(unsafe.Pointer(unsafe.StringData(name.Version)))) * 0xBF58476D1CE4E5B9
	h ^= uint64(uintptr(unsafe.Pointer(unsafe.StringData(name.Environment)))) * 0x94D049BB133111EB
	return (h ^ h>>32) * 0x9E3779B97F4A7C15 >> 40
}

// find returns the target of a series, valid until the next call. Its model is nil if it is not known.
func (t *seriesCache) find(name *event.Series) *cachedSeries {
	if 2*t.used >= len(t.table) && len(t.table) < cacheMax {
		t.grow()
	}
	home, mask := t.home(name), uint64(len(t.table)-1)
	for probe := range uint64(cacheProbes) {
		switch k := &t.table[(home+probe)&mask]; {
		case k.m == nil:
			t.used++
			k.name = *name
			return &k.cachedSeries
		case same(&k.name, name):
			return &k.cachedSeries
		}
	}
	k := &t.table[home&mask]
	*k = cacheEntry{name: *name}
	return &k.cachedSeries
}

// same tells whether both are named by the same strings, and not only by equal ones: nothing is read for it.
func same(a, b *event.Series) bool {
	return unsafe.StringData(a.Model) == unsafe.StringData(b.Model) && len(a.Model) == len(b.Model) &&
		unsafe.StringData(a.Version) == unsafe.StringData(b.Version) && len(a.Version) == len(b.Version) &&
		unsafe.StringData(a.Environment) == unsafe.StringData(b.Environment) && len(a.Environment) == len(b.Environment)
}

// grow doubles the table.
func (t *seriesCache) grow() {
	old := t.table
	t.table, t.used = make([]cacheEntry, max(cacheMin, 2*len(old))), 0
	for i := range old {
		if old[i].m != nil {
			*t.find(&old[i].name) = old[i].cachedSeries
		}
	}
}

// prefetch brings what the rows of some series will change into the cache of the processor, for all of them at once: one
// after the other each would wait for several lines. It reads what never changes, and lies beside what will.
func (t *seriesCache) prefetch(names []event.Series) {
	if len(t.table) <= cacheMin {
		return
	}
	mask := uint64(len(t.table) - 1)
	for i := range names {
		k := &t.table[t.home(&names[i])&mask]
		if k.head != nil {
			t.touched += uint64(len(k.m.Name)) + uint64(k.month.Number) + k.head.Epoch + uint64(k.part.Number)
		}
	}
}
