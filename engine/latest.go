package engine

import (
	"context"
	"slices"
)

// What latest means is decided for each model and environment, for the window that is asked about: the version
// literally so named if there is one; else, of the versions with an actual in the window, the one whose first
// prediction in the environment is the newest. So a version that was rolled back, or has yet no actuals, does not stand
// in for one that has answers, and two versions side by side do not take turns as the window moves. Where no version
// has an actual in the window, one with predictions there goes before one without. Versions that begin only after the
// window do not count.

// latestVersion is the parameter value that stands for it.
const latestVersion = "latest"

// promote makes series n the first in the order of its environment if it is.
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
	if x.literal() != y.literal() {
		return x.literal()
	}
	if x.first != y.first {
		return x.first > y.first
	}
	return x.version > y.version
}

// literal tells whether the version is named "latest".
func (s *series) literal() bool { return s.version == latestVersion }

// newest returns the first series in the order of an environment, which must have a prediction.
func (m *model) newest(environment string) uint32 {
	found, ok := uint32(0), false
	for i := range m.series {
		if s := &m.series[i]; s.environment == environment && s.first < maxMilli && (!ok || m.newer(uint32(i), found)) {
			found, ok = uint32(i), true
		}
	}
	if !ok {
		panic("BUG: no version in environment " + environment)
	}
	return found
}

// latestIn returns the series that latest means in an environment for the first window of q, noSeries if there is none.
// It leaves the answers of a series in sc, and asks the newest first, which nearly always is the one.
func (m *model) latestIn(
	ctx context.Context, environment string, q *scan, sc *scratch,
) (n uint32, read Read, err error) {
	end := q.asked[0].to
	has := func(n uint32, count func(*answer) uint64) (bool, error) {
		r, err := m.answer(ctx, n, q, sc)
		read.add(r)
		return err == nil && count(&sc.answers[0]) > 0, err
	}
	actuals := func(a *answer) uint64 { return a.Actuals }
	held, ok := m.latest.get(environment)
	if !ok {
		return noSeries, read, nil
	}
	if m.series[held].first < end {
		if m.series[held].literal() {
			return held, read, nil
		}
		if ok, err := has(held, actuals); ok || err != nil {
			return held, read, err
		}
	}
	sc.candidates = m.begun(sc.candidates[:0], environment, end)
	if len(sc.candidates) == 0 {
		return noSeries, read, nil
	}
	best := sc.candidates[0]
	if m.series[best].literal() {
		return best, read, nil
	}
	seen := false // a prediction in the window
	for _, n := range sc.candidates {
		ok, err := has(n, actuals)
		if ok || err != nil {
			return n, read, err
		}
		if rows := sc.answers[0].Rows > 0; rows && !seen {
			best, seen = n, true
		}
	}
	return best, read, nil
}

// begun appends the series of an environment whose first prediction is before end, the newest first.
func (m *model) begun(dst []uint32, environment string, end int64) []uint32 {
	for i := range m.series {
		if s := &m.series[i]; s.environment == environment && s.first < end {
			dst = append(dst, uint32(i))
		}
	}
	slices.SortFunc(dst, func(a, b uint32) int {
		if m.newer(a, b) {
			return -1
		}
		return 1
	})
	return dst
}
