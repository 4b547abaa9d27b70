package engine_test

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// oraclePrecision holds every sum of squares of differences of float64s without rounding: exponents reach from
// -2148 to 2050, and 2^64 rows add 64 bits.
const oraclePrecision = 4400

// oracle answers queries row by row in exact arithmetic: the obvious loop, which the store must agree with.
type oracle struct {
	// keep says that each copy of a row is a row.
	keep bool
	rows []*oracleRow
	// byName holds the rows of each prediction id of a model.
	byName map[predictionName][]*oracleRow
	// actuals are remembered, in the order they came.
	actuals []oracleActual
}

// predictionName names a prediction across versions and environments.
type predictionName struct{ model, id string }

// scope is a version and an environment; an empty one stands for every one.
type scope struct{ version, environment string }

func (s scope) covers(o scope) bool {
	return (s.version == "" || s.version == o.version) && (s.environment == "" || s.environment == o.environment)
}

func (s scope) overlaps(o scope) bool {
	return (s.version == "" || o.version == "" || s.version == o.version) &&
		(s.environment == "" || o.environment == "" || s.environment == o.environment)
}

// givenActual is an actual that was sent, or one that was taken back.
type givenActual struct {
	predictionName
	scope
	value     float64
	withdrawn bool
	// observed is zero where the sender did not say.
	observed time.Time
}

// oracleActual is one that is remembered.
type oracleActual struct {
	givenActual
	received time.Time
	met      bool
}

type oracleRow struct {
	event.Event
	abs, square *big.Float // of predicted-actual; nil without an actual
	// lag is from the row's time to when its first actual was observed, if that came apart.
	lag    time.Duration
	hasLag bool
}

func (r *oracleRow) name() predictionName { return predictionName{r.ModelID, r.PredictionID} }
func (r *oracleRow) scope() scope         { return scope{r.ModelVersion, r.Environment} }

func (r *oracleRow) lagUntil(observed time.Time) {
	r.lag, r.hasLag = max(observed.Sub(r.Timestamp), 0), true
}

// addAll is what a batch does: a row that it has more than once comes once, with the last values, and the last actual that
// it has.
func (o *oracle) addAll(batch []event.Event) {
	at := make(map[rowName]int)
	var rows []event.Event
	for _, e := range batch {
		i, twice := at[nameOf(e)]
		if o.keep || !twice {
			at[nameOf(e)] = len(rows)
			rows = append(rows, e)
			continue
		}
		if !e.HasActual {
			e.ActualValue, e.HasActual = rows[i].ActualValue, rows[i].HasActual
		}
		rows[i] = e
	}
	for _, e := range rows {
		o.add(e)
	}
}

// add is what a prediction does: it is the row of its identity, or a new one.
func (o *oracle) add(e event.Event) {
	if o.byName == nil {
		o.byName = make(map[predictionName][]*oracleRow)
	}
	r := &oracleRow{Event: e}
	stored := false
	for _, old := range o.byName[r.name()] {
		if !o.keep && old.scope() == r.scope() && old.Timestamp.Equal(e.Timestamp) {
			stored = true
			old.PredictedValue, old.Features = e.PredictedValue, e.Features
			if e.HasActual {
				old.HasActual, old.ActualValue = true, e.ActualValue
			}
			old.measure()
		}
	}
	if stored {
		return
	}
	if !e.HasActual {
		o.recall(r)
	}
	r.measure()
	o.rows = append(o.rows, r)
	o.byName[r.name()] = append(o.byName[r.name()], r)
}

// recall gives a new row the newest actual that is remembered for it.
func (o *oracle) recall(r *oracleRow) {
	for i := len(o.actuals) - 1; i >= 0; i-- {
		a := &o.actuals[i]
		if a.predictionName != r.name() || !a.covers(r.scope()) {
			continue
		}
		if !a.withdrawn {
			a.met = true
			r.HasActual, r.ActualValue = true, a.value
			r.lagUntil(a.seen())
		}
		return
	}
}

func (a *oracleActual) seen() time.Time {
	if a.observed.IsZero() {
		return a.received
	}
	return a.observed
}

// measure computes the error of a row.
func (r *oracleRow) measure() {
	r.abs, r.square = nil, nil
	if r.HasActual {
		d := exact().Sub(exact().SetFloat64(r.PredictedValue), exact().SetFloat64(r.ActualValue))
		r.abs, r.square = exact().Abs(d), exact().Mul(d, d)
	}
}

