package engine_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// fleetOfFew draws some models, a few of them with one row, and some rows where windows begin and end.
func fleetOfFew(t *testing.T, r *rand.Rand, db *engine.DB) *kept {
	t.Helper()
	k := new(kept)
	var b event.Batch
	ids := 0
	add := func(s *knownSeries, ago time.Duration, known bool, predicted float64) {
		e := event.Event{
			Timestamp: testNow.Add(-ago), ModelID: s.model, ModelVersion: s.version, Environment: s.environment, PredictionID: strconv.Itoa(ids), Features: "{}", PredictedValue: predicted, HasActual: known,
		}
		ids++
		k.rows = append(k.rows, e)
		require.NoError(t, b.Add(e, db.Rules()))
	}
	for m := range 3 + r.IntN(10) {
		for v := range 1 + r.IntN(4) {
			for _, environment := range []string{"production", "staging", "test"}[:1+r.IntN(6)/4+r.IntN(2)] {
				s := &knownSeries{model: fmt.Sprint([]string{"a", "ab", "b,c", "B*"}[r.IntN(4)], m), version: []string{"v1", "v2", "latest", "v*", "v1,v2"}[(v+r.IntN(2))%5], environment: environment}
				switch r.IntN(4) {
				case 0:
					for range 1 + r.IntN(3) {
						hours := []int{0, 1, 6, 24, 30, 48, 72, 168, 174, 192, 336, 1200}[r.IntN(12)]
						add(s, time.Duration(hours)*time.Hour+time.Duration(r.IntN(3)-1)*time.Millisecond, r.IntN(2) == 0, float64(r.IntN(3)))
					}
				case 1:
					every, to := []time.Duration{7 * time.Minute, time.Hour, 5 * time.Hour}[r.IntN(3)], time.Duration(r.IntN(200))*time.Hour
					known, risen := r.IntN(4) > 0, r.IntN(2) == 0
					for i := range 1 + r.IntN(200) {
						e := float64(1 + i%3)
						if risen && i < 60 {
							e *= 3
						}
						add(s, to+time.Duration(i)*every, known && (i > 20 || m%2 == 0), e)
					}
				default:
					drawSeries(r, s)
					for _, row := range s.rows {
						add(s, time.Duration(row.ago)*time.Minute, row.known, row.error)
					}
				}
			}
		}
	}
	_, err := db.Append(t.Context(), &b)
	require.NoError(t, err)
	return k
}

// drawList draws what is asked, of all kinds.
func drawList(r *rand.Rand) (q engine.ModelsQuery, l engine.ModelsList) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	hours := func(of ...int) time.Duration { return time.Duration(of[r.IntN(len(of))]) * time.Hour }
	q = engine.ModelsQuery{
		Model: pick("", "*", "*", "a*", "B**,ab*", "a1,a2,ab3,ab4,b,c5"), Version: pick("", "*", "*", "latest", "v1", "v1,v2", "v*", "v2,latest"), Environment: pick("", "*", "production", "staging,test", "none"),
		Within: pick("", "", "", "a*"), Recent: hours(0, 0, 1, 6, 12, 100, 168), Historical: hours(0, 0, 1, 24, 48, 168, 400), Gap: hours(0, 0, 1, 200), Offset: hours(0, 0, 0, 3, 50),
	}
	if r.IntN(3) == 0 {
		q.Literal = engine.Columns(r.IntN(8)) &^ engine.ModelColumn
	}
	if r.IntN(3) == 0 {
		q.RecentMinActuals = uint64([]int{1, 10, 40}[r.IntN(3)])
	}
	if r.IntN(3) == 0 {
		q.AsOf = testNow.Add(-time.Duration(r.IntN(300)) * time.Hour).Add(time.Duration(r.IntN(3)-1) * time.Millisecond)
	}
	switch r.IntN(8) {
	case 0:
		q.Reference.Weeks = 1 + r.IntN(3)
	case 1:
		q.Reference.Previous = true
	case 2:
		q.Reference.Version = pick("v1", "v2")
	case 3:
		q.Reference.From, q.Reference.To = testNow.Add(-600*time.Hour), testNow.Add(-500*time.Hour)
	case 4:
		q.Zone, _ = time.LoadLocation("Europe/Berlin")
	}
	if r.IntN(4) == 0 {
		q.Across = engine.Columns(1 + r.IntN(7))
		if q.Reference.Previous {
			q.Across &^= engine.VersionColumn
		}
	}
	l = engine.ModelsList{Live: r.IntN(2) == 0, Details: r.IntN(3) == 0, Totals: r.IntN(2) == 0, Descending: r.IntN(3) == 0, Order: engine.ModelsOrder(r.IntN(len(engine.ModelsOrders())))}
	if r.IntN(4) == 0 {
		l.States = []engine.ModelState{engine.ModelState(r.IntN(9)), engine.ModelState(r.IntN(9))}
	}
	if r.IntN(4) == 0 {
		l.Words = []string{pick("A", "b", "V1", "1"), pick("", "v")}
	}
	if r.IntN(2) == 0 {
		l.Limit = 1 + r.IntN(12)
	}
	if r.IntN(3) == 0 {
		l.Offset = r.IntN(10)
	}
	return q, l
}

