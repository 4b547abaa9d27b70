package engine

import (
	"context"
	"math"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/verdict"
	"github.com/residualdb/residual/engine/internal/windows"
	"github.com/residualdb/residual/segment"
)

// survey looks at the versions of models as they are at one moment, and decides on their states: for a list, for gauges, and hour by
// hour for a strip. It is for one goroutine.
type survey struct {
	ctx  context.Context
	db   *DB
	plan *driftPlan
	// query asks for the counts and errors of versions. The run that answers it asks for the distributions in between.
	query query.Plan
	// all is set where all versions of each model are looked at, so that each is seen beside its siblings.
	all bool
	// lately is set while the rows before the history matter to no row that is handed on, see since.
	lately bool
	read   Read
	run    *query.Run

	// found are the versions that were found of some models. They are scratch.
	found []seen
}

// lagDays is how far back from the newest actual its lags count.
const lagDays = 14 * 24 * time.Hour

// The windows that a version is asked about are those of a comparison, and after them these. What came before the recent window is
// asked only where the first do not tell.
const (
	askedRecent = iota
	askedReference
	askedBetween
	askedEver
	askedWeekAgo
	askedBefore
)

// slack is how early or late what is due may come, as jobs do that run by the hour.
const slack = 30 * time.Minute

func newSurvey(ctx context.Context, db *DB, p *driftPlan, plan query.Plan) *survey {
	s := &survey{ctx: ctx, db: db, plan: p, query: plan}
	// Which version is the latest is found by the recent window.
	s.query.Ask(query.Window{Span: p.Recent})
	return s
}

// seen is what is kept of a version until all of its model are seen.
type seen struct {
	of *query.Total
	// place is that among the versions of its model.
	place int
	row   ModelRow
	facts verdict.Facts
	// short is set while it matters to the state what came before the rows that were looked at.
	short bool
	// sinceActual is how many predictions there are at most after the newest that has an actual.
	sinceActual uint64
	// windows are those that its recent window leads to.
	windows windows.Layout
}

// begin starts to answer, until end: a few subjects at a time, so that nobody waits for a survey to close the store.
func (s *survey) begin() error {
	run, err := s.db.queries.Start(s.ctx, &s.query)
	s.run = run
	return err
}

func (s *survey) end() error {
	read, err := s.run.End()
	s.run = nil
	s.read.Add(read)
	return err
}

// look makes the row of a version, but for its state. ok is false for one without rows.
func (s *survey) look(of *query.Total) (v seen, ok bool) {
	v = seen{of: of, windows: s.plan.Layout}
	if s.plan.minActuals > 0 {
		if v.windows, ok = s.plan.reaching(s.run, of); !ok {
			return v, false
		}
	}
	l := &v.windows
	if s.plan.Previous {
		of.Previous = of.PreviousVersion()
	}
	s.plan.turn = *l
	asked := s.plan.asked(l)
	recent := base.Span{From: l.Recent.From, To: min(l.Recent.To, l.At+1)}
	week := l.Before(recent, 1)[0]
	ever := query.Window{Span: base.Span{From: base.MinMilli, To: l.Recent.To}, Counted: true}
	if s.lately {
		ever = query.Window{}
	}
	asked = append(asked, ever, query.Window{Span: week, Counted: true})
	if !l.Rolling() {
		asked = append(asked, query.Window{Span: base.Span{From: l.History().From, To: l.Recent.From}, Counted: true})
	}
	s.plan.ask(s.run, of, l.Recent, asked)
	answers := s.run.Add(of)
	all := answers[askedEver].Counts
	if s.lately {
		all, v.short = since(of, l, answers)
	}
	if s.run.Failed() || all.Rows == 0 {
		return v, false
	}
	before := answers[askedReference].Rows + answers[askedBetween].Rows
	if !l.Rolling() {
		before = answers[askedBefore].Rows
	}
	row := &v.row
	row.DriftReportRow = s.plan.row(&of.Subject, answers)
	row.FirstEvent, row.LastEvent = momentOf(all.MinTime), momentOf(all.MaxTime)
	row.PredictionCount, row.ActualCount = all.Rows, all.Actuals
	row.ActualCoverage = coverageOf(all.Rows, all.Actuals)
	if all.Actuals > 0 {
		row.LastActual = momentOf(all.ActualMaxTime)
	}
	switch {
	case all.ActualMaxTime < l.History().From:
		v.sinceActual = all.Rows
	case l.Rolling() && all.ActualMaxTime >= l.Between().From:
		v.sinceActual = row.Recent.PredictionCount + answers[askedBetween].Rows
	default:
		v.sinceActual = row.Recent.PredictionCount + before
	}
	row.WeekAgoCount = valueOr(float64(answers[askedWeekAgo].Rows), all.MinTime <= week.From, NoPredictions)
	v.facts = verdict.Facts{
		At: l.At, Gated: gated(row.Status), RecentFrom: l.Recent.From,
		Recent: row.Recent.PredictionCount, RecentActuals: row.Recent.ActualCount, Before: before, Actuals: all.Actuals,
		Last: all.MaxTime, LastOfOthers: base.MinMilli,
	}
	return v, true
}

