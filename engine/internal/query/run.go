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

// Queries answers over the models of a store. It is safe for concurrent use.
type Queries struct {
	models *xsync.MapOf[string, *catalog.Model]
	// begin keeps the store open until end.
	begin func() error
	end   func()

	// elsewhere is nil where models have rows.
	elsewhere *Elsewhere

	runs sync.Pool // of *Run
}

// Init readies it for the models of a store. begin keeps the store open until end.
func (qs *Queries) Init(models *xsync.MapOf[string, *catalog.Model], begin func() error, end func()) {
	qs.models, qs.begin, qs.end = models, begin, end
	qs.runs.New = func() any { return new(Run) }
}

// Run is a plan that is being answered: by iterating over [Run.Answers], or over [Run.Series] and asking for the answers of
// those wanted. An iteration ends early at the first error, which End returns. A Run is for one goroutine, from Start to End;
// its memory is used again, so that a query allocates nothing but its result.
type Run struct {
	Plan
	queries *Queries
	ctx     context.Context
	read    segment.Read
	err     error

	// answers are those of the series answered in the model that is locked, where that is not NoSeries.
	answers  []base.Answer
	answered uint32
	// of are the series that the windows are about, see siblings.
	of []uint32

	// alone is set while what is asked next is asked about one subject and not about others, which matters where rows are elsewhere.
	alone bool
	// wide is set while a total of too many series is asked about to have each of them asked about by itself.
	wide bool

	// What follows is scratch.
	series, candidates []uint32
	counted            map[sighted]bool // siblings whose rows are in the answers of a total
	segments           []*catalog.Segment
	sketches           segment.Sketches
	segment            segment.Scratch
}

// Start begins to answer a plan and keeps the store open until End.
func (qs *Queries) Start(ctx context.Context, p *Plan) (*Run, error) {
	if err := qs.begin(); err != nil {
		return nil, err
	}
	r := qs.runs.Get().(*Run)
	r.Plan, r.queries, r.ctx, r.read, r.err, r.alone, r.wide = *p, qs, ctx, segment.Read{}, nil, false, false
	for len(r.answers) < windowsMax {
		r.answers = append(r.answers, base.Answer{Scratch: &r.sketches})
	}
	return r, nil
}

// End returns what was read, and the error that ended an iteration. The Run must not be used any more.
func (r *Run) End() (segment.Read, error) {
	read, err, qs := r.read, r.err, r.queries
	r.Plan, r.queries, r.ctx, r.err = Plan{}, nil, nil, nil
	qs.runs.Put(r)
	qs.end()
	return read, err
}

// Subject is what answers are about: a series, or the total of several.
type Subject struct {
	// Series has All in the columns that are added up across.
	event.Series
	// First is the time of the first prediction.
	First int64
	// SingleVersion is that of all rows, empty if they are of several.
	SingleVersion string
	// Previous is the version before a series, for a plan that has a window about it.
	Previous string
}

// Newer tells whether s, which is a series, comes after another one of its environment in the order of versions.
func (s *Subject) Newer(o *Subject) bool {
	return catalog.NewerVersion(s.Version, s.First, o.Version, o.First)
}

func subjectOf(m *catalog.Model, n uint32) Subject {
	s := &m.Series[n]
	return Subject{Series: s.Of(m), First: s.First, SingleVersion: s.Version}
}

// Answers yields each subject with one answer per window. They are valid until the next. A model may be locked for reading
// meanwhile: the loop must not take the lock of a model, not even for reading, which deadlocks once a writer waits.
func (r *Run) Answers(yield func(of Subject, answers []base.Answer) bool) {
	if r.Across != 0 {
		for _, t := range r.totals() {
			if r.asksPrevious() {
				t.Previous = t.PreviousVersion()
			}
			if r.addTotal(t, nil); r.err != nil || !yield(t.Subject, r.answers[:r.count]) {
				return
			}
		}
		return
	}
	for m, n := range r.Series {
		of, answers := subjectOf(m, n), r.Answer(m, n)
		if r.asksPrevious() {
			of.Previous = versionOf(m, m.Previous(n))
		}
		if r.err != nil || !yield(of, answers) {
			return
		}
	}
}

