package engine_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// knownRow is a prediction as the oracle of states knows it, in minutes before now. Its actual came lag minutes after it, if ever.
type knownRow struct {
	ago, lag int
	known    bool
	error    float64
}

// knownSeries is a series with its predictions, the oldest first.
type knownSeries struct {
	model, version, environment string
	rows                        []knownRow
}

const (
	hourAgo = 60
	dayAgo  = 24 * hourAgo
	weekAgo = 7 * dayAgo
)

// between counts the predictions from so long ago, included, until so long ago, left out.
func (s *knownSeries) between(from, to int) (n float64) {
	for _, r := range s.rows {
		if r.ago <= from && r.ago > to {
			n++
		}
	}
	return n
}

func (s *knownSeries) first() int { return s.rows[0].ago }
func (s *knownSeries) last() int  { return s.rows[len(s.rows)-1].ago }

// due is what docs/metrics.md says is due.
func (s *knownSeries) due() float64 {
	from, to := s.last()-30, 30
	if from <= to {
		return 0
	}
	week := s.between(from+weekAgo, to+weekAgo)
	if s.first() >= from+2*weekAgo {
		return (week + s.between(from+2*weekAgo, to+2*weekAgo)) / 2
	}
	begun := min(s.first(), weekAgo)
	rate := s.between(weekAgo, 6*hourAgo) / float64(max(begun-6*hourAgo, hourAgo)) * float64(s.last())
	switch {
	case s.first() >= from+weekAgo:
		return min(rate, week)
	case s.first() >= from+dayAgo:
		return min(rate, s.between(from+dayAgo, to+dayAgo))
	}
	return rate
}

// actualsDue is what is overdue, at least and at most: lags are known within one in a hundred.
func (s *knownSeries) actualsDue() (least, most float64) {
	last := math.MaxInt
	for _, r := range s.rows {
		if r.known {
			last = r.ago
		}
	}
	var all, known float64
	var lags []int
	for _, r := range s.rows {
		if r.ago >= last && r.ago <= last+14*dayAgo {
			all++
			if r.known {
				known++
				lags = append(lags, r.lag)
			}
		}
	}
	slices.Sort(lags)
	p95 := float64(lags[(len(lags)*95+99)/100-1])
	for _, r := range s.rows {
		if r.ago < last && float64(r.ago) > p95*1.011/0.75 {
			least += known / all
		}
		if r.ago < last && float64(r.ago) > p95*0.989/0.75 {
			most += known / all
		}
	}
	return least, most
}

// drawSeries draws a series of one of the kinds that states tell apart.
func drawSeries(r *rand.Rand, s *knownSeries) {
	pick := func(of ...int) int { return of[r.IntN(len(of))] }
	from := pick(40*dayAgo, 16*dayAgo, 16*dayAgo, 10*dayAgo, 8*dayAgo, 4*dayAgo, 40*hourAgo, 13*hourAgo, 6*hourAgo+40, 3*hourAgo)
	to := pick(0, 0, 0, 119, 120, 121, 4*hourAgo, 6*hourAgo, 9*hourAgo, 20*hourAgo, 3*dayAgo, 8*dayAgo)
	if to >= from {
		to = 0
	}
	every, nightly, rush := pick(5, 30, 60, 180, 400), r.IntN(6) == 0, r.IntN(5) == 0
	if from > 10*dayAgo || rush {
		every = max(every, 60)
	}
	lag, lost := pick(0, 0, 10, 10, 2*hourAgo, 30*hourAgo, 6*dayAgo), pick(0, 0, 0, 0, 8*hourAgo, 2*dayAgo, 9*dayAgo)
	coverage, rise := []float64{1, 1, 0.9, 0.4, 0}[r.IntN(5)], []float64{1, 1, 1.15, 3}[r.IntN(4)]
	if r.IntN(6) == 0 { // one whose error rises for sure
		from, to, every, nightly, lag, lost, coverage, rise = max(from, 30*hourAgo), 0, min(every, 30), false, min(lag, 10), 0, 1, 3
		from = min(from, 10*dayAgo)
	}
	sign := float64(pick(-1, 1))
	for ago := from; ago >= to; ago-- {
		busy := rush && ago%weekAgo < 10*hourAgo && ago%2 == 0 || ago%every == 0
		if !busy || r.IntN(8) == 0 && ago != to && ago != from || nightly && ago/hourAgo%24 > 4 {
			continue
		}
		row := knownRow{ago: ago, lag: lag, error: 1 + float64(ago%3)}
		if lag > 0 {
			row.lag += r.IntN(lag)
		}
		if ago < 8*hourAgo {
			row.error *= rise
		}
		row.error *= sign
		row.known = r.Float64() < coverage && ago-row.lag >= lost
		s.rows = append(s.rows, row)
	}
}

