package query

import (
	"context"
	"fmt"
	"sync"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// Scan is a query with its names and windows resolved.
type Scan struct {
	Selection
	// Across are the columns that the answers add up across.
	Across Across
	Want   segment.Want
	// Asked are the windows, of which there are count. They are in the scan, so that a query allocates nothing for them.
	Asked [windowsMax]Window
	Count int
}

// windowsMax is the most windows that a query answers together.
const windowsMax = 4

// Ask sets the windows. The first decides what latest means.
func (q *Scan) Ask(ws ...Window) { q.Count = copy(q.Asked[:], ws) }

func (q *Scan) windows() []Window { return q.Asked[:q.Count] }

// Window is a span of the rows of a series, or of its sister in the same environment that has another version.
type Window struct {
	base.Span
	// Version is empty for the series itself.
	Version string
	// Counted is set where the counts and times of the rows are all that is asked for.
	Counted bool
}

// Scratch is what a query needs beside its result, reused so that a query allocates nothing else.
type Scratch struct {
	series, candidates []uint32
	// Answers are those of the series answered in the model that is locked; noSeries if they are of none.
	Answers  []base.Answer
	Answered uint32
	Of       []uint32
	// Counted are the sisters whose rows are in an answer. It is empty but for totals.
	counted  map[uint32]bool
	segments []*catalog.Segment
	sketches segment.Sketches
	segment  segment.Scratch
}

// Windows returns n answers to fill.
func (sc *Scratch) Windows(n int) []base.Answer {
	for len(sc.Answers) < n {
		sc.Answers = append(sc.Answers, base.Answer{Scratch: &sc.sketches})
	}
	return sc.Answers[:n]
}

// Subject is what an answer is about: a series, or the total of several.
type Subject struct {
	// Series has All in the columns that are added up across.
	event.Series
	// First is the time of the first prediction.
	First int64
	// SingleVersion is that of all rows, empty if they are of several.
	SingleVersion string
}

// visitSeries receives a series of a model, which is locked during the call.
type visitSeries func(m *catalog.Model, series uint32, sc *Scratch) (base.Read, error)

// yield receives one answer per window of a subject. They are valid during the call, in which a model may be locked.
type yield func(of Subject, answers []base.Answer)

// Each adds up the windows of q for every subject and hands them to f, one subject after the other.
func (qs *Queries) Each(ctx context.Context, q *Scan, f yield) (base.Read, error) {
	if q.Across != 0 {
		return qs.totals(ctx, q, func(t *Total, sc *Scratch) (base.Read, error) {
			answers := sc.Windows(q.Count)
			read, err := t.Add(ctx, answers, q, sc)
			if err == nil {
				f(t.Subject, answers)
			}
			return read, err
		})
	}
	return qs.visit(ctx, q, func(m *catalog.Model, n uint32, sc *Scratch) (base.Read, error) {
		read, err := AnswerSeries(ctx, m, n, q, sc)
		if err == nil {
			f(SubjectOf(m, n), sc.Answers[:q.Count])
		}
		return read, err
	})
}

// visitSeries calls f for every selected series.
func (qs *Queries) visit(ctx context.Context, q *Scan, f visitSeries) (base.Read, error) {
	if err := qs.begin(); err != nil {
		return base.Read{}, err
	}
	defer qs.end()
	sc := qs.scratches.Get().(*Scratch)
	defer qs.scratches.Put(sc)
	var read base.Read
	if !q.Model.All() {
		if m, ok := qs.models.Load(q.Model.text); ok && (q.Model.plain() || m.Predicts()) {
			return visitModel(ctx, m, q, sc, f)
		}
		if q.Model.plain() {
			return read, nil
		}
	}
	var err error
	visit := func(name string, m *catalog.Model) bool {
		if err = ctx.Err(); err != nil {
			err = fmt.Errorf("query many models: %w", err)
			return false
		}
		if !q.Model.Matches(name) {
			return true
		}
		var r base.Read
		r, err = visitModel(ctx, m, q, sc, f)
		read.Add(r)
		return err == nil
	}
	if q.Model.All() || len(q.Model.prefixes) > 0 {
		qs.models.Range(visit)
		return read, err
	}
	for _, name := range q.Model.names {
		if m, ok := qs.models.Load(name); ok && !visit(name, m) {
			break
		}
	}
	return read, err
}

// visit calls f for every selected series of the model.
func visitModel(ctx context.Context, m *catalog.Model, q *Scan, sc *Scratch, f visitSeries) (read base.Read, err error) {
	m.Mu.RLock()
	defer Unlock(m, sc)
	if q.version.listed || q.environment.listed {
		own := *q
		own.Selection = q.in(m)
		q = &own
	}
	sc.Answered = catalog.NoSeries
	sc.series = selected(m, sc.series[:0], &q.Selection)
	for _, n := range sc.series {
		r, err := f(m, n, sc)
		if err != nil {
			return read, err
		}
		read.Add(r)
	}
	if !q.latest {
		return read, nil
	}
	if q.environment.plain() {
		return visitLatest(ctx, m, q.environment.text, q, sc, f)
	}
	for environment := range m.Latest.All() {
		if q.environment.Matches(environment) {
			r, err := visitLatest(ctx, m, environment, q, sc, f)
			read.Add(r)
			if err != nil {
				return read, err
			}
		}
	}
	return read, nil
}

// visitLatest calls f for the series that latest means in an environment, unless q names it beside.
func visitLatest(ctx context.Context, m *catalog.Model, environment string, q *Scan, sc *Scratch, f visitSeries) (base.Read, error) {
	n, read, err := latestIn(ctx, m, environment, q, sc)
	if err != nil || n == catalog.NoSeries || q.version.Matches(m.Series[n].Version) {
		return read, err
	}
	r, err := f(m, n, sc)
	read.Add(r)
	return read, err
}

func Unlock(m *catalog.Model, sc *Scratch) {
	sc.segment.Forget() // edits may come once the lock is gone
	m.Mu.RUnlock()
}

// AnswerSeries sets sc.answers to those of the windows of q for a series. They stay until those of another are asked for.
func AnswerSeries(ctx context.Context, m *catalog.Model, n uint32, q *Scan, sc *Scratch) (base.Read, error) {
	answers := sc.Windows(q.Count)
	if sc.Answered == n {
		return base.Read{}, nil
	}
	if err := ctx.Err(); err != nil {
		return base.Read{}, fmt.Errorf("query model %q: %w", m.Name, err)
	}
	for i := range answers {
		answers[i].Reset()
	}
	siblings(m, n, q.windows(), sc)
	read, err := addSeries(m, answers, q, sc)
	if err != nil {
		return read, fmt.Errorf("model %q: %w", m.Name, err)
	}
	sc.Answered = n
	return read, nil
}

// siblings sets sc.of to the series that each window is about: series n, or the one that has its environment and the
// window's version; noSeries if there is none.
func siblings(m *catalog.Model, n uint32, ws []Window, sc *Scratch) {
	sc.Of = sc.Of[:0]
	for i := range ws {
		of := n
		if version := ws[i].Version; version != "" {
			var ok bool
			if of, ok = m.Numbers.Get(catalog.SeriesName{Version: version, Environment: m.Series[n].Environment}); !ok {
				of = catalog.NoSeries
			}
		}
		sc.Of = append(sc.Of, of)
	}
}

// addSeries adds to each answer the rows that lie in its window of q, of the series sc.of. It goes segment by segment, so
// that a small one is opened once for all windows, and a block in which two of them meet is decoded once. Months and
// segments are each looked at in a loop that does little else: of many models nearly all of them are far away in
// memory, and those of a loop are fetched at once.
func addSeries(m *catalog.Model, answers []base.Answer, q *Scan, sc *Scratch) (base.Read, error) {
	var read base.Read
	ws := q.windows()
	sc.segments = sc.segments[:0]
	for _, mo := range m.Months {
		overlaps := false
		for i := range ws {
			if !mo.Overlaps(ws[i].Span) {
				continue
			}
			overlaps = true
			if !mo.AllSealed() {
				read.Add(mo.Window(&answers[i], sc.Of[i], ws[i].Span, q.Want))
			}
		}
		if overlaps {
			sc.segments = append(sc.segments, mo.Segments...)
		}
	}
	near := sc.segments[:0]
	for _, sd := range sc.segments {
		if countSealed(sd, answers, ws, sc) {
			near = append(near, sd)
		}
	}
	var err error
	for _, sd := range near {
		var r base.Read
		if r, err = AddSealed(sd, answers, q, sc); err != nil {
			break
		}
		read.Add(r)
	}
	clear(sc.segments) // no scratch keeps what a merge or the retention drops
	return read, err
}

// onlyCounts tells whether all that a window asks of a series is its counts as stored.
func onlyCounts(s *catalog.Segment, x *catalog.SegmentSeries, w *Window) bool {
	return w.Counted && x.Stored.MinTime >= w.From && x.Stored.MaxTime < w.To && !s.Edited()
}

// overlaps tells whether a time of the series may be in the window.
func overlaps(x *catalog.SegmentSeries, w *Window) bool {
	return x.Stored.MinTime < w.To && x.Stored.MaxTime >= w.From
}

// countSealed adds to the answers what is known without opening the segment, and tells whether [AddSealed] has the rest.
func countSealed(s *catalog.Segment, answers []base.Answer, ws []Window, sc *Scratch) (more bool) {
	for i := range ws {
		switch x := s.Find(sc.Of[i]); {
		case x == nil || !overlaps(x, &ws[i]):
		case onlyCounts(s, x, &ws[i]):
			answers[i].AddCounts(&x.Stored)
		default:
			more = true
		}
	}
	return more
}

// AddSealed adds to the answers the rows of one segment, of the series sc.of, that count has left.
func AddSealed(s *catalog.Segment, answers []base.Answer, q *Scan, sc *Scratch) (base.Read, error) {
	seg, err := s.Open(&sc.segment)
	if err != nil {
		return base.Read{}, err
	}
	var read base.Read
	for i := range q.Count {
		w := &q.Asked[i]
		x := s.Find(sc.Of[i])
		if x == nil || !overlaps(x, w) || onlyCounts(s, x, w) {
			continue
		}
		r, err := seg.Window(&answers[i].Aggregate, &answers[i].Sketches, int(x.Index), w.From, w.To, q.Want, &sc.segment)
		if err != nil {
			return read, base.SegmentError(err)
		}
		read.Add(base.Read{Rows: r.Rows, Bytes: r.Bytes})
	}
	return read, nil
}

// Working lends f a scratch while the store is open.
func (qs *Queries) Working(f func(sc *Scratch) (base.Read, error)) (base.Read, error) {
	if err := qs.begin(); err != nil {
		return base.Read{}, err
	}
	defer qs.end()
	sc := qs.scratches.Get().(*Scratch)
	defer qs.scratches.Put(sc)
	return f(sc)
}

// SubjectOf is the subject of one series.
func SubjectOf(m *catalog.Model, n uint32) Subject {
	s := &m.Series[n]
	return Subject{s.Of(m), s.First, s.Version}
}

// Queries answers over the models of a store. It is safe for concurrent use.
type Queries struct {
	models *xsync.MapOf[string, *catalog.Model]
	// begin keeps the store open until end.
	begin func() error
	end   func()

	scratches sync.Pool // of *scratch
}

// Init readies it for the models of a store. begin keeps the store open until end.
func (qs *Queries) Init(models *xsync.MapOf[string, *catalog.Model], begin func() error, end func()) {
	qs.models, qs.begin, qs.end = models, begin, end
	qs.scratches.New = func() any { return new(Scratch) }
}
