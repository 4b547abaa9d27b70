package engine

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/segment"
)

const (
	defaultGaugesFor = 7 * 24 * time.Hour
	defaultGaugesMax = 500
)

// GaugesQuery asks how every model stands in each of its environments, for a monitor that asks again and again: who
// was seen lately stays in the answer, whatever is known of it. The zero value of each field is its default.
type GaugesQuery struct {
	// Environments is a name, a list or All, as in a [MetricsQuery]. Default: production.
	Environments string
	// Within bounds the answer to models, as in a [MetricsQuery].
	Within string
	// For is how long after its last prediction a model stays in the answer. Default: 7 d.
	For time.Duration
	// Max bounds the rows: the first by model and environment are answered. Default: 500.
	Max int
	// AsOf stands in for now and cuts off rows after it.
	AsOf time.Time
}

// GaugesRow is one model in one environment. Its counts are over all versions; its errors and its verdict are each of
// one version.
type GaugesRow struct {
	Model, Environment string
	// LastPrediction is the newest timestamp of a prediction.
	LastPrediction time.Time
	// PredictionCount, ActualCount and ActualCoverage count the predictions of the last 24 h.
	PredictionCount, ActualCount uint64
	ActualCoverage               Value
	// VersionsWithoutActuals counts the versions with predictions in the last 24 h and no actual in the last 7 d.
	VersionsWithoutActuals int
	// RMSE and MAE are those of the last 24 h of the version that "latest" means there; null without an actual.
	RMSE, MAE Value
	// Drift compares the windows of a DriftReportQuery, by the default gates, for the newest of the versions that can
	// be judged; where none can, for the newest of those with an actual in the recent window; else with a prediction in
	// either.
	Drift DriftReportRow
	// State is that of its versions which needs somebody most.
	State ModelState
}

// GaugesResult holds rows ordered by model and environment.
type GaugesResult struct {
	Rows []GaugesRow
	// LeftOut counts the models, once for each environment, that were seen in the time asked for and have no row: those
	// beyond the bound, and those of other environments. Of models that Within leaves out it counts none.
	LeftOut int
	Read    Read
}

// Gauges answers q. It looks up when each model was last seen, and decodes rows of those that it answers for, at most
// four blocks per segment.
func (db *DB) Gauges(ctx context.Context, q GaugesQuery) (GaugesResult, error) {
	p, err := q.plan(db.opts.Now())
	if err != nil {
		return GaugesResult{}, err
	}
	seen, all, err := db.seen(ctx, &p)
	if err != nil {
		return GaugesResult{}, err
	}
	var result GaugesResult
	result.Rows = make([]GaugesRow, 0, len(seen))
	for i := range seen {
		row, read, err := db.gauges(ctx, &p, &seen[i])
		if err != nil {
			return GaugesResult{}, err
		}
		result.Read.Add(read)
		result.Rows = append(result.Rows, row)
	}
	result.LeftOut = all - len(result.Rows)
	return result, db.judgeGauges(ctx, &p, &result)
}

// gaugesPlan is a query with its times resolved.
type gaugesPlan struct {
	environments query.Pattern
	within       string
	// since is the earliest last prediction of a row, end what cuts off the rows after.
	since, end int64
	max        int
	day        base.Span
	drift      driftPlan
}

func (q *GaugesQuery) plan(now time.Time) (gaugesPlan, error) {
	if q.For < 0 || q.Max < 0 {
		return gaugesPlan{}, queryError("the gauges are asked for a negative time or number")
	}
	at := standing(q.AsOf, now)
	p := gaugesPlan{
		environments: query.PatternOf(base.OrDefault(q.Environments, defaultEnvironment)),
		within:       q.Within,
		since:        base.SubMilli(at, base.OrDefault(q.For, defaultGaugesFor)),
		end:          endOf(q.AsOf),
		max:          base.OrDefault(q.Max, defaultGaugesMax),
	}
	p.day = base.Span{From: base.SubMilli(at, defaultWindow), To: p.end}
	var err error
	p.drift, err = (&DriftReportQuery{AsOf: q.AsOf}).plan(now)
	return p, err
}

// sighting is when a model was last seen in an environment.
type sighting struct {
	model, environment string
	last               int64
}

func compareSightings(a, b sighting) int {
	return cmp.Or(cmp.Compare(a.model, b.model), cmp.Compare(a.environment, b.environment))
}

// firstSightings is a heap of the first by name, the last of them on top.
type firstSightings []sighting

func (f firstSightings) Len() int           { return len(f) }
func (f firstSightings) Less(i, j int) bool { return compareSightings(f[i], f[j]) > 0 }
func (f firstSightings) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *firstSightings) Push(x any)        { *f = append(*f, x.(sighting)) }
func (f *firstSightings) Pop() any {
	last := len(*f) - 1
	x := (*f)[last]
	*f = (*f)[:last]
	return x
}

// keep adds a sighting to the first ones, which are as many as most.
func (f *firstSightings) keep(s sighting, most int) {
	switch {
	case len(*f) < most:
		heap.Push(f, s)
	case compareSightings(s, (*f)[0]) < 0:
		(*f)[0] = s
		heap.Fix(f, 0)
	}
}

