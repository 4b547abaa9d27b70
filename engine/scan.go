package engine

import (
	"context"
	"fmt"

	"github.com/residualdb/residual/segment"
)

// windowsMax is the most windows that one query compares.
const windowsMax = 2

// scratch is what a query needs beside its result, reused so that a query allocates nothing else.
type scratch struct {
	series  []uint32
	aggs    [windowsMax]segment.Aggregate
	segment segment.Scratch
}

// each aggregates the windows of every selected series of a model, or of All, and hands them to yield one series
// after the other. aggs holds one aggregate per window, valid during the call.
func (db *DB) each(ctx context.Context, id string, sel selection, ws []span, yield func(m *model, name seriesName, aggs []segment.Aggregate)) (Read, error) {
	if err := db.begin(); err != nil {
		return Read{}, err
	}
	defer db.end()
	sc := db.scratches.Get().(*scratch)
	defer db.scratches.Put(sc)
	var read Read
	if id != All {
		if m, ok := db.models.Load(id); ok {
			return m.each(sel, ws, sc, yield)
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
		r, err = m.each(sel, ws, sc, yield)
		read.add(r)
		return err == nil
	})
	return read, err
}

func (m *model) each(sel selection, ws []span, sc *scratch, yield func(m *model, name seriesName, aggs []segment.Aggregate)) (Read, error) {
	var read Read
	m.mu.RLock()
	defer m.mu.RUnlock()
	sc.series = m.selected(sc.series[:0], sel)
	for _, n := range sc.series {
		for i, w := range ws {
			sc.aggs[i].Reset()
			r, err := m.window(&sc.aggs[i], n, w, sc)
			if err != nil {
				return read, fmt.Errorf("model %q: %w", m.name, err)
			}
			read.add(r)
		}
		yield(m, m.series[n].seriesName, sc.aggs[:len(ws)])
	}
	return read, nil
}

// window adds the rows of a series that lie in w to dst.
func (m *model) window(dst *segment.Aggregate, series uint32, w span, sc *scratch) (Read, error) {
	var read Read
	for _, mo := range m.months {
		if !mo.overlaps(w) {
			continue
		}
		read.add(mo.window(dst, series, w))
		for _, sd := range mo.sealed {
			r, err := sd.window(dst, series, w, &sc.segment)
			if err != nil {
				return read, err
			}
			read.add(r)
		}
	}
	return read, nil
}