// TestListOfModelsAskedAlone holds a list of many models to what each model answers that is asked about alone.
func TestListOfModelsAskedAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 5))
	for range 3 {
		db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
		k := fleetOfFew(t, r, db)
		if r.IntN(2) == 0 {
			require.NoError(t, db.Checkpoint(t.Context()))
		}
		for range 40 {
			q, l := drawList(r)
			checkList(t, db, k, q, l)
			checkComparisons(t, db, k, engine.DriftReportQuery(q))
		}
	}
}

func checkList(t *testing.T, db *engine.DB, k *kept, q engine.ModelsQuery, l engine.ModelsList) {
	t.Helper()
	now := func() time.Time { return testNow }
	var got, elsewhere []engine.ModelRow
	page, err := db.ListModels(t.Context(), q, l, func(row *engine.ModelRow) bool { got = append(got, *row); return true })
	pageElsewhere, errElsewhere := engine.NewQuestions(k.spans(), k, now).ListModels(t.Context(), q, l, func(row *engine.ModelRow) bool { elsewhere = append(elsewhere, *row); return true })
	if err != nil {
		require.EqualError(t, errElsewhere, err.Error())
		return
	}
	require.NoError(t, errElsewhere)
	say := fmt.Sprintf("%+v\n%+v", q, l)

	want, ok := modelsAlone(t, db, k, q, l.Details)
	if !ok {
		return
	}
	hasWords := func(row *engine.ModelRow) bool {
		return !slices.ContainsFunc(l.Words, func(w string) bool {
			return !strings.Contains(strings.ToLower(row.Model), strings.ToLower(w)) && !strings.Contains(strings.ToLower(row.Version), strings.ToLower(w))
		})
	}
	if l.Totals {
		wide := q
		wide.Environment, wide.Literal = "", q.Literal&^engine.EnvironmentColumn
		if q.Across&engine.EnvironmentColumn != 0 {
			wide = q
		}
		all, ok := modelsAlone(t, db, k, wide, false)
		require.True(t, ok)
		require.Equal(t, totalsOf(slices.DeleteFunc(all, func(row engine.ModelRow) bool { return !hasWords(&row) })), page.Totals, say)
	}
	want = slices.DeleteFunc(want, func(row engine.ModelRow) bool {
		return !hasWords(&row) || len(l.States) > 0 && !slices.Contains(l.States, row.State) || l.Live && row.State == engine.StateRetired
	})
	require.Equal(t, len(want), page.Matched, say)
	require.Equal(t, page.Matched, pageElsewhere.Matched, "elsewhere "+say)
	require.Equal(t, page.Totals, pageElsewhere.Totals, "elsewhere "+say)
	slices.SortFunc(want, func(a, b engine.ModelRow) int { return compareListed(&a, &b, l.Order, l.Descending) })
	want = want[min(l.Offset, len(want)):]
	if l.Limit > 0 {
		want = want[:min(l.Limit, len(want))]
	}
	for _, x := range []struct {
		name string
		rows []engine.ModelRow
	}{{"here ", got}, {"elsewhere ", elsewhere}} {
		require.Len(t, x.rows, len(want), x.name+say)
		for i := range want {
			if want[i] != x.rows[i] {
				require.Equal(t, want[i], x.rows[i], x.name+say)
			}
		}
	}
}

// checkComparisons holds the comparisons of many models to that of each.
func checkComparisons(t *testing.T, db *engine.DB, k *kept, q engine.DriftReportQuery) {
	t.Helper()
	if q.Model == "" {
		q.Model = "*"
	}
	result, err := db.DriftReport(t.Context(), q)
	var elsewhere []engine.DriftReportRow
	_, errElsewhere := engine.NewQuestions(k.spans(), k, func() time.Time { return testNow }).EachDriftReport(t.Context(), q, func(row *engine.DriftReportRow) bool { elsewhere = append(elsewhere, *row); return true })
	if err != nil {
		require.EqualError(t, errElsewhere, err.Error())
		return
	}
	require.NoError(t, errElsewhere)
	require.Equal(t, result.Rows, elsewhere, "%+v", q)
	if q.Across&engine.ModelColumn != 0 {
		return
	}
	var want []engine.DriftReportRow
	for _, name := range modelsOf(k, q.Model, q.Within) {
		alone := q
		alone.Model, alone.Within, alone.Literal = name, "", q.Literal|engine.ModelColumn
		one, err := db.DriftReport(t.Context(), alone)
		if err != nil && q.Reference.Version != "" {
			return
		}
		require.NoError(t, err)
		want = append(want, one.Rows...)
	}
	slices.SortFunc(want, func(a, b engine.DriftReportRow) int {
		return compareListed(&engine.ModelRow{DriftReportRow: a}, &engine.ModelRow{DriftReportRow: b}, engine.OrderStatus, false)
	})
	require.Equal(t, want, result.Rows, "%+v", q)
}