// since returns what the rows since the history began tell of all rows of a version, as far as its state and its place in a list depend on them: how many
// there are is not known, and the last of one that has none since then counts as earlier than any. short tells whether it matters what came before.
func since(of *query.Total, l *windows.Layout, answers []base.Answer) (all segment.Counts, short bool) {
	parts := []int{askedRecent, askedReference, askedBetween}
	if !l.Rolling() {
		parts = []int{askedRecent, askedBefore}
	}
	for _, i := range parts {
		all.AddCounts(&answers[i].Counts)
	}
	if all.Rows == 0 {
		if of.First >= min(l.History().From, l.Recent.From) {
			return all, false
		}
		all.MaxTime = base.MinMilli
	}
	all.Rows, all.MinTime = manyRows, of.First
	return all, all.Actuals == 0 && answers[askedRecent].Rows > 0
}

// recentHasAll tells whether the recent window of a subject has all of its rows in that time: of a total of versions, the one that it is compared
// with is left out there.
func (s *survey) recentHasAll() bool {
	return s.plan.Version == "" || Columns(s.query.Across)&VersionColumn == 0
}

// manyRows stands for a number of rows that is not known.
const manyRows = 1 << 32

// gated is what the gates say, as it leads to a state.
func gated(s DriftStatus) verdict.Gated {
	switch s {
	case DriftFound:
		return verdict.Drifted
	case DriftWarning:
		return verdict.Warned
	case DriftOK:
		return verdict.Passed
	case DriftInsufficientData:
		return verdict.InsufficientData
	case DriftNoReference:
		return verdict.NoReference
	default:
		panic("BUG: no such status of drift")
	}
}

// judge decides on the states of the versions of one model that were seen, if they are all that the survey looks at of it.
func (s *survey) judge(of []seen) error {
	if err := s.compareLast(of); err != nil {
		return err
	}
	for i := range of {
		v := &of[i]
		if v.facts.AsksDue() {
			v.facts.Due = s.due(v, v.facts.DueLeast())
		}
		v.row.State = verdict.Of(&v.facts)
	}
	s.run.Want = segment.WantAll
	defer func() { s.run.Want = s.query.Want }()
	for i := range of {
		v := &of[i]
		if v.facts.AsksActuals() && v.sinceActual >= verdict.Enough {
			v.facts.ActualsDue = s.actualsDue(v)
			v.row.State = verdict.Of(&v.facts)
		}
	}
	return nil
}

// lookBack looks at all rows of the versions of which it matters what came before.
func (s *survey) lookBack(of []seen) {
	if !s.lately {
		return
	}
	s.lately = false
	defer func() { s.lately = true }()
	for i := range of {
		if v := &of[i]; v.short {
			if whole, ok := s.look(v.of); ok {
				whole.place = v.place
				*v = whole
			}
		}
	}
}

// compareLast tells each version when the newest prediction of the others of its environment came.
func (s *survey) compareLast(of []seen) error {
	type last struct {
		version string
		time    int64
	}
	first, second := map[string]last{}, map[string]last{}
	take := func(environment string, x last) {
		f := first[environment]
		switch {
		case f.version == x.version:
			first[environment] = last{x.version, max(f.time, x.time)}
		case f.version == "" || x.time > f.time:
			first[environment], second[environment] = x, f
		case second[environment].version == "" || x.time > second[environment].time:
			second[environment] = x
		}
	}
	if s.all || Columns(s.query.Across)&VersionColumn != 0 {
		for i := range of {
			take(of[i].row.Environment, last{of[i].row.Version, of[i].facts.Last})
		}
	} else if len(of) > 0 {
		err := s.lastTimes(of[0].row.Model, func(environment, version string, time int64) {
			take(environment, last{version, time})
		})
		if err != nil {
			return err
		}
	}
	for i := range of {
		row := &of[i].row
		other := first[row.Environment]
		if other.version == row.Version {
			other = second[row.Environment]
		}
		if other.version != "" {
			of[i].facts.LastOfOthers = other.time
		}
	}
	return nil
}

