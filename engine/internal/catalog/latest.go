package catalog

import (
	"slices"
	"strings"

	"github.com/residualdb/residual/engine/internal/base"
)

// What latest means is decided for each model and environment, for the window that is asked about: the version
// literally so named if there is one; else, of the versions with an actual in the window, the one whose first
// prediction in the environment is the newest. So a version that was rolled back, or has yet no actuals, does not stand
// in for one that has answers, and two versions side by side do not take turns as the window moves. Where no version
// has an actual in the window, one with predictions there goes before one without. Versions that begin only after the
// window do not count.

// LatestVersion is the parameter value that stands for it.
const LatestVersion = "latest"

// promote makes series n the first in the order of its environment if it is.
func (m *Model) promote(n uint32) {
	environment := m.Series[n].Environment
	if held, ok := m.Latest.Get(environment); !ok || m.Newer(n, held) {
		m.Latest.Set(environment, n)
	}
}

// Newer orders the series of an environment, see [NewerVersion].
func (m *Model) Newer(a, b uint32) bool {
	x, y := &m.Series[a], &m.Series[b]
	return NewerVersion(x.Version, x.First, y.Version, y.First)
}

// NewerVersion orders the versions of an environment: by the time of their first prediction, ties by name, so that the order
// rows arrived in does not show; a version literally named "latest" comes last of all.
func NewerVersion(x string, xFirst int64, y string, yFirst int64) bool {
	if (x == LatestVersion) != (y == LatestVersion) {
		return x == LatestVersion
	}
	if xFirst != yFirst {
		return xFirst > yFirst
	}
	return x > y
}

// Literal tells whether the version is named "latest".
func (s *series) Literal() bool { return s.Version == LatestVersion }

// newest returns the first series in the order of an environment, which must have a prediction.
func (m *Model) newest(environment string) uint32 {
	found, ok := uint32(0), false
	for i := range m.Series {
		if s := &m.Series[i]; s.Environment == environment && s.First < base.MaxMilli && (!ok || m.Newer(uint32(i), found)) {
			found, ok = uint32(i), true
		}
	}
	if !ok {
		panic("BUG: no version in environment " + environment)
	}
	return found
}

// Begun appends the series of an environment whose first prediction is before end, the newest first.
func (m *Model) Begun(dst []uint32, environment string, end int64) []uint32 {
	for i := range m.Series {
		if s := &m.Series[i]; s.Environment == environment && s.First < end {
			dst = append(dst, uint32(i))
		}
	}
	slices.SortFunc(dst, func(a, b uint32) int {
		if m.Newer(a, b) {
			return -1
		}
		return 1
	})
	return dst
}

// PickLatest returns which of the versions of an environment latest means. They are the newest first, at least one, of which newest
// is the name of the first. answer is what the window has of version i; it is asked for in that order, and no more often than needed.
func PickLatest(newest string, versions int, answer func(i int) (*base.Answer, error)) (picked int, err error) {
	if newest == LatestVersion {
		return 0, nil
	}
	seen := false // a prediction in the window
	for i := range versions {
		a, err := answer(i)
		if err != nil {
			return 0, err
		}
		if a.Actuals > 0 {
			return i, nil
		}
		if !seen && a.Rows > 0 {
			picked, seen = i, true
		}
	}
	return picked, nil
}

// HasVersion tells whether a series with rows has a version.
func (m *Model) HasVersion(version string) bool {
	return slices.ContainsFunc(m.Series, func(s series) bool { return s.Version == version && s.First < base.MaxMilli })
}

// Previous returns the version before series n in the order of its environment, NoSeries if there is none.
func (m *Model) Previous(n uint32) uint32 {
	before := m.previous.Load()
	if before == nil {
		made := m.previousOfAll()
		before = &made
		m.previous.Store(before)
	}
	return (*before)[n]
}

// previousOfAll returns what comes before each series: in one pass, as each may be asked about.
func (m *Model) previousOfAll() []uint32 {
	order := make([]uint32, len(m.Series))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int {
		if by := strings.Compare(m.Series[a].Environment, m.Series[b].Environment); by != 0 {
			return by
		}
		if m.Newer(b, a) {
			return -1
		}
		return 1
	})
	before := make([]uint32, len(order))
	last := uint32(NoSeries)
	for i, n := range order {
		if i > 0 && m.Series[order[i-1]].Environment != m.Series[n].Environment {
			last = NoSeries
		}
		before[n] = last
		if m.Series[n].First < base.MaxMilli {
			last = n
		}
	}
	return before
}