// modelsOf are the models that a pattern names, of those that another one does.
func modelsOf(k *kept, pattern, within string) (names []string) {
	for _, s := range k.spans() {
		if (pattern == "" || engine.Names(pattern).Matches(s.Model)) && (within == "" || engine.Names(within).Matches(s.Model)) && !slices.Contains(names, s.Model) {
			names = append(names, s.Model)
		}
	}
	return names
}

// modelsAlone returns what each model answers that is asked about alone, of a total of several models what they answer without a list. ok is false
// where one of them has not the version that is the reference.
func modelsAlone(t *testing.T, db *engine.DB, k *kept, q engine.ModelsQuery, details bool) (rows []engine.ModelRow, ok bool) {
	t.Helper()
	ask := func(q engine.ModelsQuery) bool {
		_, err := db.ListModels(t.Context(), q, engine.ModelsList{Details: details}, func(row *engine.ModelRow) bool { rows = append(rows, *row); return true })
		if err != nil && q.Reference.Version != "" {
			return false
		}
		require.NoError(t, err)
		return true
	}
	if q.Across&engine.ModelColumn != 0 {
		return rows, ask(q)
	}
	for _, name := range modelsOf(k, q.Model, q.Within) {
		alone := q
		alone.Model, alone.Within, alone.Literal = name, "", q.Literal|engine.ModelColumn
		if !ask(alone) {
			return nil, false
		}
	}
	return rows, true
}

// totalsOf counts rows by environment and state.
func totalsOf(rows []engine.ModelRow) []engine.ModelTotal {
	type place struct {
		environment string
		state       engine.ModelState
	}
	versions, models := map[place]int{}, map[place]map[string]bool{}
	for i := range rows {
		for _, environment := range slices.Compact([]string{"*", rows[i].Environment}) {
			p := place{environment, rows[i].State}
			if versions[p]++; models[p] == nil {
				models[p] = map[string]bool{}
			}
			models[p][rows[i].Model] = true
		}
	}
	totals := []engine.ModelTotal{}
	for p, n := range versions {
		totals = append(totals, engine.ModelTotal{Environment: p.environment, State: p.state, Versions: n, Models: len(models[p])})
	}
	slices.SortFunc(totals, func(a, b engine.ModelTotal) int {
		return cmp.Or(strings.Compare(a.Environment, b.Environment), cmp.Compare(a.State, b.State))
	})
	return totals
}

// compareListed is the order of a list by its description.
func compareListed(a, b *engine.ModelRow, order engine.ModelsOrder, descending bool) int {
	class := func(r *engine.ModelRow) int {
		switch order {
		case engine.OrderStatus:
			return int(r.Status)
		case engine.OrderAttention:
			if r.Environment == "production" {
				return 2 * int(r.State)
			}
			return 2*int(r.State) + 1
		default:
			return 0
		}
	}
	rank := func(r *engine.ModelRow) float64 {
		rise := math.Inf(1)
		switch order {
		case engine.OrderStatus, engine.OrderChange:
			if r.RelativeChange.Null == engine.ZeroReference && r.Direction == engine.Worse {
				return rise
			}
			return r.RelativeChange.Float64()
		case engine.OrderAttention:
			if r.RelativeChangeLow.Null == engine.ZeroReference && r.Direction == engine.Worse {
				return rise
			}
			return r.RelativeChangeLow.Float64()
		case engine.OrderMAE:
			return r.Recent.MAE.Float64()
		case engine.OrderWas:
			return r.Reference.MAE.Float64()
		case engine.OrderRMSE:
			return r.Recent.RMSE.Float64()
		case engine.OrderBias:
			return math.Abs(r.Recent.Bias.Float64())
		case engine.OrderCoverage:
			return r.Recent.ActualCoverage.Float64()
		case engine.OrderCount:
			return float64(r.Recent.PredictionCount)
		case engine.OrderWeek:
			if r.WeekAgoCount.Number > 0 {
				return float64(r.Recent.PredictionCount) / r.WeekAgoCount.Number
			}
			return math.NaN()
		case engine.OrderAge:
			return float64(r.FirstEvent.UnixMilli())
		case engine.OrderLast:
			return float64(r.LastEvent.UnixMilli())
		default:
			return 0
		}
	}
	names := cmp.Or(strings.Compare(a.Model, b.Model), strings.Compare(a.Version, b.Version), strings.Compare(a.Environment, b.Environment))
	if order == engine.OrderModel {
		byModel := strings.Compare(a.Model, b.Model)
		if descending {
			byModel = -byModel
		}
		return cmp.Or(byModel, b.FirstEvent.Compare(a.FirstEvent), names)
	}
	sign := 1
	if descending {
		sign = -1
	}
	x, y := rank(a), rank(b)
	ranks := sign * cmp.Compare(y, x)
	if unknown := math.IsNaN(x); unknown != math.IsNaN(y) {
		ranks = map[bool]int{true: 1, false: -1}[unknown]
	} else if unknown {
		ranks = 0
	}
	return cmp.Or(sign*cmp.Compare(class(a), class(b)), ranks, names)
}
