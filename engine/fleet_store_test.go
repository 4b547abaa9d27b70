package engine_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

var fleetModels = flag.Int("engine.fleet", 30, "how many models the fleets of TestFleetsInAStore have")

// storedFleet is models whose rows are stored, of which each fifth is worse by rise in the last 6 h. Errors of a day vary by daily around their
// mean, in the time of day of each model's own, those of Saturdays and Sundays are larger by weekly, and run is how alike hours are that follow
// each other.
type storedFleet struct {
	name                     string
	rise, daily, weekly, run float64
}

const fleetRecent = 6 * time.Hour

// worse tells which models of a fleet are.
func (f *storedFleet) worse(model int) bool { return f.rise > 0 && model%5 == 0 }

// store appends a week and 6 h of rows, and the same 6 h of the three weeks before. Models have 5 to 200 actuals in 6 h.
func (f *storedFleet) store(t *testing.T, db *engine.DB, r *rand.Rand, models int) {
	t.Helper()
	var batch event.Batch
	send := func() {
		_, err := db.Append(t.Context(), &batch)
		require.NoError(t, err)
		batch.Reset()
	}
	var hours []time.Time
	for week := 4; week > 1; week-- {
		for ago := fleetRecent; ago > 0; ago -= time.Hour {
			hours = append(hours, testNow.Add(-ago-time.Duration(week)*7*24*time.Hour))
		}
	}
	for ago := 7*24*time.Hour + fleetRecent; ago > 0; ago -= time.Hour {
		hours = append(hours, testNow.Add(-ago))
	}
	rows := 0
	for model := range models {
		law := errorLaws[[]string{"normal", "laplace", "lognormal"}[model%3]]
		perHour, phase, off := math.Exp(math.Log(5.0/6)+r.Float64()*math.Log(40)), 2*math.Pi*r.Float64(), 0.0
		for _, hour := range hours {
			off = f.run*off + math.Sqrt(1-f.run*f.run)*r.NormFloat64()*0.15
			scale := 1 + f.daily*math.Sin(phase+2*math.Pi*float64(hour.Hour())/24)
			if f.run > 0 {
				scale *= math.Exp(off)
			}
			if day := hour.Weekday(); day == time.Saturday || day == time.Sunday {
				scale *= 1 + f.weekly
			}
			if f.worse(model) && testNow.Sub(hour) <= fleetRecent {
				scale *= 1 + f.rise
			}
			n := int(perHour + r.Float64())
			for i := range n {
				rows++
				require.NoError(t, batch.Add(event.Event{
					Timestamp: hour.Add(time.Duration(i) * time.Hour / time.Duration(n)), ModelID: "model_" + strconv.Itoa(model), PredictionID: strconv.Itoa(rows), Features: "{}",
					PredictedValue: 100 + scale*law(r), ActualValue: 100, HasActual: true, ModelVersion: "v1", Environment: "production",
				}, db.Rules()))
			}
		}
		if batch.Len() > 100_000 || model == models-1 {
			send()
		}
	}
}

// verdictsOf are how many models of a fleet drift or are on warning although nothing has changed, and how many of those that are worse and
// have a verdict are not said to drift: of all of them, and of those with 100 recent actuals.
type verdictsOf struct {
	same, falseDrift, falseWarning    int
	worse, missed, large, largeMissed int
}

func (f *storedFleet) judge(t *testing.T, db *engine.DB, q engine.DriftReportQuery) (v verdictsOf) {
	t.Helper()
	q.Model = "*"
	report, err := db.DriftReport(t.Context(), q)
	require.NoError(t, err)
	for i := range report.Rows {
		row := &report.Rows[i]
		var model int
		_, err := fmt.Sscanf(row.Model, "model_%d", &model)
		require.NoError(t, err)
		switch status := row.Status; {
		case status == engine.DriftInsufficientData || status == engine.DriftNoReference:
		case f.worse(model):
			v.worse++
			isLarge, isMissed := row.Recent.ActualCount >= 100, status != engine.DriftFound
			if isMissed {
				v.missed++
			}
			if isLarge {
				v.large++
			}
			if isLarge && isMissed {
				v.largeMissed++
			}
		default:
			v.same++
			if status == engine.DriftFound {
				v.falseDrift++
			}
			if status == engine.DriftWarning {
				v.falseWarning++
			}
		}
	}
	return v
}

// TestFleetsInAStore stores fleets and looks at them once, by each way to compare. docs/metrics.md has what it logs with -engine.fleet=1000.
func TestFleetsInAStore(t *testing.T) {
	seed := simulationSeed(t)
	ways := []struct {
		name string
		q    engine.DriftReportQuery
	}{
		{"rolling", engine.DriftReportQuery{}},
		{"rolling, touching", engine.DriftReportQuery{Gap: time.Millisecond}},
		{"seasonal:4", engine.DriftReportQuery{Reference: engine.Reference{Weeks: 4}}},
	}
	for _, f := range []storedFleet{
		{name: "nothing changes"},
		{name: "a fifth rises by 30 %", rise: 0.3},
		{name: "a fifth rises by 60 %", rise: 0.6},
		{name: "a day varies by 30 %, a fifth rises by 60 %", daily: 0.3, rise: 0.6},
		{name: "weekends are worse by 30 %, a fifth rises by 60 %", weekly: 0.3, rise: 0.6},
		{name: "errors come in runs, a fifth rises by 60 %", run: 0.8, rise: 0.6},
	} {
		t.Run(f.name, func(t *testing.T) {
			db, err := engine.Open(t.TempDir(), engine.Options{NoBackground: true, Now: func() time.Time { return testNow }})
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close()) }()
			f.store(t, db, rand.New(rand.NewPCG(seed, 1)), *fleetModels)
			for _, way := range ways {
				v := f.judge(t, db, way.q)
				t.Logf("%s: %d of %d drift falsely, %d warn; %d of %d are missed, of those with 100 actuals %d of %d", way.name, v.falseDrift, v.same, v.falseWarning, v.missed, v.worse, v.largeMissed, v.large)
				if f.run > 0 || way.name != "seasonal:4" && f.daily+f.weekly > 0 {
					continue // which no gate is a protection against
				}
				most := max(1, *fleetModels/1000)
				require.LessOrEqual(t, v.falseDrift, most)
				require.LessOrEqual(t, v.falseWarning, 5*most)
				if f.rise > 0.5 {
					require.LessOrEqual(t, v.largeMissed, max(1, v.large*3/5), "heavy tails need more actuals than these have")
				}
			}
		})
	}
}
