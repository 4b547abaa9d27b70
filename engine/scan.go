package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/residualdb/residual/segment"
)

// scan is whose rows a query aggregates: the selected series of a model, or of All.
type scan struct {
	model string
	selection
	want segment.Want
}

// window is a span of the rows of a series, or of its sister in the same environment that has another version.
type window struct {
	span
	// version is empty for the series itself.
	version string
}

// scratch is what a query needs beside its result, reused so that a query allocates nothing else.
type scratch struct {
	series  []uint32
	aggs    []segment.Aggregate
	segment segment.Scratch
}

// aggregatesKept bounds the aggregates that a scratch keeps for the next query.
const aggregatesKept = 1024

// yield receives one aggregate per window of a series. They are valid during the call, in which the model is locked.
type yield func(m *model, s *series, aggs []segment.Aggregate)

// each aggregates the windows ws of every selected series and hands them to f, one series after the other.
func (db *DB) each(ctx context.Context, q scan, ws []window, f yield) (Read, error) {
	if err := db.begin(); err != nil {
		return Read{}, err
	}
	defer db.end()
	sc := db.scratches.Get().(*scratch)
	defer db.scratches.Put(sc)
	sc.aggs = slices.Grow(sc.aggs[:0], len(ws))[:len(ws)]
	defer sc.shrink()
	var read Read
	if q.model != All {
		if m, ok := db.models.Load(q.model); ok {
			return m.each(ctx, q, ws, sc, f)
		}
		return read, nil
	}
	var err error
	db.models.Range(func(_ string, m *model) bool {
		if err = ctx.Err(); err != nil {
			err = fmt.Errorf("query every model: %w", err)
			return false
		}
		var r Read
		r, err = m.each(ctx, q, ws, sc, f)
		read.add(r)
		return err == nil
	})
	return read, err
}

func (sc *scratch) shrink() {
	if cap(sc.aggs) > aggregatesKept {
		sc.aggs = nil
	}
}

func (m *model) each(ctx context.Context, q scan, ws []window, sc *scratch, f yield) (Read, error) {
	var read Read
	m.mu.RLock()
	defer m.mu.RUnlock()
	sc.series = m.selected(sc.series[:0], q.selection)
	for _, n := range sc.series {
		if err := ctx.Err(); err != nil {
			return read, fmt.Errorf("query model %q: %w", m.name, err)
		}
		for i, w := range ws {
			sc.aggs[i].Reset()
			of, ok := m.sister(n, w.version)
			if !ok {
				continue
			}
			r, err := m.window(&sc.aggs[i], of, w.span, q.want, sc)
			if err != nil {
				return read, fmt.Errorf("model %q: %w", m.name, err)
			}
			read.add(r)
		}
		f(m, &m.series[n], sc.aggs)
	}
	return read, nil
}

// sister returns the series that has the environment of series n and another version, or n if version is empty.
func (m *model) sister(n uint32, version string) (uint32, bool) {
	if version == "" {
		return n, true
	}
	of, ok := m.numbers.get(seriesName{version, m.series[n].environment})
	return of, ok
}

// window adds the rows of a series that lie in w to dst.
func (m *model) window(dst *segment.Aggregate, series uint32, w span, want segment.Want, sc *scratch) (Read, error) {
	var read Read
	for _, mo := range m.months {
		if !mo.overlaps(w) {
			continue
		}
		read.add(mo.window(dst, series, w, want))
		for _, sd := range mo.sealed {
			r, err := sd.window(dst, series, w, want, &sc.segment)
			if err != nil {
				return read, err
			}
			read.add(r)
		}
	}
	return read, nil
}
