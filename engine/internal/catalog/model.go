package catalog

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/event"
)

// Model is everything the store knows of one model id. Two models never wait for each other.
type Model struct {
	// Immutable after creation.
	Name        string
	cardinality *Cardinality
	moments     *Moments

	// WantsIDIndex is set once rows of the model are looked for by their id.
	WantsIDIndex atomic.Bool
	// revision is written under Mu and read by any goroutine, see Revision.
	revision atomic.Uint64

	// Mu guards what follows, and all of its months, heads and segments. Who changes rows takes it by LockToChange; it is enough by
	// itself for who puts the same rows into another place.
	Mu sync.RWMutex

	// Guarded by Mu. The publisher writes, and whoever puts a segment in place or drops a month.

	// Series are those of the model, by number.
	Series []series
	// Numbers are those of the series, by name.
	Numbers base.Names[SeriesName]
	// Latest is the first series in the order of each environment, see [Model.Newer].
	Latest base.Names[string]
	// previous are what [Model.Previous] answers, nil where a first prediction has changed since they were made. Readers set it too.
	previous atomic.Pointer[[]uint32]
	// Months is sorted by number.
	Months []*Month
	// Last is a time that no row of each series is later than, of a model whose rows are elsewhere; else nil.
	Last []int64
	// seen is the last moment since which no reader is left that has not seen the model as it was then.
	seen uint64
}

// SeriesName names a series within its model.
type SeriesName struct{ Version, Environment string }

// series is one (version, environment) of a model. Its place in Model.Series is its number, which lives as long as the
// process.
type series struct {
	SeriesName
	// First is the earliest timestamp of a prediction, with or without an actual.
	First int64
}

// NewModel returns a model without rows, whose series and months c counts. Moments that have begun do not have it.
func NewModel(name string, c *Cardinality, moments *Moments) *Model {
	return &Model{Name: name, cardinality: c, moments: moments, seen: moments.last.Load()}
}

// Number returns the series' number, making it on first sight. first is the timestamp of a row about to be added.
func (m *Model) Number(name SeriesName, first int64) uint32 {
	n, ok := m.Numbers.Get(name)
	if !ok {
		n = uint32(len(m.Series))
		m.Series = append(m.Series, series{name, first})
		m.previous.Store(nil)
		m.Numbers.Set(name, n)
		m.cardinality.hasSeries(len(m.Series))
		m.promote(n)
		return n
	}
	m.lowerFirst(n, first)
	return n
}

// lowerFirst lowers the first timestamp of a series.
func (m *Model) lowerFirst(n uint32, first int64) {
	if first >= m.Series[n].First {
		return
	}
	revived := m.Series[n].First == base.MaxMilli
	m.Series[n].First = first
	m.previous.Store(nil)
	environment := m.Series[n].Environment
	if held, ok := m.Latest.Get(environment); ok && held == n {
		m.Latest.Set(environment, m.newest(environment))
	} else if revived {
		m.promote(n)
	}
}

// Predicts tells whether the model has a prediction.
func (m *Model) Predicts() bool {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	return m.Begins()
}

// Begins is Predicts of a model that is locked.
func (m *Model) Begins() bool {
	return slices.ContainsFunc(m.Series, func(s series) bool { return s.First < base.MaxMilli })
}

// Month returns the model's month, making it on first sight.
func (m *Model) Month(number base.MonthNumber) *Month {
	i, ok := m.FindMonth(number)
	if !ok {
		m.Months = slices.Insert(m.Months, i, &Month{Number: number, Span: number.Span()})
		m.cardinality.Months.Add(1)
	}
	return m.Months[i]
}

// FindMonth returns the place of a month among those of the model, or where it would be.
func (m *Model) FindMonth(number base.MonthNumber) (int, bool) {
	return slices.BinarySearchFunc(m.Months, number, func(mo *Month, n base.MonthNumber) int { return int(mo.Number - n) })
}

// Drop forgets a month whose segments the manifest has retired.
func (m *Model) Drop(mo *Month) {
	m.LockToChange()
	defer m.Mu.Unlock()
	m.Months = slices.DeleteFunc(m.Months, func(x *Month) bool { return x == mo })
	m.cardinality.Months.Add(-1)
	mo.Segments = nil // a checkpoint may still point to it
	m.RecountFirst()
}

// RecountFirst finds each series' first prediction anew. A series without rows keeps its number and is never the latest.
func (m *Model) RecountFirst() {
	m.previous.Store(nil)
	for i := range m.Series {
		m.Series[i].First = base.MaxMilli
	}
	for _, mo := range m.Months {
		for _, sg := range mo.Segments {
			for i := range sg.Series {
				x := &sg.Series[i]
				if first, ok := sg.first(x); ok {
					m.Series[x.number].First = min(m.Series[x.number].First, first)
				}
			}
		}
		for h := range mo.Heads {
			for _, hs := range h.Series {
				if first, ok := h.First(hs); ok {
					m.Series[hs.Number].First = min(m.Series[hs.Number].First, first)
				}
			}
		}
	}
	m.Latest.Clear()
	for i := range m.Series {
		if m.Series[i].First < base.MaxMilli {
			m.promote(uint32(i))
		}
	}
}

// HasEmptyMonth tells whether there is a month that has nothing.
func (m *Model) HasEmptyMonth() bool {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	return slices.ContainsFunc(m.Months, (*Month).isEmpty)
}

// Prune forgets the months that have nothing, of which nobody seals or merges anything meanwhile, and tells whether none is
// left.
func (m *Model) Prune() (empty bool) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	before := len(m.Months)
	m.Months = slices.DeleteFunc(m.Months, (*Month).isEmpty)
	m.cardinality.Months.Add(int64(len(m.Months) - before))
	return len(m.Months) == 0
}

// FreezeUpTo freezes the month's head if it is of an epoch up to last.
func (m *Model) FreezeUpTo(mo *Month, last uint64) {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	if mo.Head != nil && mo.Head.Epoch <= last {
		mo.Freeze()
	}
}

// FrozenBatch returns the frozen heads of a month that one segment may hold: the first ones of equal epoch, none of an epoch
// past last.
func (m *Model) FrozenBatch(mo *Month, last uint64) []*head.Head {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	n := 0
	for n < len(mo.Frozen) && mo.Frozen[n].Epoch == mo.Frozen[0].Epoch && mo.Frozen[n].Epoch <= last {
		n++
	}
	return mo.Frozen[:n:n]
}

// Of returns the name of the series with that of its model.
func (s *series) Of(m *Model) event.Series {
	return event.Series{Model: m.Name, Version: s.Version, Environment: s.Environment}
}

// NoSeries is the number of no series.
const NoSeries = math.MaxUint32