// store appends a series and then its actuals, as observed when they came.
func (s *knownSeries) store(t *testing.T, db *engine.DB) {
	t.Helper()
	var b event.Batch
	var a event.Actuals
	for _, r := range s.rows {
		at, id := testNow.Add(-time.Duration(r.ago)*time.Minute), fmt.Sprint(s.version, s.environment, r.ago)
		require.NoError(t, b.Add(event.Event{
			Timestamp: at, ModelID: s.model, PredictionID: id, Features: "{}", PredictedValue: 100 + r.error,
			ModelVersion: s.version, Environment: s.environment,
		}, db.Rules()))
		if r.known {
			require.NoError(t, a.Add(event.Actual{
				ModelID: s.model, PredictionID: id, Value: 100, Observed: at.Add(time.Duration(r.lag) * time.Minute),
			}, db.Rules()))
		}
	}
	_, err := db.Append(t.Context(), &b)
	require.NoError(t, err)
	if a.Len() > 0 {
		_, err = db.AppendActuals(t.Context(), &a)
		require.NoError(t, err)
	}
}

// state is the state by docs/metrics.md, of a row whose status is taken as it is.
func (s *knownSeries) state(t *testing.T, row *engine.ModelRow, others []*knownSeries) engine.ModelState {
	t.Helper()
	var recent, recentKnown, known int
	for _, r := range s.rows {
		if r.known {
			known++
		}
		if r.ago <= 6*hourAgo {
			recent++
			if r.known {
				recentKnown++
			}
		}
	}
	before, replaced := s.between(weekAgo, 6*hourAgo), false
	for _, o := range others {
		replaced = replaced || o != s && o.last() < s.last()
	}
	if row.Status == engine.DriftFound {
		return engine.StateDrift
	}
	if recent == 0 && (before == 0 || replaced) {
		return engine.StateRetired
	}
	asked := !replaced && (recent == 0 || s.last() >= 2*hourAgo)
	if asked && (recent == 0 && s.due() >= 10 || s.due() >= 50) {
		require.InDelta(t, s.due(), row.Details.PredictionsDue.Number, 1e-9)
		return engine.StateSilent
	}
	require.Equal(t, engine.NotAsked, row.Details.PredictionsDue.Null)
	actualsAsked := recent > 0 && recentKnown == 0 && known > 0
	if actualsAsked {
		least, most := s.actualsDue()
		if least >= 10 || most >= 10 && row.State == engine.StateActualsStopped {
			require.GreaterOrEqual(t, row.Details.ActualsDue.Number, least-1e-9)
			require.LessOrEqual(t, row.Details.ActualsDue.Number, most+1e-9)
			return engine.StateActualsStopped
		}
	}
	require.Equal(t, engine.NotAsked, row.Details.ActualsDue.Null)
	switch {
	case row.Status == engine.DriftWarning:
		return engine.StateWarning
	case recent > 0 && recentKnown == 0:
		return engine.StateWaiting
	case row.Status == engine.DriftNoReference && recent > 0:
		return engine.StateNew
	case row.Status == engine.DriftOK:
		return engine.StateOK
	}
	return engine.StateTooFew
}

// checkDetails holds what a row says beside its state to the predictions.
func (s *knownSeries) checkDetails(t *testing.T, row *engine.ModelRow, others []*knownSeries) {
	t.Helper()
	if s.first() < 6*hourAgo+weekAgo {
		require.Equal(t, engine.NoPredictions, row.WeekAgoCount.Null)
	} else {
		require.Equal(t, engine.Value{Number: s.between(6*hourAgo+weekAgo, weekAgo-1)}, row.WeekAgoCount)
	}
	var previous *knownSeries
	for _, o := range others {
		if older(o, s) && (previous == nil || older(previous, o)) {
			previous = o
		}
	}
	d := &row.Details
	if previous == nil {
		require.Empty(t, d.PreviousVersion)
	} else {
		require.Equal(t, previous.version, d.PreviousVersion)
		var n, sum float64
		for _, r := range previous.rows {
			if r.known && r.ago <= 6*hourAgo {
				n++
				sum += math.Abs(r.error)
			}
		}
		require.Equal(t, n > 0, d.PreviousRecentMAE.Null == engine.Present)
		if n > 0 {
			require.InEpsilon(t, sum/n, d.PreviousRecentMAE.Number, 1e-12)
		}
	}
	if d.ChangedAt.IsZero() {
		return
	}
	changed := int(testNow.Sub(d.ChangedAt).Minutes())
	var begun *knownSeries
	for _, o := range others {
		if o.first() >= changed && o.first() <= changed+48*hourAgo && (begun == nil || older(begun, o)) {
			begun = o
		}
	}
	if begun == nil {
		require.Empty(t, d.ChangeVersion)
	} else {
		require.Equal(t, begun.version, d.ChangeVersion)
	}
}

func older(a, b *knownSeries) bool {
	return a.first() > b.first() || a.first() == b.first() && a.version < b.version
}

