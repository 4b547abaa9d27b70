package engine

import (
	"slices"
	"sync"
	"sync/atomic"
)

// model is everything the store knows of one model id. Two models never wait for each other.
type model struct {
	// Immutable after creation.
	name   string
	census *census

	// asked is set once rows of the model are looked for by their id.
	asked atomic.Bool

	mu sync.RWMutex

	// Guarded by mu. The publisher, the sealer and the merger write.
	series  []series
	numbers names[seriesName]
	// latest is the first series in the order of each environment, see [model.newer].
	latest names[string]
	// raised counts how often the first timestamps of series may have gone up.
	raised uint32
	// months is sorted by number.
	months []*month
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

// predicts tells whether the model has a prediction.
func (m *model) predicts() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.ContainsFunc(m.series, func(s series) bool { return s.first < maxMilli })
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
