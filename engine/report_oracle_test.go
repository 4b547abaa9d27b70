package engine_test

import (
	"cmp"
	"context"
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

// tally is the naive aggregate of all rows of one series in one window, free of rounding but for quotients.
type tally struct {
	rows, actuals, quotients         uint64
	e, abs, square, a, size, aSquare *big.Float
	percent, symmetric, quartic      *big.Float
	largest                          float64
	errors, lags                     []float64
	agg                              segment.Aggregate
}

func newTally() *tally {
	return &tally{
		e: exact(), abs: exact(), square: exact(), a: exact(), size: exact(), aSquare: exact(), percent: exact(), symmetric: exact(), quartic: exact(),
	}
}

func (y *tally) add(r *oracleRow) {
	y.rows++
	y.agg.Add(r.Timestamp.UnixMilli(), r.PredictedValue, r.ActualValue, r.HasActual)
	if !r.HasActual {
		return
	}
	y.actuals++
	p, a := exact().SetFloat64(r.PredictedValue), exact().SetFloat64(r.ActualValue)
	y.e.Add(y.e, exact().Sub(p, a))
	y.abs.Add(y.abs, r.abs)
	y.square.Add(y.square, r.square)
	y.quartic.Add(y.quartic, quarticOf(r.square))
	y.errors = append(y.errors, math.Abs(r.PredictedValue-r.ActualValue))
	if r.hasLag {
		y.lags = append(y.lags, r.lag.Seconds())
	}
	y.a.Add(y.a, a)
	y.aSquare.Add(y.aSquare, exact().Mul(a, a))
	size := exact().Abs(a)
	y.size.Add(y.size, size)
	y.largest = max(y.largest, math.Abs(r.PredictedValue-r.ActualValue))
	if size.Sign() > 0 {
		y.quotients++
		y.percent.Add(y.percent, exact().Quo(r.abs, size))
	}
	if both := exact().Add(size, p.Abs(p)); both.Sign() > 0 {
		y.symmetric.Add(y.symmetric, exact().Quo(exact().Add(r.abs, r.abs), both))
	}
}

func (y *tally) mean(sum *big.Float) *big.Float {
	return exact().Quo(sum, exact().SetUint64(max(y.actuals, 1)))
}

// spread returns mean(x^2) - mean(x)^2.
func (y *tally) spread(sum, squares *big.Float) *big.Float {
	mean := y.mean(sum)
	return exact().Sub(y.mean(squares), mean.Mul(mean, mean))
}

// standardError is sd(|e|)/sqrt(n), exact before its rounding.
func (y *tally) standardError() *big.Float {
	return exact().Sqrt(y.mean(y.spread(y.abs, y.square)))
}

// rmseStandardError is sqrt(variance(e^2) / (4 n mean(e^2))).
func (y *tally) rmseStandardError() *big.Float {
	mean := y.mean(y.square)
	if mean.Sign() == 0 {
		return mean
	}
	return exact().Sqrt(y.mean(exact().Quo(y.spread(y.square, y.quartic), mean.Mul(mean, exact().SetInt64(4)))))
}

// quarticOf squares in twice the digits of a square, which the sum of a few rows needs.
func quarticOf(square *big.Float) *big.Float {
	return exact().Mul(square, square)
}

// tallies sums the rows that keep lets through, with an actual or not, by series but for some columns.
func (o *oracle) tallies(columns engine.Columns, keep func(*oracleRow) bool) map[event.Series]*tally {
	found := make(map[event.Series]*tally)
	for _, r := range o.rows {
		if !keep(r) {
			continue
		}
		key := across(columns, seriesOf(r))
		if found[key] == nil {
			found[key] = newTally()
		}
		found[key].add(r)
	}
	return found
}

func within(from, end time.Time) func(*oracleRow) bool {
	return func(r *oracleRow) bool { return !r.Timestamp.Before(from) && (end.IsZero() || r.Timestamp.Before(end)) }
}

// report returns a tally for each series that has begun before the window's end.
func (o *oracle) report(q engine.MetricsQuery, now time.Time) map[event.Series]*tally {
	from, end := bounds(q, now)
	named := o.named(oracleNames{q.Within, q.Model, cmp.Or(q.Version, "latest"), cmp.Or(q.Environment, "production"), from, end})
	inside := within(from, end)
	found := o.tallies(q.Across, func(r *oracleRow) bool { return named(r) && inside(r) })
	for key := range o.tallies(q.Across, func(r *oracleRow) bool { return named(r) && within(time.Time{}, end)(r) }) {
		if found[key] == nil {
			found[key] = newTally()
		}
	}
	return found
}

func checkReport(t *testing.T, db *engine.DB, o *oracle, q engine.MetricsQuery, now time.Time) {
	t.Helper()
	got, err := db.Report(context.Background(), engine.ReportQuery{
		Model: q.Model, Version: q.Version, Environment: q.Environment, Across: q.Across, Within: q.Within, Window: q.Window, From: q.From, To: q.To, AsOf: q.AsOf,
	})
	require.NoError(t, err)
	want := o.report(q, now)
	require.Len(t, got.Rows, len(want), "%+v", q)
	require.True(t, slices.IsSortedFunc(got.Rows, func(a, b engine.ReportRow) int {
		return slices.Compare([]string{a.Model, a.Version, a.Environment}, []string{b.Model, b.Version, b.Environment})
	}))
	for _, row := range got.Rows {
		require.NotNil(t, want[row.Series], "%+v of %+v", row, q)
		checkMeasures(t, want[row.Series], &row.Measures)
	}
}

func checkMeasures(t *testing.T, y *tally, m *engine.Measures) {
	t.Helper()
	require.Equal(t, []uint64{y.rows, y.actuals, y.actuals - y.quotients}, []uint64{m.PredictionCount, m.ActualCount, m.MAPEExcluded})
	switch {
	case y.actuals == 0:
		require.Equal(t, engine.ReportNoData, m.Status)
	case y.actuals < 30:
		require.Equal(t, engine.ReportInsufficientData, m.Status)
	default:
		require.Equal(t, engine.ReportOK, m.Status)
	}
	if y.rows == 0 {
		require.Equal(t, engine.NoPredictions, m.ActualCoverage.Null)
	} else {
		require.Equal(t, float64(y.actuals)/float64(y.rows), m.ActualCoverage.Number)
	}
	if y.actuals == 0 {
		for _, v := range []engine.Value{
			m.RMSE, m.MAE, m.MSE, m.Bias, m.MAPE, m.WMAPE, m.SMAPE, m.R2, m.MaxError, m.MAEStandardError, m.RMSEStandardError,
			m.AbsErrorP50, m.AbsErrorP90, m.AbsErrorP95, m.AbsErrorP99, m.ActualLagP50, m.ActualLagP95,
		} {
			require.Equal(t, engine.Value{Null: engine.NoActuals}, v)
		}
		return
	}
	// The same bits as of sums taken row by row in another order.
	require.Equal(t, same(y.agg.MAE()), m.MAE)
	require.Equal(t, same(y.agg.MSE()), m.MSE)
	require.Equal(t, same(y.agg.RMSE()), m.RMSE)
	require.Equal(t, same(y.agg.Bias()), m.Bias)

	scale := y.mean(y.abs)
	near(t, "mae", y.mean(y.abs), m.MAE, nil)
	near(t, "mse", y.mean(y.square), m.MSE, nil)
	near(t, "rmse", exact().Sqrt(y.mean(y.square)), m.RMSE, nil)
	near(t, "bias", y.mean(y.e), m.Bias, scale)
	near(t, "max_error", exact().SetFloat64(min(y.largest, math.MaxFloat64)), m.MaxError, nil)
	near(t, "mae_standard_error", y.standardError(), m.MAEStandardError, exact().Sqrt(y.mean(y.square)))
	near(t, "rmse_standard_error", y.rmseStandardError(), m.RMSEStandardError, exact().Sqrt(y.mean(y.square)))
	checkQuantiles(t, y, m)
	near(t, "smape", hundred(y.mean(y.symmetric)), m.SMAPE, nil)
	if y.quotients == 0 {
		require.Equal(t, engine.ZeroActuals, m.MAPE.Null)
		require.Equal(t, engine.ZeroActuals, m.WMAPE.Null)
	} else {
		near(t, "mape", hundred(exact().Quo(y.percent, exact().SetUint64(y.quotients))), m.MAPE, nil)
		near(t, "wmape", hundred(exact().Quo(y.abs, y.size)), m.WMAPE, nil)
	}
	checkR2(t, y, m.R2)
}

// checkQuantiles holds the sketches to the sorted values.
func checkQuantiles(t *testing.T, y *tally, m *engine.Measures) {
	t.Helper()
	slices.Sort(y.errors)
	slices.Sort(y.lags)
	for _, q := range []struct {
		name    string
		percent int
		values  []float64
		got     engine.Value
	}{
		{"abs_error_p50", 50, y.errors, m.AbsErrorP50},
		{"abs_error_p90", 90, y.errors, m.AbsErrorP90},
		{"abs_error_p95", 95, y.errors, m.AbsErrorP95},
		{"abs_error_p99", 99, y.errors, m.AbsErrorP99},
		{"actual_lag_p50", 50, y.lags, m.ActualLagP50},
		{"actual_lag_p95", 95, y.lags, m.ActualLagP95},
	} {
		if len(q.values) == 0 {
			require.Equal(t, engine.Value{Null: engine.NoLags}, q.got)
			continue
		}
		want := q.values[(len(q.values)*q.percent+99)/100-1]
		if math.IsInf(want, 1) {
			require.Equal(t, engine.Value{Null: engine.BeyondFloat64}, q.got)
			continue
		}
		require.Equal(t, engine.Present, q.got.Null, q.name)
		require.LessOrEqual(t, math.Abs(q.got.Number-want), segment.SketchError*want+math.SmallestNonzeroFloat64, q.name)
	}
}

// checkR2 allows for what segment.Aggregate.R2 says of its denominator: a relative error of 2^-94 mean(a^2)/variance.
func checkR2(t *testing.T, y *tally, got engine.Value) {
	t.Helper()
	spread := y.spread(y.a, y.aSquare)
	switch {
	case y.actuals == 1:
		require.Equal(t, engine.FewActuals, got.Null)
		return
	case spread.Sign() == 0:
		require.Equal(t, engine.ConstantActual, got.Null)
		return
	}
	closeness := exact().Quo(y.mean(y.aSquare), spread)
	if got.Null == engine.ConstantActual {
		require.Positive(t, closeness.Cmp(exact().SetFloat64(0x1p90)))
		return
	}
	ratio := exact().Quo(y.mean(y.square), spread)
	scale := exact().Mul(ratio, closeness.Mul(closeness, exact().SetFloat64(0x1p-92/1e-12)))
	near(t, "r2", exact().Sub(exact().SetInt64(1), ratio), got, scale.Add(scale, ratio))
}

func hundred(f *big.Float) *big.Float { return exact().Mul(f, exact().SetInt64(100)) }

// same is what the store answers for f.
func same(f float64) engine.Value {
	if math.IsInf(f, 0) {
		return engine.Value{Null: engine.BeyondFloat64}
	}
	return engine.Value{Number: f}
}

// near compares with an exact value, within 1e-12 of it and of scale. Beyond float64 and where a spread needs two
// actuals there is none.
func near(t *testing.T, name string, want *big.Float, got engine.Value, scale *big.Float) {
	t.Helper()
	if got.Null == engine.BeyondFloat64 {
		f, _ := want.Float64()
		require.Greater(t, math.Abs(f), math.MaxFloat64/2, name)
		return
	}
	if got.Null == engine.FewActuals {
		require.Contains(t, name, "standard_error")
		return
	}
	require.Equal(t, engine.Present, got.Null, name)
	limit := exact().Abs(want)
	if scale != nil {
		limit.Add(limit, exact().Abs(scale))
	}
	limit.Mul(limit, exact().SetFloat64(1e-12))
	limit.Add(limit, exact().SetFloat64(math.SmallestNonzeroFloat64*200))
	off := exact().Sub(want, exact().SetFloat64(got.Number))
	require.LessOrEqual(t, off.Abs(off).Cmp(limit), 0, "%s: got %v, exact %.20g", name, got.Number, want)
}

func checkDriftReport(t *testing.T, db *engine.DB, o *oracle, q engine.DriftReportQuery, now time.Time) {
	t.Helper()
	got, err := db.DriftReport(context.Background(), q)
	if o.refuses(q) {
		require.ErrorIs(t, err, engine.ErrQuery)
		return
	}
	require.NoError(t, err)
	w := windowsOf(q, now)
	named := o.named(oracleNames{q.Within, q.Model, cmp.Or(q.Version, "*"), cmp.Or(q.Environment, "production"), w.split, w.end})
	want := o.comparisons(q, w, func(r *oracleRow) bool { return named(r) && within(time.Time{}, w.end)(r) })
	require.Len(t, got.Rows, len(want), "%+v", q)
	for _, row := range got.Rows {
		sides, ok := want[row.Series]
		require.True(t, ok, "%+v of %+v", row, q)
		checkComparison(t, sides.recent, sides.reference, &row.Comparison)
		require.Equal(t, w.at, row.AnalysisTimestamp)
		require.Equal(t, sides.from, row.RecentFrom, "%+v", q)
		require.Equal(t, sides.version, row.ReferenceVersion)
		require.Equal(t, [...]time.Time{sides.told[0], sides.told[1]}, [...]time.Time{row.ReferenceFrom, row.ReferenceTo}, "%+v", q)
	}
}

// refuses tells whether a query is one that the models cannot answer.
func (o *oracle) refuses(q engine.DriftReportQuery) bool {
	if q.Reference.Previous && q.Across&engine.VersionColumn != 0 {
		return true
	}
	asked := o.named(oracleNames{q.Within, q.Model, "*", "*", time.Time{}, time.Time{}})
	some := false
	for _, r := range o.rows {
		if asked(r) {
			if some = true; r.ModelVersion == q.Reference.Version {
				return false
			}
		}
	}
	return some && q.Reference.Version != ""
}

// oracleWindows are the times of a drift report: at is what it reaches back from, split where the recent window begins, end where it
// ends, zero for never.
type oracleWindows struct{ at, split, end time.Time }

func windowsOf(q engine.DriftReportQuery, now time.Time) (w oracleWindows) {
	w.at = now
	if !q.AsOf.IsZero() {
		w.at, w.end = q.AsOf, q.AsOf.Add(time.Millisecond)
	}
	if q.Offset > 0 {
		w.at = w.at.Add(-q.Offset)
		w.end = w.at
	}
	w.split = w.at.Add(-cmp.Or(q.Recent, 6*time.Hour))
	return w
}

// oracleSides are what is compared: the rows from a time on, and those of a version.
type oracleSides struct {
	recent, reference *tally
	from              time.Time
	version           string
	// told is from when to when the reference goes.
	told [2]time.Time
}

// comparisons returns the recent window and the reference of each subject of a drift report.
func (o *oracle) comparisons(q engine.DriftReportQuery, w oracleWindows, named func(*oracleRow) bool) map[event.Series]oracleSides {
	want := make(map[event.Series]oracleSides)
	members := make(map[event.Series]map[event.Series]bool)
	for s := range o.tallies(0, named) {
		key := across(q.Across, s)
		if members[key] == nil {
			members[key] = make(map[event.Series]bool)
		}
		members[key][s] = true
	}
	own := q.Reference.Version == "" && !q.Reference.Previous
	for key, of := range members {
		sides := oracleSides{from: w.split, version: q.Reference.Version}
		opposite, versions := make(map[event.Series]bool), make(map[string]bool)
		for s := range of {
			versions[s.Version] = true
			if q.Reference.Previous {
				s.Version = o.previous(s)
				sides.version = s.Version
			}
			s.Version = cmp.Or(q.Reference.Version, s.Version)
			opposite[s] = true
		}
		if q.Reference.Previous && len(of) > 1 {
			sides.version = "" // that of any of them
		}
		itself := len(versions) == 1 && versions[q.Reference.Version]
		recent := func(r *oracleRow) bool {
			return named(r) && of[seriesOf(r)] && within(sides.from, w.end)(r) && (itself || r.ModelVersion != q.Reference.Version)
		}
		earliest := w.at.Add(-72 * time.Hour)
		if q.Reference.To.After(earliest) {
			earliest = q.Reference.To
		}
		for q.RecentMinActuals > 0 && sides.from.After(earliest) && o.tallyOf(recent).actuals < q.RecentMinActuals {
			sides.from = sides.from.Add(-time.Hour)
			if sides.from.Before(earliest) {
				sides.from = earliest
			}
		}
		sides.recent = o.tallyOf(recent)
		reference := func(gap time.Duration) *tally {
			return o.tallyOf(func(r *oracleRow) bool {
				return !itself && opposite[seriesOf(r)] && w.reference(q, sides.from, gap)(r)
			})
		}
		gap := cmp.Or(q.Gap, engine.DefaultGap)
		if sides.reference = reference(gap); sides.reference.actuals < 100 {
			gap = 0
			sides.reference = reference(gap)
		}
		if !itself {
			if told := w.told(q, sides.from, gap); told[0].Before(told[1]) {
				sides.told = told
			}
		}
		if sides.recent.rows > 0 || sides.reference.rows > 0 && own {
			want[key] = sides
		}
	}
	return want
}

func (o *oracle) tallyOf(keep func(*oracleRow) bool) *tally {
	y := newTally()
	for _, r := range o.rows {
		if keep(r) {
			y.add(r)
		}
	}
	return y
}

// reference tells which times a recent window that begins at from is compared with.
func (w *oracleWindows) reference(q engine.DriftReportQuery, from time.Time, gap time.Duration) func(*oracleRow) bool {
	begin := w.at.Add(-cmp.Or(q.Historical, 168*time.Hour))
	switch ref := &q.Reference; {
	case !ref.From.IsZero():
		return within(ref.From, ref.To)
	case ref.Version != "" || ref.Previous:
		return within(begin, w.end)
	case ref.Weeks > 0:
		end := w.end
		if end.IsZero() {
			end = w.at.Add(time.Millisecond)
		}
		return func(r *oracleRow) bool {
			for k := 1; k <= ref.Weeks; k++ {
				if within(from.AddDate(0, 0, -7*k), earlier(end.AddDate(0, 0, -7*k), from.AddDate(0, 0, 7-7*k)))(r) {
					return true
				}
			}
			return false
		}
	}
	until := from.Add(-gap)
	return func(r *oracleRow) bool { return !r.Timestamp.Before(begin) && r.Timestamp.Before(until) }
}

// earlier is the earlier one of two times.
func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// told is from when to when the reference of a recent window goes that begins at from.
func (w *oracleWindows) told(q engine.DriftReportQuery, from time.Time, gap time.Duration) [2]time.Time {
	begin, end := w.at.Add(-cmp.Or(q.Historical, 168*time.Hour)), w.end
	if end.IsZero() {
		end = w.at.Add(time.Millisecond)
	}
	switch ref := &q.Reference; {
	case !ref.From.IsZero():
		return [2]time.Time{ref.From, ref.To}
	case ref.Version != "" || ref.Previous:
		return [2]time.Time{begin, end}
	case ref.Weeks > 0:
		return [2]time.Time{from.AddDate(0, 0, -7*ref.Weeks), earlier(end.AddDate(0, 0, -7), from)}
	}
	return [2]time.Time{begin, from.Add(-gap)}
}

// previous is the version whose first prediction in an environment came last before that of a version.
func (o *oracle) previous(s event.Series) string {
	firsts := make(map[string]time.Time)
	for _, r := range o.rows {
		if first, ok := firsts[r.ModelVersion]; r.ModelID == s.Model && r.Environment == s.Environment && (!ok || r.Timestamp.Before(first)) {
			firsts[r.ModelVersion] = r.Timestamp
		}
	}
	older := func(a, b string) bool {
		switch {
		case a == b:
			return false
		case a == "latest" || b == "latest":
			return b == "latest"
		case !firsts[a].Equal(firsts[b]):
			return firsts[a].Before(firsts[b])
		}
		return a < b
	}
	found := ""
	for version := range firsts {
		if older(version, s.Version) && (found == "" || older(found, version)) {
			found = version
		}
	}
	return found
}

func checkComparison(t *testing.T, recent, reference *tally, c *engine.Comparison) {
	t.Helper()
	checkSide(t, recent, &c.Recent)
	checkSide(t, reference, &c.Reference)
	switch {
	case reference.actuals == 0:
		require.Equal(t, engine.DriftNoReference, c.Status)
		require.Equal(t, engine.NoReference, c.Z.Null)
		return
	case recent.actuals < 30 || reference.actuals < 100:
		require.Equal(t, engine.DriftInsufficientData, c.Status)
		require.NotEmpty(t, c.Reason)
	default:
		require.LessOrEqual(t, c.Status, engine.DriftOK, c.Reason)
	}
	checkShifts(t, recent, reference, c)
	if c.Z.Null != engine.Present || recent.actuals == 0 {
		return
	}
	a, b := recent.standardError(), reference.standardError()
	deviation := exact().Sqrt(exact().Add(a.Mul(a, a), b.Mul(b, b)))
	change := exact().Sub(recent.mean(recent.abs), reference.mean(reference.abs))
	// Below this, a deviation is subnormal or less than the digits that its sums hold.
	least := exact().Sqrt(exact().Add(recent.mean(recent.square), reference.mean(reference.square)))
	least.Mul(least, exact().SetFloat64(1e-9))
	if deviation.Cmp(least) > 0 && deviation.Cmp(exact().SetFloat64(1e-290)) > 0 {
		z := exact().Quo(change, deviation)
		near(t, "z", z, c.Z, exact().Quo(recent.mean(recent.abs), deviation))
	}
}

// checkShifts checks the z of RMSE and bias where their digits are not lost in those of the sums.
func checkShifts(t *testing.T, recent, reference *tally, c *engine.Comparison) {
	t.Helper()
	for _, s := range []engine.Shift{c.RMSEShift, c.BiasShift} {
		if c.Status > engine.DriftOK {
			require.Equal(t, c.Status, s.Status)
		}
	}
	if recent.actuals < 2 || reference.actuals < 2 {
		require.NotEqual(t, engine.Present, c.RMSEShift.Z.Null)
		require.NotEqual(t, engine.Present, c.BiasShift.Z.Null)
		return
	}
	rmse := func(y *tally) *big.Float { return exact().Sqrt(y.mean(y.square)) }
	scale := exact().Add(rmse(recent), rmse(reference))
	check := func(name string, got engine.Value, is, was, errorIs, errorWas *big.Float) {
		deviation := exact().Sqrt(exact().Add(errorIs.Mul(errorIs, errorIs), errorWas.Mul(errorWas, errorWas)))
		least := exact().Mul(scale, exact().SetFloat64(1e-7))
		if got.Null == engine.Present && deviation.Cmp(least) > 0 && deviation.Cmp(exact().SetFloat64(1e-290)) > 0 {
			near(t, name, exact().Quo(exact().Sub(is, was), deviation), got, exact().Quo(scale, deviation))
		}
	}
	check("rmse_z", c.RMSEShift.Z, rmse(recent), rmse(reference), recent.rmseStandardError(), reference.rmseStandardError())
	biasError := func(y *tally) *big.Float { return exact().Sqrt(y.mean(y.spread(y.e, y.square))) }
	check("bias_z", c.BiasShift.Z, recent.mean(recent.e), reference.mean(reference.e), biasError(recent), biasError(reference))
}

func checkSide(t *testing.T, y *tally, s *engine.Side) {
	t.Helper()
	require.Equal(t, [2]uint64{y.rows, y.actuals}, [2]uint64{s.PredictionCount, s.ActualCount})
	if y.actuals == 0 {
		return
	}
	require.Equal(t, same(y.agg.MAE()), s.MAE)
	require.Equal(t, same(y.agg.RMSE()), s.RMSE)
	require.Equal(t, same(y.agg.Bias()), s.Bias)
}

func (c chooser) driftReportQuery() engine.DriftReportQuery {
	d := c.driftQuery()
	q := engine.DriftReportQuery{
		Model: d.Model, Version: d.Version, Environment: d.Environment, Across: d.Across, Within: d.Within, Recent: d.Recent, Historical: d.Historical, AsOf: d.AsOf,
	}
	if c.IntN(4) == 0 {
		q.Offset = time.Duration(c.IntN(100)) * time.Hour
	}
	if c.IntN(3) == 0 {
		q.Gap = time.Duration(1+c.IntN(48)) * time.Hour
	}
	if c.IntN(4) == 0 {
		q.RecentMinActuals = uint64(c.IntN(60))
	}
	switch c.IntN(8) {
	case 0:
		q.Reference.Version = c.version()
	case 1:
		q.Reference.Previous = true
	case 2:
		q.Reference.Weeks = 1 + c.IntN(5)
		q.Recent = min(q.Recent, 168*time.Hour)
	case 3:
		q.Reference.To = windowsOf(q, c.now).split.Add(-time.Duration(c.IntN(100)) * time.Hour)
		q.Reference.From = q.Reference.To.Add(-time.Duration(1+c.IntN(300)) * time.Hour)
		q.Reference.Version = c.pick("", "", c.version())
	}
	return q
}