// TestStatesOracle draws fleets and holds the state of each version, what was due, and the totals to arithmetic over all predictions.
func TestStatesOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 17))
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	fleet := map[event.Series]*knownSeries{}
	beside := map[[2]string][]*knownSeries{}
	const models = 90
	for m := range models {
		for v := range 1 + r.IntN(3) {
			for _, environment := range []string{"production", "staging"}[:1+r.IntN(5)/4] {
				s := &knownSeries{model: fmt.Sprint("m", m), version: fmt.Sprint("v", v), environment: environment}
				drawSeries(r, s)
				if len(s.rows) == 0 {
					continue
				}
				s.store(t, db)
				fleet[event.Series{Model: s.model, Version: s.version, Environment: s.environment}] = s
				key := [2]string{s.model, s.environment}
				beside[key] = append(beside[key], s)
			}
		}
		if m == models/2 {
			require.NoError(t, db.Checkpoint(t.Context()))
		}
	}
	for every, ago := range map[int]int{60: 16 * dayAgo, 30: 10 * dayAgo, 15: 4 * dayAgo} {
		s := &knownSeries{model: "silent" + strconv.Itoa(every), version: "v1", environment: "production"}
		for ; ago > 14*hourAgo; ago -= every {
			s.rows = append(s.rows, knownRow{ago: ago})
		}
		s.store(t, db)
		fleet[event.Series{Model: s.model, Version: s.version, Environment: s.environment}] = s
		beside[[2]string{s.model, s.environment}] = []*knownSeries{s}
	}
	young := &knownSeries{model: "young and by night", version: "v1", environment: "production"}
	for ago := 3 * dayAgo; ago > 10*hourAgo; ago-- {
		if ago%dayAgo > 10*hourAgo && ago%dayAgo < 12*hourAgo {
			young.rows = append(young.rows, knownRow{ago: ago, error: -3, known: true})
		}
	}
	young.store(t, db)
	fleet[event.Series{Model: young.model, Version: young.version, Environment: young.environment}] = young
	beside[[2]string{young.model, young.environment}] = []*knownSeries{young}
	type place struct {
		environment string
		state       engine.ModelState
	}
	versions, named, found := map[place]int{}, map[place]map[string]bool{}, map[string]int{}
	rows := 0
	list := engine.ModelsList{Details: true, Totals: true, Order: engine.OrderBias}
	bias := math.Inf(1)
	page, err := db.ListModels(t.Context(), engine.ModelsQuery{}, list, func(row *engine.ModelRow) bool {
		s, others := fleet[row.Series], beside[[2]string{row.Model, row.Environment}]
		require.Equal(t, s.state(t, row, others).String(), row.State.String(), "%v %+v", row.Series, row.DriftReportRow)
		s.checkDetails(t, row, others)
		if b := row.Recent.Bias; b.Null == engine.Present {
			require.LessOrEqual(t, math.Abs(b.Number), bias)
			bias = math.Abs(b.Number)
		}
		for _, e := range []string{"*", row.Environment} {
			p := place{e, row.State}
			versions[p]++
			if named[p] == nil {
				named[p] = map[string]bool{}
			}
			named[p][row.Model] = true
		}
		found[row.State.String()]++
		rows++
		return true
	})
	require.NoError(t, err)
	require.Len(t, fleet, rows)
	t.Log(found)
	for _, state := range []string{"drift", "silent", "actuals_stopped", "retired"} {
		require.Positive(t, found[state], "a fleet that has no model in the state %s tests less", state)
	}
	require.Len(t, page.Totals, len(versions))
	for _, total := range page.Totals {
		p := place{total.Environment, total.State}
		require.Equal(t, engine.ModelTotal{Environment: p.environment, State: p.state, Versions: versions[p], Models: len(named[p])}, total)
	}
	one, err := db.ListModels(t.Context(), engine.ModelsQuery{Environment: "staging"}, engine.ModelsList{Totals: true, Limit: 1},
		func(*engine.ModelRow) bool { return true })
	require.NoError(t, err)
	require.Equal(t, page.Totals, one.Totals, "totals are about all environments")
}

// TestFewAreSilentByChance has models whose predictions come by chance, with 3 to 120 of them in two weeks: of 1,000 less than one is
// called silent.
func TestFewAreSilentByChance(t *testing.T) {
	r := rand.New(rand.NewPCG(simulationSeed(t), 3))
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	for m := range 1000 {
		s := &knownSeries{model: fmt.Sprint("m", m), version: "v1", environment: "production"}
		for range []int{3, 20, 60, 120}[m%4] {
			s.rows = append(s.rows, knownRow{ago: r.IntN(2 * weekAgo)})
		}
		slices.SortFunc(s.rows, func(a, b knownRow) int { return b.ago - a.ago })
		s.rows = slices.CompactFunc(s.rows, func(a, b knownRow) bool { return a.ago == b.ago })
		s.store(t, db)
	}
	page, err := db.ListModels(t.Context(), engine.ModelsQuery{}, engine.ModelsList{Totals: true}, func(*engine.ModelRow) bool { return true })
	require.NoError(t, err)
	silent := 0
	for _, total := range page.Totals {
		if total.Environment == "*" && total.State == engine.StateSilent {
			silent = total.Models
		}
	}
	t.Logf("%d of 1,000 models are silent", silent)
	require.LessOrEqual(t, silent, 1)
}