// actual is what an actual does: it is that of every row of its name and scope, and of those to come.
func (o *oracle) actual(given givenActual, now time.Time) {
	a := oracleActual{givenActual: given, received: now}
	for _, r := range o.byName[a.predictionName] {
		if !a.covers(r.scope()) {
			continue
		}
		a.met = true
		switch {
		case a.withdrawn:
			r.HasActual, r.ActualValue, r.hasLag, r.lag = false, 0, false, 0
		case r.HasActual:
			r.ActualValue = a.value
		default:
			r.HasActual, r.ActualValue = true, a.value
			r.lagUntil(a.seen())
		}
		r.measure()
	}
	o.actuals = slices.DeleteFunc(o.actuals, func(b oracleActual) bool {
		return b.predictionName == a.predictionName && a.covers(b.scope)
	})
	if !a.withdrawn || slices.ContainsFunc(o.actuals, func(b oracleActual) bool {
		return b.predictionName == a.predictionName && a.overlaps(b.scope)
	}) {
		a.met = a.met || a.withdrawn
		o.actuals = append(o.actuals, a)
	}
}

// expire forgets the actuals received before oldest.
func (o *oracle) expire(oldest time.Time) {
	o.actuals = slices.DeleteFunc(o.actuals, func(a oracleActual) bool { return a.received.Before(oldest) })
}

