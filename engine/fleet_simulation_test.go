package engine_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/race"
)

// simulatedFleet is models whose errors are drawn hour by hour for a week and 6 h, and judged as a report does: the last 6 h against
// those before, but for a gap of 24 h, or against the same hours of each day before.
type simulatedFleet struct {
	name   string
	models int
	// rise is by how much the errors of the last 6 h are larger, daily how much those of a day vary, and run how alike hours are that
	// follow each other: the share that an hour keeps of how the one before was off.
	rise, daily, run float64
	sameHours        bool
}

// judge returns how many models drift, and how many are on warning. Models have 5 to 1,000 actuals in 6 h.
func (f *simulatedFleet) judge(r *rand.Rand, g engine.Gates) (drift, warning int) {
	const hours, recent, gap = 168 + 6, 6, 24
	for model := range f.models {
		law := []string{"normal", "laplace", "lognormal"}[model%3]
		perHour := math.Exp(math.Log(5.0/6) + r.Float64()*math.Log(200))
		var n, sum, square [2]float64
		off := 0.0
		for hour := range hours {
			off = f.run*off + math.Sqrt(1-f.run*f.run)*r.NormFloat64()*0.15*math.Copysign(1, f.run)
			scale := 1 + f.daily*math.Sin(2*math.Pi*float64(hour)/24)
			if f.run > 0 {
				scale *= math.Exp(off)
			}
			side := 1
			if hour >= hours-recent {
				side, scale = 0, scale*(1+f.rise)
			}
			isReference := hour < hours-recent-gap
			if f.sameHours {
				isReference = hour%24 >= (hours-recent)%24 && hour%24 < (hours-recent)%24+recent
			}
			if side == 1 && !isReference {
				continue
			}
			count := int(perHour)
			if r.Float64() < perHour-math.Floor(perHour) {
				count++
			}
			for range count {
				e := math.Abs(errorLaws[law](r)) * scale
				n[side]++
				sum[side] += e
				square[side] += e * e
			}
		}
		if n[0] < float64(g.MinRecent) || n[1] < float64(g.MinReference) {
			continue
		}
		var mean, variance [2]float64
		for i := range mean {
			mean[i] = sum[i] / n[i]
			variance[i] = (square[i]/n[i] - mean[i]*mean[i]) / n[i]
		}
		z, change := (mean[0]-mean[1])/math.Sqrt(variance[0]+variance[1]), mean[0]/mean[1]-1
		switch {
		case z >= g.DriftZ && change >= g.DriftChange:
			drift++
		case z >= g.WarningZ && change >= g.WarningChange:
			warning++
		}
	}
	return drift, warning
}

// TestFleetAtFirstSight looks at fleets once each: one of 1,000 models that do not change shows at most one false drift and no more
// than five warnings. docs/metrics.md has what it logs.
func TestFleetAtFirstSight(t *testing.T) {
	s := simulationSeed(t)
	fleets := []simulatedFleet{
		{name: "nothing changes", models: 50},
		{name: "nothing changes", models: 1000},
		{name: "all rise by 30 %", models: 1000, rise: 0.3},
		{name: "all rise by 60 %", models: 1000, rise: 0.6},
		{name: "errors come in runs", models: 1000, run: 0.8},
		{name: "a day varies by 30 %", models: 1000, daily: 0.3},
		{name: "a day varies by 30 %, against the same hours", models: 1000, daily: 0.3, sameHours: true},
	}
	for _, f := range fleets[:race.Cases(len(fleets))] {
		drift, warning := f.judge(rand.New(rand.NewPCG(s, 1)), engine.DefaultGates())
		t.Logf("%s, %d models: %d drift, %d warning", f.name, f.models, drift, warning)
		if f.rise == 0 && f.daily == 0 && f.run == 0 {
			require.LessOrEqual(t, drift, 1)
			require.LessOrEqual(t, warning, 5)
		}
		if f.sameHours {
			require.LessOrEqual(t, drift, 1)
		}
	}
}