// lastTimes yields the newest prediction of each series that counts for the rows of a model, also of versions that are not looked at.
func (s *survey) lastTimes(model string, yield func(environment, version string, last int64)) error {
	plan := query.Plan{Selection: s.query.EveryVersion(), Want: segment.WantErrors}
	across := Columns(s.query.Across)
	if across&ModelColumn == 0 {
		plan.Selection = plan.OfModel(model)
	}
	if across&EnvironmentColumn == 0 {
		plan.Selection = plan.EveryEnvironment()
	}
	window := base.Span{From: base.MinMilli, To: s.plan.Recent.To}
	plan.Ask(query.Window{Span: window})
	run, err := s.db.queries.Start(s.ctx, &plan)
	if err != nil {
		return err
	}
	for m, n := range run.Series {
		last := run.LastTime(m, n, window)
		if last == base.MinMilli {
			continue
		}
		environment := m.Series[n].Environment
		if across&EnvironmentColumn != 0 {
			environment = All
		}
		yield(environment, m.Series[n].Version, last)
	}
	_, err = run.End()
	return err
}

// due returns how many predictions were to be expected since the last one: the mean of those of the same hours of the two weeks
// before. A version that is younger has the rate of its history, or what came in the same hours of the week before if that is less; one
// younger than a week the day before in the place of the week. Where these are fewer than least, whatever the hours, it may be any number below that.
func (s *survey) due(v *seen, least float64) float64 {
	l, f := &v.windows, &v.facts
	gap := base.Span{From: f.Last + slack.Milliseconds(), To: f.At - slack.Milliseconds()}
	if gap.Empty() {
		return 0
	}
	first := v.row.FirstEvent.UnixMilli()
	weeks := l.Before(gap, 2)
	if first <= weeks[1].From && float64(v.row.PredictionCount)/2 < least {
		return 0
	}
	day := base.Span{From: base.SubMilli(gap.From, windows.UsualDay), To: base.SubMilli(gap.To, windows.UsualDay)}
	s.run.AskAlone(query.Window{Span: weeks[0], Counted: true, Rows: true}, query.Window{Span: weeks[1], Counted: true, Rows: true}, query.Window{Span: day, Counted: true, Rows: true})
	answers := s.run.Add(v.of)
	if s.run.Failed() {
		return 0
	}
	if first <= weeks[1].From {
		return (float64(answers[0].Rows) + float64(answers[1].Rows)) / 2
	}
	from := max(l.History().From, first)
	due := verdict.Rate(f.Before, l.Recent.From-from, f.At-f.Last)
	switch {
	case first <= weeks[0].From:
		due = min(due, float64(answers[0].Rows))
	case first <= day.From:
		due = min(due, float64(answers[2].Rows))
	}
	return due
}

// actualsDue returns how many actuals were to be expected of the predictions after the last one that has one: of those that are old
// enough, the share that had one before. The run asks for everything.
func (s *survey) actualsDue(v *seen) float64 {
	last := v.row.LastActual.UnixMilli()
	s.run.AskAlone(lagWindow(last))
	answer := &s.run.Add(v.of)[0]
	if s.run.Failed() || answer.Rows == 0 {
		return 0
	}
	share := float64(answer.Actuals) / float64(answer.Rows)
	lags := lagsOf(answer)
	old := base.SubMilli(v.facts.At, time.Duration(lags[1].Number/verdict.LagShare*float64(time.Second)))
	s.run.AskAlone(query.Window{Span: base.Span{From: last + 1, To: min(old, v.windows.Recent.To)}, Counted: true, Rows: true})
	return share * float64(s.run.Add(v.of)[0].Rows)
}

// lagWindow is the time whose lags count, up to the newest prediction that has an actual.
func lagWindow(last int64) query.Window {
	return query.Window{Span: base.Span{From: base.SubMilli(last, lagDays), To: last + 1}}
}

// lagsOf returns the quantiles of the lags, null where all actuals came with their predictions.
func lagsOf(a *base.Answer) (lags [2]Value) {
	var m Measures
	m.quantiles(a)
	return [2]Value{m.ActualLagP50, m.ActualLagP95}
}

