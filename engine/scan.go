package engine

import (
	"context"
	"fmt"
	"math"

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
	// counted is set where the counts and times of the rows are all that is asked for.
	counted bool
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
	of       []uint32
	answers  []answer
	sealed   []*sealed
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
		answers := sc.windows(len(ws))
		read, err := m.windows(answers, n, ws, q.want, sc)
		if err == nil {
			f(m, &m.series[n], answers)
		}
		return read, err
	})
}

// eachApart is each for many windows in the order of time: f receives one answer at a time, with the number of its window.
func (db *DB) eachApart(ctx context.Context, q scan, ws []window, f func(m *model, s *series, i int, a *answer)) (Read, error) {
	return db.visit(ctx, q, func(m *model, n uint32, sc *scratch) (Read, error) {
		var read Read
		one := sc.windows(1)
		for i := range ws {
			r, err := m.windows(one, n, ws[i:i+1], q.want, sc)
			if err != nil {
				return read, err
			}
			read.add(r)
			f(m, &m.series[n], i, &one[0])
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

// sisters sets sc.of to the series that each window is about: series n, or the one that has its environment and the window's
// version; noSeries if there is none.
func (m *model) sisters(n uint32, ws []window, sc *scratch) {
	sc.of = sc.of[:0]
	for i := range ws {
		of := n
		if version := ws[i].version; version != "" {
			var ok bool
			if of, ok = m.numbers.get(seriesName{version, m.series[n].environment}); !ok {
				of = noSeries
			}
		}
		sc.of = append(sc.of, of)
	}
}

const noSeries = math.MaxUint32

// windows sets each answer to the rows of a series, or of its sister, that lie in its window. It goes segment by segment,
// so that a small one is opened once for all windows, and a block in which two of them meet is decoded once. Months and
// segments are each looked at in a loop that does little else: of many models nearly all of them are far away in memory, and
// those of a loop are fetched at once.
func (m *model) windows(answers []answer, series uint32, ws []window, want segment.Want, sc *scratch) (Read, error) {
	var read Read
	for i := range answers {
		answers[i].reset()
	}
	m.sisters(series, ws, sc)
	sc.sealed = sc.sealed[:0]
	for _, mo := range m.months {
		overlaps := false
		for i := range ws {
			if !mo.overlaps(ws[i].span) {
				continue
			}
			overlaps = true
			if !mo.allSealed() {
				read.add(mo.window(&answers[i], sc.of[i], ws[i].span, want))
			}
		}
		if overlaps {
			sc.sealed = append(sc.sealed, mo.sealed...)
		}
	}
	near := sc.sealed[:0]
	for _, sd := range sc.sealed {
		if sd.count(answers, ws, sc) {
			near = append(near, sd)
		}
	}
	var err error
	for _, sd := range near {
		var r Read
		if r, err = sd.windows(answers, ws, want, sc); err != nil {
			break
		}
		read.add(r)
	}
	clear(sc.sealed) // no scratch keeps what a merge or the retention drops
	return read, err
}

// counts tells whether all that a window asks of a series is its counts as stored.
func (s *sealed) counts(x *sealedSeries, w *window) bool {
	return w.counted && x.stored.MinTime >= w.from && x.stored.MaxTime < w.to && !s.edited()
}

// overlaps tells whether a time of the series may be in the window.
func (x *sealedSeries) overlaps(w *window) bool {
	return x.stored.MinTime < w.to && x.stored.MaxTime >= w.from
}

// count adds to the answers what is known without opening the segment, and tells whether [sealed.windows] has the rest.
func (s *sealed) count(answers []answer, ws []window, sc *scratch) (more bool) {
	for i := range ws {
		switch x := s.find(sc.of[i]); {
		case x == nil || !x.overlaps(&ws[i]):
		case s.counts(x, &ws[i]):
			answers[i].AddCounts(&x.stored)
		default:
			more = true
		}
	}
	return more
}

// windows adds to the answers the rows of one segment, of the series sc.of, that count has left.
func (s *sealed) windows(answers []answer, ws []window, want segment.Want, sc *scratch) (Read, error) {
	seg, err := s.open(&sc.segment)
	if err != nil {
		return Read{}, err
	}
	var read Read
	for i := range ws {
		x := s.find(sc.of[i])
		if x == nil || !x.overlaps(&ws[i]) || s.counts(x, &ws[i]) {
			continue
		}
		r, err := seg.Window(&answers[i].Aggregate, &answers[i].sketches, int(x.index), ws[i].from, ws[i].to, want, &sc.segment)
		if err != nil {
			return read, segmentError(err)
		}
		read.add(Read{r.Rows, r.Bytes})
	}
	return read, nil
}