// Series yields the selected series with their models. A model is locked for reading while its series are yielded; the loop
// must not take the lock of a model.
func (r *Run) Series(yield func(m *catalog.Model, n uint32) bool) {
	for m := range r.selectedModels {
		if !r.seriesOf(m, yield) {
			return
		}
	}
}

// selectedModels yields the models that the selection names.
func (r *Run) selectedModels(yield func(*catalog.Model) bool) {
	if err := r.queries.EachModel(r.ctx, &r.Selection, yield); err != nil {
		r.err = err
	}
}

// EachModel yields the models that a selection names, of those that it is bounded to, until yield returns false: each of the
// ways to a model asks both patterns. The error is that of the context.
func (qs *Queries) EachModel(ctx context.Context, sel *Selection, yield func(*catalog.Model) bool) (err error) {
	if m := qs.literal(sel); m != nil {
		yield(m)
		return nil
	}
	name := &sel.Model
	if name.plain() {
		return nil
	}
	next := func(id string, m *catalog.Model) bool {
		if err = ctx.Err(); err != nil {
			err = fmt.Errorf("query many models: %w", err)
			return false
		}
		return !sel.HasModel(id) || yield(m)
	}
	if name.all() || len(name.prefixes) > 0 {
		qs.models.Range(next)
		return err
	}
	for _, id := range name.names {
		if m, ok := qs.models.Load(id); ok && !next(id, m) {
			return err
		}
	}
	return nil
}

// Revision is a number that differs whenever the models that a selection names, of those that it is bounded to, or what they hold, may.
func (qs *Queries) Revision(ctx context.Context, sel *Selection) (revision uint64, err error) {
	err = qs.EachModel(ctx, sel, func(m *catalog.Model) bool {
		// A sum, because models come in no order; of numbers that are spread, so that no two sets come to the same one.
		x := m.Revision() * 0x9E3779B97F4A7C15
		x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
		x = (x ^ x>>27) * 0x94D049BB133111EB
		revision += x ^ x>>31
		return true
	})
	return revision, err
}

// literal returns the model whose name is the whole text of a selection, nil if there is none: it goes before what the text stands
// for.
func (qs *Queries) literal(sel *Selection) *catalog.Model {
	name := &sel.Model
	if name.all() {
		return nil
	}
	m, ok := qs.models.Load(name.text)
	if !ok || !sel.within.Matches(name.text) || !name.plain() && !m.Predicts() {
		return nil
	}
	return m
}

// Fixed returns the selection with its name of models read as it is to be read of the models that there are.
func (qs *Queries) Fixed(sel Selection) Selection {
	if m := qs.literal(&sel); m != nil {
		sel.Model = Pattern{text: m.Name, exact: true}
	}
	return sel
}

// Begin keeps the store open until End.
func (qs *Queries) Begin() error { return qs.begin() }

// End lets go of what Begin keeps.
func (qs *Queries) End() { qs.end() }

// seriesOf yields the selected series of a model, which it locks: those that are named, then those that latest means. It
// tells whether the iteration goes on.
func (r *Run) seriesOf(m *catalog.Model, yield func(m *catalog.Model, n uint32) bool) bool {
	m.Mu.RLock()
	defer r.unlock(m)
	sel := r.In(m)
	r.answered = catalog.NoSeries
	r.series = sel.AppendSeries(r.series[:0], m)
	for _, n := range r.series {
		if !yield(m, n) || r.err != nil {
			return false
		}
	}
	return sel.EachLatest(m, func(environment string) bool { return r.yieldLatest(m, sel, environment, yield) })
}

// yieldLatest yields the series that latest means in an environment, unless the selection names it beside.
func (r *Run) yieldLatest(m *catalog.Model, sel *Selection, environment string, yield func(m *catalog.Model, n uint32) bool) bool {
	n := r.latest(m, environment)
	if r.err != nil {
		return false
	}
	if n == catalog.NoSeries || sel.version.Matches(m.Series[n].Version) {
		return true
	}
	return yield(m, n) && r.err == nil
}

// unlock gives the lock of a model back.
func (r *Run) unlock(m *catalog.Model) {
	r.segment.Forget() // its rows may change once the lock is gone
	m.Mu.RUnlock()
}