// delete is what a deletion does, and what it counts.
func (o *oracle) delete(d engine.Deletion) (gone engine.Deleted) {
	has := func(names []string, name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	o.remove(func(r *oracleRow) bool {
		is := has(d.Models, r.ModelID) && has(d.Versions, r.ModelVersion) && has(d.Environments, r.Environment) && has(d.IDs, r.PredictionID) &&
			(d.From.IsZero() || !r.Timestamp.Before(d.From)) && (d.To.IsZero() || r.Timestamp.Before(d.To))
		if is {
			gone.Rows++
		}
		return is
	})
	whole := len(d.Versions) == 0 && len(d.Environments) == 0 && d.From.IsZero() && d.To.IsZero()
	o.actuals = slices.DeleteFunc(o.actuals, func(a oracleActual) bool {
		is := whole && has(d.Models, a.model) && has(d.IDs, a.id)
		if is && !a.withdrawn { // which the store may have forgotten, with nothing to hold back
			gone.Actuals++
		}
		return is
	})
	for i := range o.actuals {
		a := &o.actuals[i]
		if has(d.Models, a.model) && has(d.IDs, a.id) && (a.version == "" || has(d.Versions, a.version)) && (a.environment == "" || has(d.Environments, a.environment)) {
			a.met = true
		}
	}
	return gone
}

// remove forgets rows.
func (o *oracle) remove(gone func(*oracleRow) bool) {
	removed := make(map[*oracleRow]bool)
	o.rows = slices.DeleteFunc(o.rows, func(r *oracleRow) bool {
		removed[r] = gone(r)
		return removed[r]
	})
	for name, rows := range o.byName {
		o.byName[name] = slices.DeleteFunc(rows, func(r *oracleRow) bool { return removed[r] })
	}
}

func exact() *big.Float { return new(big.Float).SetPrec(oraclePrecision) }

// drop forgets the rows before oldest.
func (o *oracle) drop(oldest func(model string) time.Time) {
	o.remove(func(r *oracleRow) bool { return r.Timestamp.Before(oldest(r.ModelID)) })
}

// keptFrom is from when the rows of a model are kept: whoever has the longest text in common with it decides, its name above all.
func keptFrom(opts *engine.Options, model string, past time.Time) time.Time {
	keep, most := opts.Retention, 0
	for _, r := range opts.RetentionOf {
		common := 0
		if r.Models == model {
			common = 1000
		} else if n := len(r.Models) - 1; r.Models[n] == '*' && len(model) >= n && model[:n] == r.Models[:n] {
			common = n
		}
		if common > most {
			keep, most = r.Keep, common
		}
	}
	if keep == 0 {
		return time.Time{}
	}
	year, m, _ := past.UTC().Add(-keep).Date()
	return time.Date(year, m, 1, 0, 0, 0, 0, time.UTC)
}

// group is the naive aggregate of one series in one window.
type group struct {
	count       uint64
	abs, square *big.Float
	first, last time.Time
	// agg is what the store computes with, fed row by row: its answers must be the same bits.
	agg segment.Aggregate
}

func (g *group) add(r *oracleRow) {
	if g.count == 0 {
		g.abs, g.square, g.first, g.last = exact(), exact(), r.Timestamp, r.Timestamp
	}
	g.count++
	g.agg.Add(r.Timestamp.UnixMilli(), r.PredictedValue, r.ActualValue, true)
	g.abs.Add(g.abs, r.abs)
	g.square.Add(g.square, r.square)
	if r.Timestamp.Before(g.first) {
		g.first = r.Timestamp
	}
	if r.Timestamp.After(g.last) {
		g.last = r.Timestamp
	}
}

func (g *group) mae() *big.Float { return exact().Quo(g.abs, exact().SetUint64(g.count)) }

func (g *group) rmse() *big.Float {
	return exact().Sqrt(exact().Quo(g.square, exact().SetUint64(g.count)))
}

// groups sums the rows with an actual that keep lets through, by series but for some columns.
func (o *oracle) groups(columns engine.Columns, keep func(*oracleRow) bool) map[event.Series]*group {
	groups := make(map[event.Series]*group)
	for i := range o.rows {
		r := o.rows[i]
		if !r.HasActual || !keep(r) {
			continue
		}
		key := across(columns, seriesOf(r))
		if groups[key] == nil {
			groups[key] = &group{}
		}
		groups[key].add(r)
	}
	return groups
}

// bounds resolves a metrics query; a zero end is none.
func bounds(q engine.MetricsQuery, now time.Time) (from, end time.Time) {
	if !q.AsOf.IsZero() {
		now, end = q.AsOf, q.AsOf.Add(time.Millisecond)
	}
	if q.From.IsZero() {
		return now.Add(-cmp.Or(q.Window, 24*time.Hour)), end
	}
	if !q.To.IsZero() && (end.IsZero() || q.To.Before(end)) {
		end = q.To
	}
	return q.From, end
}

func (o *oracle) metrics(q engine.MetricsQuery, now time.Time) map[event.Series]*group {
	from, end := bounds(q, now)
	named := o.named(oracleNames{q.Within, q.Model, cmp.Or(q.Version, "latest"), cmp.Or(q.Environment, "production"), from, end})
	return o.groups(q.Across, func(r *oracleRow) bool {
		return named(r) && !r.Timestamp.Before(from) && (end.IsZero() || r.Timestamp.Before(end))
	})
}

// oracleDrift is a drift row in exact arithmetic.
type oracleDrift struct {
	event.Series
	recent, historical *group
	drift              float64
}

func (o *oracle) drift(q engine.DriftQuery, now time.Time) []oracleDrift {
	end := time.Time{}
	if !q.AsOf.IsZero() {
		now, end = q.AsOf, q.AsOf.Add(time.Millisecond)
	}
	split := now.Add(-cmp.Or(q.Recent, 6*time.Hour))
	begin := now.Add(-cmp.Or(q.Historical, 168*time.Hour))
	named := o.named(oracleNames{q.Within, q.Model, cmp.Or(q.Version, "*"), cmp.Or(q.Environment, "production"), split, end})
	recent := o.groups(q.Across, func(r *oracleRow) bool {
		return named(r) && !r.Timestamp.Before(split) && (end.IsZero() || r.Timestamp.Before(end))
	})
	historical := o.groups(q.Across, func(r *oracleRow) bool {
		return named(r) && !r.Timestamp.Before(begin) && r.Timestamp.Before(split)
	})
	var rows []oracleDrift
	for key, rec := range recent {
		his := historical[key]
		if his == nil {
			continue
		}
		r, h := rec.agg.MAE(), his.agg.MAE() // the same bits as the store's, so that ties are the same
		if h == 0 {
			continue
		}
		rows = append(rows, oracleDrift{key, rec, his, (r - h) / h})
	}
	slices.SortFunc(rows, func(a, b oracleDrift) int {
		return cmp.Or(cmp.Compare(math.Abs(b.drift), math.Abs(a.drift)), cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.Model, b.Model), cmp.Compare(a.Environment, b.Environment))
	})
	return rows
}

// within1ULP tells whether got is one of the two float64s around want, or want itself.
func within1ULP(got float64, want *big.Float) bool {
	if math.IsInf(got, 1) {
		limit, _ := want.Float64()
		return limit >= math.MaxFloat64
	}
	below := exact().SetFloat64(math.Nextafter(got, math.Inf(-1)))
	next := math.Nextafter(got, math.Inf(1))
	if math.IsInf(next, 1) {
		return want.Cmp(below) >= 0
	}
	return want.Cmp(below) >= 0 && want.Cmp(exact().SetFloat64(next)) <= 0
}
