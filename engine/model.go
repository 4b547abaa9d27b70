package engine

import (
	"slices"
	"sync"
)

// model is everything the store knows of one model id. Two models never wait for each other.
type model struct {
	// Immutable after creation.
	name   string
	census *census

	mu sync.RWMutex

	// Guarded by mu. The publisher, the sealer and the merger write.
	series  []series
	numbers names[seriesName]
	// latest is the series that "latest" means, by environment.
	latest names[string]
	// raised counts how often the first timestamps of series may have gone up.
	raised uint32
	// months is sorted by number.
	months []*month
	// waiting finds the predictions without an actual.
	waiting waitingIndex
}

// seriesName names a series within its model.
type seriesName struct{ version, environment string }

// series is one (version, environment) of a model. Its index in model.series is its number, which lives as long as
// the process.
type series struct {
	seriesName
	// first is the earliest timestamp of a prediction, with or without an actual.
	first int64
}

func newModel(name string, c *census) *model {
	return &model{name: name, census: c}
}

// number returns the series' number, making it on first sight. first is the timestamp of a row about to be added.
func (m *model) number(name seriesName, first int64) uint32 {
	n, ok := m.numbers.get(name)
	if !ok {
		n = uint32(len(m.series))
		m.series = append(m.series, series{name, first})
		m.numbers.set(name, n)
		m.census.hasSeries(len(m.series))
		m.promote(n)
		return n
	}
	m.sighted(n, first)
	return n
}

// sighted lowers the first timestamp of a series.
func (m *model) sighted(n uint32, first int64) {
	if first >= m.series[n].first {
		return
	}
	revived := m.series[n].first == maxMilli
	m.series[n].first = first
	environment := m.series[n].environment
	if held, ok := m.latest.get(environment); ok && held == n {
		m.latest.set(environment, m.newest(environment))
	} else if revived {
		m.promote(n)
	}
}

// promote makes series n the latest of its environment if it is.
func (m *model) promote(n uint32) {
	environment := m.series[n].environment
	if held, ok := m.latest.get(environment); !ok || m.newer(n, held) {
		m.latest.set(environment, n)
	}
}

// newer orders the versions of an environment: by the time of their first prediction, ties by name, so that the
// order rows arrived in does not show; a version literally named "latest" comes last of all.
func (m *model) newer(a, b uint32) bool {
	x, y := &m.series[a], &m.series[b]
	if literal := x.version == latestVersion; literal != (y.version == latestVersion) {
		return literal
	}
	if x.first != y.first {
		return x.first > y.first
	}
	return x.version > y.version
}

// newestBefore returns the latest series of an environment among those whose first prediction is before end; ok is false
// if there is none.
func (m *model) newestBefore(environment string, end int64) (n uint32, ok bool) {
	for i := range m.series {
		if m.series[i].environment != environment || m.series[i].first >= end {
			continue
		}
		if !ok || m.newer(uint32(i), n) {
			n, ok = uint32(i), true
		}
	}
	return n, ok
}

// newest returns the latest series of an environment that has a prediction.
func (m *model) newest(environment string) uint32 {
	n, ok := m.newestBefore(environment, maxMilli)
	if !ok {
		panic("BUG: no version in environment " + environment)
	}
	return n
}

// selection picks series of a model. Empty strings are not wildcards; All is.
type selection struct {
	version, environment string
	// end leaves out versions first seen at or after it when version is latest.
	end int64
}

// selected appends the numbers of the series that sel picks.
func (m *model) selected(dst []uint32, sel selection) []uint32 {
	if sel.version == latestVersion {
		return m.selectedLatest(dst, sel)
	}
	if sel.version != All && sel.environment != All {
		if n, ok := m.numbers.get(seriesName{sel.version, sel.environment}); ok {
			dst = append(dst, n)
		}
		return dst
	}
	for i := range m.series {
		s := &m.series[i]
		if (sel.version == All || sel.version == s.version) && (sel.environment == All || sel.environment == s.environment) {
			dst = append(dst, uint32(i))
		}
	}
	return dst
}

func (m *model) selectedLatest(dst []uint32, sel selection) []uint32 {
	one := func(environment string, held uint32) {
		if m.series[held].first < sel.end {
			dst = append(dst, held)
		} else if n, ok := m.newestBefore(environment, sel.end); ok {
			dst = append(dst, n)
		}
	}
	if sel.environment != All {
		if held, ok := m.latest.get(sel.environment); ok {
			one(sel.environment, held)
		}
		return dst
	}
	for environment, held := range m.latest.all() {
		one(environment, held)
	}
	return dst
}

// month returns the model's month, making it on first sight.
func (m *model) month(number monthNumber) *month {
	i, ok := m.findMonth(number)
	if !ok {
		m.months = slices.Insert(m.months, i, &month{number: number, span: number.span()})
		m.census.months.Add(1)
	}
	return m.months[i]
}

func (m *model) findMonth(number monthNumber) (int, bool) {
	return slices.BinarySearchFunc(m.months, number, func(mo *month, n monthNumber) int { return int(mo.number - n) })
}