// Answer returns one answer per window for a series of a model that is locked. They are valid until those of another are
// asked for.
func (r *Run) Answer(m *catalog.Model, n uint32) []base.Answer {
	answers := r.answers[:r.count]
	if r.answered == n || r.err != nil {
		return answers
	}
	if err := r.ctx.Err(); err != nil {
		r.err = fmt.Errorf("query model %q: %w", m.Name, err)
		return answers
	}
	for i := range answers {
		answers[i].Reset()
	}
	r.siblings(m, n)
	if err := r.add(m); err != nil {
		r.err = fmt.Errorf("model %q: %w", m.Name, err)
		return answers
	}
	r.answered = n
	return answers
}

// siblings sets r.of to the series that each window is about: series n, or the one that has its environment and the window's
// version; NoSeries if there is none.
func (r *Run) siblings(m *catalog.Model, n uint32) {
	r.of = r.of[:0]
	for i := range r.count {
		of := n
		switch w := &r.windows[i]; {
		case w.Previous:
			of = m.Previous(n)
		case w.Version != "":
			var ok bool
			if of, ok = m.Numbers.Get(catalog.SeriesName{Version: w.Version, Environment: m.Series[n].Environment}); !ok {
				of = catalog.NoSeries
			}
		}
		r.of = append(r.of, of)
	}
}

// add adds to each answer the rows that lie in its window, of the series r.of. It goes segment by segment, so that a small
// one is opened once for all windows, and a block in which two of them meet is decoded once. Months and segments are each
// looked at in a loop that does little else: of many models nearly all of them are far away in memory, and those of a loop
// are fetched at once.
func (r *Run) add(m *catalog.Model) error {
	if e := r.queries.elsewhere; e != nil {
		return e.add(r, m)
	}
	r.segments = r.segments[:0]
	defer func() { clear(r.segments) }() // no run keeps what a merge or the retention drops
	for _, mo := range m.Months {
		overlaps := false
		for i := range r.count {
			for span := range r.windows[i].spans {
				if !mo.Overlaps(span) {
					continue
				}
				overlaps = true
				if !mo.AllSealed() {
					r.read.Add(mo.Window(&r.answers[i], r.of[i], span, r.Want))
				}
			}
		}
		if overlaps {
			r.segments = append(r.segments, mo.Segments...)
		}
	}
	near := r.segments[:0]
	for _, sg := range r.segments {
		if r.addCounts(sg) {
			near = append(near, sg)
		}
	}
	for _, sg := range near {
		if err := r.addSegment(sg); err != nil {
			return err
		}
	}
	return nil
}

// onlyCounts tells whether all that a window asks of a series is its counts as stored.
func onlyCounts(sg *catalog.Segment, x *catalog.SegmentSeries, w *Window) bool {
	return w.Counted && len(w.More) == 0 && x.Stored.MinTime >= w.From && x.Stored.MaxTime < w.To && !sg.Edited()
}

// overlaps tells whether a time of the series may be in the window.
func overlaps(x *catalog.SegmentSeries, w *Window) bool {
	for span := range w.spans {
		if x.Stored.MinTime < span.To && x.Stored.MaxTime >= span.From {
			return true
		}
	}
	return false
}

// addCounts adds what is known without opening the segment, and tells whether there is more for addSegment.
func (r *Run) addCounts(sg *catalog.Segment) (more bool) {
	for i := range r.count {
		w := &r.windows[i]
		switch x := sg.Find(r.of[i]); {
		case x == nil || !overlaps(x, w):
		case onlyCounts(sg, x, w):
			r.answers[i].AddCounts(&x.Stored)
		default:
			more = true
		}
	}
	return more
}

// addSegment adds the rows of one segment that addCounts has left.
func (r *Run) addSegment(sg *catalog.Segment) error {
	seg, err := sg.Open(&r.segment)
	if err != nil {
		return err
	}
	for i := range r.count {
		w := &r.windows[i]
		x := sg.Find(r.of[i])
		if x == nil || !overlaps(x, w) || onlyCounts(sg, x, w) {
			continue
		}
		a := &r.answers[i]
		for span := range w.spans {
			read, err := seg.AddWindow(&a.Aggregate, &a.Sketches, segment.Window{Series: int(x.Index), From: span.From, To: span.To, Want: r.Want}, &r.segment)
			if err != nil {
				return base.SegmentError(err)
			}
			r.read.Add(read)
		}
	}
	return nil
}
