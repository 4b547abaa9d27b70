package engine_test

import (
	"cmp"
	"maps"
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
	rows []*oracleRow
	// waiting holds the row of each prediction without an actual, orphans the actual of each without a prediction.
	waiting map[predictionName]*oracleRow
	orphans map[predictionName]oracleOrphan
}

// predictionName names a prediction across versions and environments.
type predictionName struct{ model, id string }

type oracleOrphan struct {
	actual             float64
	observed, received time.Time
}

type oracleRow struct {
	event.Event
	abs, square *big.Float // of predicted-actual; nil without an actual
	// lag is from the row's time to when its first actual was observed, if that came apart.
	lag    time.Duration
	hasLag bool
}

func (r *oracleRow) lagUntil(observed time.Time) {
	r.lag, r.hasLag = max(observed.Sub(r.Timestamp), 0), true
}

func (o *oracle) add(e event.Event) {
	if o.waiting == nil {
		o.waiting = make(map[predictionName]*oracleRow)
	}
	name := predictionName{e.ModelID, e.PredictionID}
	if earlier := o.waiting[name]; earlier != nil {
		o.remove(func(r *oracleRow) bool { return r == earlier })
	}
	r := &oracleRow{Event: e}
	if orphan, ok := o.orphans[name]; ok && !e.HasActual {
		r.HasActual, r.ActualValue = true, orphan.actual
		r.lagUntil(orphan.observed)
	}
	delete(o.orphans, name)
	if r.HasActual {
		r.measure()
	} else {
		o.waiting[name] = r
	}
	o.rows = append(o.rows, r)
}

// measure computes the error of a row with an actual.
func (r *oracleRow) measure() {
	d := exact().Sub(exact().SetFloat64(r.PredictedValue), exact().SetFloat64(r.ActualValue))
	r.abs, r.square = exact().Abs(d), exact().Mul(d, d)
}

func (r *oracleRow) set(actual float64) {
	r.HasActual, r.ActualValue = true, actual
	r.measure()
}

// actual gives an actual to the prediction that waits for it, else to all of its name, else to none. Without a time of
// its own it was observed now.
func (o *oracle) actual(name predictionName, v float64, observed, now time.Time) {
	if observed.IsZero() {
		observed = now
	}
	if r := o.waiting[name]; r != nil {
		delete(o.waiting, name)
		r.set(v)
		r.lagUntil(observed)
		return
	}
	hit := false
	for _, r := range o.rows {
		if r.ModelID == name.model && r.PredictionID == name.id {
			r.set(v)
			hit = true
		}
	}
	if hit {
		return
	}
	if o.orphans == nil {
		o.orphans = make(map[predictionName]oracleOrphan)
	}
	o.orphans[name] = oracleOrphan{v, observed, now}
}

// expire forgets the orphans received before oldest.
func (o *oracle) expire(oldest time.Time) {
	maps.DeleteFunc(o.orphans, func(_ predictionName, x oracleOrphan) bool { return x.received.Before(oldest) })
}

func (o *oracle) delete(name predictionName) {
	delete(o.orphans, name)
	o.remove(func(r *oracleRow) bool { return r.ModelID == name.model && r.PredictionID == name.id })
}

// remove forgets rows.
func (o *oracle) remove(gone func(*oracleRow) bool) {
	o.rows = slices.DeleteFunc(o.rows, gone)
	maps.DeleteFunc(o.waiting, func(_ predictionName, r *oracleRow) bool { return gone(r) })
}

func exact() *big.Float { return new(big.Float).SetPrec(oraclePrecision) }

// drop forgets the rows before oldest.
func (o *oracle) drop(oldest time.Time) {
	o.remove(func(r *oracleRow) bool { return r.Timestamp.Before(oldest) })
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
	named := o.named(oracleNames{q.Model, cmp.Or(q.Version, "latest"), cmp.Or(q.Environment, "production"), from, end})
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
	named := o.named(oracleNames{q.Model, cmp.Or(q.Version, "*"), cmp.Or(q.Environment, "production"), split, end})
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