// detail fills in what the sentence about a row says: when its error rose, how late actuals come, what the version before does. all
// fills in everything.
func (s *survey) detail(v *seen, all bool) {
	d, state := &v.row.Details, v.row.State
	null := Value{Null: NotAsked}
	*d = ModelDetails{
		ActualLagP50: null, ActualLagP95: null, PredictionsDue: null, ActualsDue: null, PreviousRecentMAE: null,
		RecentAbsError: [4]Value{null, null, null, null}, ReferenceAbsError: [4]Value{null, null, null, null},
	}
	s.run.Want = segment.WantAll
	defer func() { s.run.Want = s.query.Want }()
	if all {
		s.distributions(v)
	}
	if all || state == verdict.ActualsStopped || state == verdict.Waiting {
		s.lags(v)
	}
	if all || state == verdict.New {
		s.previous(v)
	}
	if state == verdict.Silent {
		d.PredictionsDue = Value{Number: s.due(v, 0)}
	}
	if state == verdict.ActualsStopped {
		d.ActualsDue = Value{Number: s.actualsDue(v)}
	}
	if state == verdict.Drift || state == verdict.Warning {
		s.changed(v)
	}
}

// distributions fills in the quantiles of the errors.
func (s *survey) distributions(v *seen) {
	d := &v.row.Details
	s.run.AskAlone(s.plan.asked(&v.windows)...)
	answers := s.run.Add(v.of)
	d.RecentAbsError, d.ReferenceAbsError = quantilesOf(&answers[0]), quantilesOf(&answers[1])
	if s.plan.isShort(answers[1].Actuals) && answers[2].Actuals > 0 {
		s.run.AskAlone(query.Window{Span: base.Span{From: v.windows.History().From, To: v.windows.Recent.From}})
		d.ReferenceAbsError = quantilesOf(&s.run.Add(v.of)[0])
	}
}

// lags fills in how late actuals come.
func (s *survey) lags(v *seen) {
	d := &v.row.Details
	if v.row.LastActual.IsZero() {
		d.ActualLagP50, d.ActualLagP95 = Value{Null: NoActuals}, Value{Null: NoActuals}
		return
	}
	s.run.AskAlone(lagWindow(v.row.LastActual.UnixMilli()))
	lags := lagsOf(&s.run.Add(v.of)[0])
	d.ActualLagP50, d.ActualLagP95 = lags[0], lags[1]
}

// previous fills in the version before, and its error now.
func (s *survey) previous(v *seen) {
	d := &v.row.Details
	d.PreviousRecentMAE = Value{Null: NoActuals}
	if d.PreviousVersion = v.of.PreviousVersion(); d.PreviousVersion == "" {
		return
	}
	s.run.AskAlone(query.Window{Span: v.windows.Recent, Previous: true})
	if a := &s.run.Add(v.of)[0]; a.Actuals > 0 {
		d.PreviousRecentMAE = valueOf(a.MAE())
	}
}

func quantilesOf(a *base.Answer) [4]Value {
	var m Measures
	m.quantiles(a)
	return [4]Value{m.AbsErrorP50, m.AbsErrorP90, m.AbsErrorP95, m.AbsErrorP99}
}

// changed finds with which hour the error rose, and the version that came before.
func (s *survey) changed(v *seen) {
	const hour = int64(time.Hour / time.Millisecond)
	l := &v.windows
	end := min(l.Recent.To, l.At+1)
	from := base.SubMilli(l.Recent.From, recentLongest)
	// Hours of the clock, so that the same rise is said to have begun at the same time an hour later.
	var hours []base.Span
	for at := from; at < end; {
		next := min((at/hour+1)*hour, end)
		hours = append(hours, base.Span{From: at, To: next})
		at = next
	}
	if len(hours) == 0 || len(hours) > BucketsMax {
		return
	}
	buckets := make([]verdict.Bucket, 0, len(hours))
	s.run.Want = segment.WantErrors
	s.run.AskAlone(query.Window{Span: base.Span{From: from, To: end}})
	s.run.Buckets(v.of, hours, func(_ base.Span, a *base.Answer) {
		sum := a.MAE() * float64(a.Actuals)
		if math.IsInf(sum, 0) {
			sum = 0
		}
		buckets = append(buckets, verdict.Bucket{Actuals: a.Actuals, SumError: sum})
	})
	if s.run.Failed() {
		return
	}
	at := hours[verdict.Onset(buckets)].From
	d := &v.row.Details
	d.ChangedAt = momentOf(at)
	version, first := v.of.NewestBegun(at-48*hour, at)
	if version != "" {
		d.ChangeVersion, d.ChangeVersionFirst = version, momentOf(first)
	}
}