// seen returns the sightings to answer, in order, and the number of all. It opens segments only where a row was edited,
// or where a moment in the past cuts through one.
func (db *DB) seen(ctx context.Context, p *gaugesPlan) (first []sighting, all int, err error) {
	plan := query.Plan{Selection: query.SelectionOf(All, All, All).Within(p.within), Want: segment.WantErrors}
	window := base.Span{From: p.since, To: p.end}
	plan.Ask(query.Window{Span: window})
	run, err := db.queries.Start(ctx, &plan)
	if err != nil {
		return nil, 0, err
	}
	var kept firstSightings
	var of []sighting // of one model, one for each environment
	take := func() {
		all += len(of)
		for i := range of {
			if p.environments.Matches(of[i].environment) {
				kept.keep(of[i], p.max)
			}
		}
		of = of[:0]
	}
	for m, n := range run.Series {
		if len(of) > 0 && of[0].model != m.Name {
			take()
		}
		s := &m.Series[n]
		if s.First >= p.end {
			continue
		}
		last := run.LastTime(m, n, window)
		if last < p.since {
			continue
		}
		if i := slices.IndexFunc(of, func(x sighting) bool { return x.environment == s.Environment }); i >= 0 {
			of[i].last = max(of[i].last, last)
		} else {
			of = append(of, sighting{m.Name, s.Environment, last})
		}
	}
	take()
	slices.SortFunc(kept, compareSightings)
	_, err = run.End()
	return kept, all, err
}

// gauges answers for one model in one environment.
func (db *DB) gauges(ctx context.Context, p *gaugesPlan, s *sighting) (GaugesRow, Read, error) {
	b := gaugesBuilder{plan: p, row: GaugesRow{
		Model: s.model, Environment: s.environment, LastPrediction: time.UnixMilli(s.last).UTC(),
		RMSE: Value{Null: NoActuals}, MAE: Value{Null: NoActuals},
	}}
	b.row.Drift.Comparison = compare(&segment.Aggregate{}, &segment.Aggregate{}, &p.drift.gates)
	plan := query.Plan{Selection: query.Versions(s.model, s.environment), Want: segment.WantSpread}
	plan.Ask(append([]query.Window{{Span: p.day}}, p.drift.asked(&p.drift.Layout)...)...)
	run, err := db.queries.Start(ctx, &plan)
	if err != nil {
		return b.row, Read{}, err
	}
	for of, answers := range run.Answers {
		b.add(&of, answers)
	}
	read, err := run.End()
	b.row.ActualCoverage = coverageOf(b.row.PredictionCount, b.row.ActualCount)
	return b.row, read, err
}

// judgeGauges gives each row the first state of its versions.
func (db *DB) judgeGauges(ctx context.Context, p *gaugesPlan, result *GaugesResult) error {
	s := newSurvey(ctx, db, &p.drift, query.Plan{Want: segment.WantSpread})
	s.all, s.lately = true, db.queries.Gathers()
	batch := s.newBatch()
	batch.do = func(groups []group) error {
		if err := s.groups(groups, false); err != nil {
			return err
		}
		for i := range groups {
			state := &result.Rows[groups[i].numbers[0]].State
			for j := range groups[i].found {
				*state = min(*state, groups[i].found[j].row.State)
			}
		}
		return nil
	}
	for i := range result.Rows {
		row := &result.Rows[i]
		row.State = StateRetired
		s.query.Selection = query.Versions(row.Model, row.Environment)
		of, err := s.find(&s.query)
		if err == nil {
			err = eachModel(&of, func(*query.Total) bool { return true }, func(_ []int, of []*query.Total) error { return batch.add([]int{i}, of) })
		}
		if err != nil {
			return err
		}
	}
	err := batch.flush()
	result.Read.Add(s.read)
	return err
}

// gaugesBuilder makes a row of gauges from the versions of a model, one after the other.
type gaugesBuilder struct {
	plan *gaugesPlan
	row  GaugesRow
	// shown and judged are the versions that the error and the verdict are of so far, nil before there is one.
	shown, judged *query.Subject
	// class is how much the verdict tells, see judgeable.
	class int
}

// add takes in a version. Its answers are those of the last day, of the recent window, of the reference and of the gap between.
func (b *gaugesBuilder) add(of *query.Subject, answers []base.Answer) {
	day, recent, reference, between := &answers[0], &answers[1], &answers[2], &answers[3]
	b.row.PredictionCount += day.Rows
	b.row.ActualCount += day.Actuals
	if day.Rows > 0 && recent.Actuals == 0 && reference.Actuals == 0 && between.Actuals == 0 {
		b.row.VersionsWithoutActuals++
	}
	if day.Actuals > 0 && (b.shown == nil || of.Newer(b.shown)) {
		b.shown = of
		b.row.RMSE, b.row.MAE = valueOf(day.RMSE()), valueOf(day.MAE())
	}
	if recent.Rows == 0 && reference.Rows == 0 && between.Rows == 0 {
		return
	}
	drift := b.plan.drift.row(of, answers[1:])
	class := judgeable(&drift.Comparison)
	if b.judged == nil || class < b.class || class == b.class && of.Newer(b.judged) {
		b.judged, b.class, b.row.Drift = of, class, drift
	}
}

// judgeable says how much a comparison tells of drift, the most first: a verdict, or at least an error, or neither.
func judgeable(c *Comparison) int {
	switch {
	case c.Status <= DriftOK:
		return 0
	case c.Recent.ActualCount > 0:
		return 1
	}
	return 2
}
