package engine

import (
	"context"
	"fmt"
	"math"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// scan is a query with its names and windows resolved.
type scan struct {
	selection
	// across are the columns that the answers add up across.
	across Columns
	want   segment.Want
	// asked are the windows, of which there are count. They are in the scan, so that a query allocates nothing for them.
	asked [windowsMax]window
	count int
}

// windowsMax is the most windows that a query answers together.
const windowsMax = 4

// ask sets the windows. The first decides what latest means.
func (q *scan) ask(ws ...window) { q.count = copy(q.asked[:], ws) }

func (q *scan) windows() []window { return q.asked[:q.count] }

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
	series, candidates []uint32
	// answers are those of the series answered in the model that is locked; noSeries if they are of none.
	answers  []answer
	answered uint32
	of       []uint32
	// counted are the sisters whose rows are in an answer. It is empty but for totals.
	counted  map[uint32]bool
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

// subject is what an answer is about: a series, or the total of several.
type subject struct {
	// Series has All in the columns that are added up across.
	event.Series
	// first is the time of the first prediction.
	first int64
	// version is that of all rows, empty if they are of several.
	version string
}

func (m *model) subject(n uint32) subject {
	s := &m.series[n]
	return subject{s.of(m), s.first, s.version}
}

// visit receives a series of a model, which is locked during the call.
type visit func(m *model, series uint32, sc *scratch) (Read, error)

// yield receives one answer per window of a subject. They are valid during the call, in which a model may be locked.
type yield func(of subject, answers []answer)

// each adds up the windows of q for every subject and hands them to f, one subject after the other.
func (db *DB) each(ctx context.Context, q *scan, f yield) (Read, error) {
	if q.across != 0 {
		return db.totals(ctx, q, func(t *total, sc *scratch) (Read, error) {
			answers := sc.windows(q.count)
			read, err := t.add(ctx, answers, q, sc)
			if err == nil {
				f(t.subject, answers)
			}
			return read, err
		})
	}
	return db.visit(ctx, q, func(m *model, n uint32, sc *scratch) (Read, error) {
		read, err := m.answer(ctx, n, q, sc)
		if err == nil {
			f(m.subject(n), sc.answers[:q.count])
		}
		return read, err
	})
}

// visit calls f for every selected series.
func (db *DB) visit(ctx context.Context, q *scan, f visit) (Read, error) {
	if err := db.begin(); err != nil {
		return Read{}, err
	}
	defer db.end()
	sc := db.scratches.Get().(*scratch)
	defer db.scratches.Put(sc)
	var read Read
	if !q.model.all() {
		if m, ok := db.models.Load(q.model.text); ok && (q.model.plain() || m.predicts()) {
			return m.visit(ctx, q, sc, f)
		}
		if q.model.plain() {
			return read, nil
		}
	}
	var err error
	visit := func(name string, m *model) bool {
		if err = ctx.Err(); err != nil {
			err = fmt.Errorf("query many models: %w", err)
			return false
		}
		if !q.model.matches(name) {
			return true
		}
		var r Read
		r, err = m.visit(ctx, q, sc, f)
		read.add(r)
		return err == nil
	}
	if q.model.all() || len(q.model.prefixes) > 0 {
		db.models.Range(visit)
		return read, err
	}
	for _, name := range q.model.names {
		if m, ok := db.models.Load(name); ok && !visit(name, m) {
			break
		}
	}
	return read, err
}

// visit calls f for every selected series of the model.
func (m *model) visit(ctx context.Context, q *scan, sc *scratch, f visit) (read Read, err error) {
	m.hold()
	defer m.letGo(sc)
	if q.version.listed || q.environment.listed {
		own := *q
		own.selection = q.in(m)
		q = &own
	}
	sc.answered = noSeries
	sc.series = m.selected(sc.series[:0], &q.selection)
	for _, n := range sc.series {
		r, err := f(m, n, sc)
		if err != nil {
			return read, err
		}
		read.add(r)
	}
	if !q.latest {
		return read, nil
	}
	if q.environment.plain() {
		return m.visitLatest(ctx, q.environment.text, q, sc, f)
	}
	for environment := range m.latest.all() {
		if q.environment.matches(environment) {
			r, err := m.visitLatest(ctx, environment, q, sc, f)
			read.add(r)
			if err != nil {
				return read, err
			}
		}
	}
	return read, nil
}

// visitLatest calls f for the series that latest means in an environment, unless q names it beside.
func (m *model) visitLatest(ctx context.Context, environment string, q *scan, sc *scratch, f visit) (Read, error) {
	n, read, err := m.latestIn(ctx, environment, q, sc)
	if err != nil || n == noSeries || q.version.matches(m.series[n].version) {
		return read, err
	}
	r, err := f(m, n, sc)
	read.add(r)
	return read, err
}

// hold locks the model for reading, until letGo.
func (m *model) hold() { m.mu.RLock() }

func (m *model) letGo(sc *scratch) {
	sc.segment.Forget() // edits may come once the lock is gone
	m.mu.RUnlock()
}

// answer sets sc.answers to those of the windows of q for a series. They stay until those of another are asked for.
func (m *model) answer(ctx context.Context, n uint32, q *scan, sc *scratch) (Read, error) {
	answers := sc.windows(q.count)
	if sc.answered == n {
		return Read{}, nil
	}
	if err := ctx.Err(); err != nil {
		return Read{}, fmt.Errorf("query model %q: %w", m.name, err)
	}
	for i := range answers {
		answers[i].reset()
	}
	m.sisters(n, q.windows(), sc)
	read, err := m.add(answers, q, sc)
	if err != nil {
		return read, fmt.Errorf("model %q: %w", m.name, err)
	}
	sc.answered = n
	return read, nil
}

// sisters sets sc.of to the series that each window is about: series n, or the one that has its environment and the
// window's version; noSeries if there is none.
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

// add adds to each answer the rows that lie in its window of q, of the series sc.of. It goes segment by segment, so
// that a small one is opened once for all windows, and a block in which two of them meet is decoded once. Months and
// segments are each looked at in a loop that does little else: of many models nearly all of them are far away in
// memory, and those of a loop are fetched at once.
func (m *model) add(answers []answer, q *scan, sc *scratch) (Read, error) {
	var read Read
	ws := q.windows()
	sc.sealed = sc.sealed[:0]
	for _, mo := range m.months {
		overlaps := false
		for i := range ws {
			if !mo.overlaps(ws[i].span) {
				continue
			}
			overlaps = true
			if !mo.allSealed() {
				read.add(mo.window(&answers[i], sc.of[i], ws[i].span, q.want))
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
		if r, err = sd.add(answers, q, sc); err != nil {
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

// count adds to the answers what is known without opening the segment, and tells whether [sealed.add] has the rest.
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

// add adds to the answers the rows of one segment, of the series sc.of, that count has left.
func (s *sealed) add(answers []answer, q *scan, sc *scratch) (Read, error) {
	seg, err := s.open(&sc.segment)
	if err != nil {
		return Read{}, err
	}
	var read Read
	for i := range q.count {
		w := &q.asked[i]
		x := s.find(sc.of[i])
		if x == nil || !x.overlaps(w) || s.counts(x, w) {
			continue
		}
		r, err := seg.Window(&answers[i].Aggregate, &answers[i].sketches, int(x.index), w.from, w.to, q.want, &sc.segment)
		if err != nil {
			return read, segmentError(err)
		}
		read.add(Read{r.Rows, r.Bytes})
	}
	return read, nil
}
