package engine

import (
	"context"
	"fmt"

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

// answer is what the rows of a window add up to.
type answer struct {
	segment.Aggregate
	// sketches are filled only for WantAll.
	sketches segment.Sketches
	// scratch makes the sketches of rows that have none yet.
	scratch *segment.Sketches
}

func (a *answer) reset() {
	a.Reset()
	a.sketches.Reset()
}

// scratch is what a query needs beside its result, reused so that a query allocates nothing else.
type scratch struct {
	series   []uint32
	answers  []answer
	sketches segment.Sketches
	segment  segment.Scratch
}

// windows returns n answers to fill.
func (sc *scratch) windows(n int) []answer {
	for len(sc.answers) < n {
		sc.answers = append(sc.answers, answer{scratch: &sc.sketches})
	}
	return sc.answers[:n]
}

// visit receives a series of a model, which is locked during the call.
type visit func(m *model, series uint32, sc *scratch) (Read, error)

// yield receives one answer per window of a series. They are valid during the call, in which the model is locked.
type yield func(m *model, s *series, answers []answer)

// each adds up the windows ws of every selected series and hands them to f, one series after the other.
func (db *DB) each(ctx context.Context, q scan, ws []window, f yield) (Read, error) {
	return db.visit(ctx, q, func(m *model, n uint32, sc *scratch) (Read, error) {
		var read Read
		answers := sc.windows(len(ws))
		for i, w := range ws {
			r, err := m.window(&answers[i], n, w, q.want, sc)
			if err != nil {
				return read, err
			}
			read.add(r)
		}
		f(m, &m.series[n], answers)
		return read, nil
	})
}

// eachApart is each for many windows in the order of time: f receives one answer at a time, with the number of its window.
func (db *DB) eachApart(ctx context.Context, q scan, ws []window, f func(m *model, s *series, i int, a *answer)) (Read, error) {
	return db.visit(ctx, q, func(m *model, n uint32, sc *scratch) (Read, error) {
		var read Read
		a := &sc.windows(1)[0]
		for i, w := range ws {
			r, err := m.window(a, n, w, q.want, sc)
			if err != nil {
				return read, err
			}
			read.add(r)
			f(m, &m.series[n], i, a)
		}
		return read, nil
	})
}

// visit calls f for every selected series.
func (db *DB) visit(ctx context.Context, q scan, f visit) (Read, error) {
	if err := db.begin(); err != nil {
		return Read{}, err
	}
	defer db.end()
	sc := db.scratches.Get().(*scratch)
	defer db.scratches.Put(sc)
	var read Read
	if q.model != All {
		if m, ok := db.models.Load(q.model); ok {
			return m.visit(ctx, q, sc, f)
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
		r, err = m.visit(ctx, q, sc, f)
		read.add(r)
		return err == nil
	})
	return read, err
}

func (m *model) visit(ctx context.Context, q scan, sc *scratch, f visit) (Read, error) {
	var read Read
	m.mu.RLock()
	defer m.mu.RUnlock()
	defer sc.segment.Forget() // edits may come once the lock is gone
	sc.series = m.selected(sc.series[:0], q.selection)
	for _, n := range sc.series {
		if err := ctx.Err(); err != nil {
			return read, fmt.Errorf("query model %q: %w", m.name, err)
		}
		r, err := f(m, n, sc)
		if err != nil {
			return read, fmt.Errorf("model %q: %w", m.name, err)
		}
		read.add(r)
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

// window sets dst to the rows of a series, or of its sister, that lie in w.
func (m *model) window(dst *answer, series uint32, w window, want segment.Want, sc *scratch) (Read, error) {
	var read Read
	dst.reset()
	series, ok := m.sister(series, w.version)
	if !ok {
		return read, nil
	}
	for _, mo := range m.months {
		if !mo.overlaps(w.span) {
			continue
		}
		read.add(mo.window(dst, series, w.span, want))
		for _, sd := range mo.sealed {
			r, err := sd.window(dst, series, w.span, want, &sc.segment)
			if err != nil {
				return read, err
			}
			read.add(r)
		}
	}
	return read, nil
}
