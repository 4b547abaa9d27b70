package verdict_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/verdict"
)

const (
	hour = 3_600_000
	now  = 1000 * hour
)

// live are the facts of a version that is well.
func live() verdict.Facts {
	return verdict.Facts{
		At: now, Gated: verdict.Passed, RecentFrom: now - 6*hour, Recent: 300, RecentActuals: 200, Before: 5000, Actuals: 4000, Last: now - 60_000, LastOfOthers: -1 << 63,
	}
}

// TestStates has a row for each way to a state, and what stands before what.
func TestStates(t *testing.T) {
	for _, c := range []struct {
		name   string
		want   verdict.State
		change func(f *verdict.Facts)
	}{
		{"well", verdict.OK, func(*verdict.Facts) {}},
		{"drifted", verdict.Drift, func(f *verdict.Facts) { f.Gated = verdict.Drifted }},
		{"drifted, and quiet since", verdict.Drift, func(f *verdict.Facts) { f.Gated, f.Last, f.Due = verdict.Drifted, now-3*hour, 500 }},
		{"on warning", verdict.Warning, func(f *verdict.Facts) { f.Gated = verdict.Warned }},
		{"on warning, and quiet since", verdict.Silent, func(f *verdict.Facts) { f.Gated, f.Last, f.Due = verdict.Warned, now-2*hour, 50 }},
		{"quiet for less than two hours", verdict.OK, func(f *verdict.Facts) { f.Last, f.Due = now-2*hour+1, 500 }},
		{"quiet, and few were due", verdict.OK, func(f *verdict.Facts) { f.Last, f.Due = now-3*hour, 49 }},
		{"quiet, and another goes on", verdict.OK, func(f *verdict.Facts) { f.Last, f.Due, f.LastOfOthers = now-3*hour, 500, now }},
		{"none recent", verdict.Silent, func(f *verdict.Facts) {
			f.Gated, f.Recent, f.RecentActuals, f.Last, f.Due = verdict.InsufficientData, 0, 0, now-9*hour, verdict.Enough
		}},
		{"none recent, and none due", verdict.TooFew, func(f *verdict.Facts) {
			f.Gated, f.Recent, f.RecentActuals, f.Last, f.Due = verdict.InsufficientData, 0, 0, now-9*hour, verdict.Enough-1
		}},
		{"none recent, and another is newer", verdict.Retired, func(f *verdict.Facts) {
			f.Gated, f.Recent, f.RecentActuals, f.Last, f.Due, f.LastOfOthers = verdict.InsufficientData, 0, 0, now-9*hour, 500, now-8*hour
		}},
		{"none recent, and one that was rolled back", verdict.Silent, func(f *verdict.Facts) {
			f.Gated, f.Recent, f.RecentActuals, f.Last, f.Due, f.LastOfOthers = verdict.InsufficientData, 0, 0, now-9*hour, 500, now-90*hour
		}},
		{"none for long", verdict.Retired, func(f *verdict.Facts) {
			f.Gated, f.Recent, f.RecentActuals, f.Before, f.Last, f.Due = verdict.NoReference, 0, 0, 0, now-900*hour, 500
		}},
		{"actuals stopped", verdict.ActualsStopped, func(f *verdict.Facts) {
			f.Gated, f.RecentActuals, f.ActualsDue = verdict.InsufficientData, 0, verdict.Enough
		}},
		{"actuals stopped long ago", verdict.ActualsStopped, func(f *verdict.Facts) {
			f.Gated, f.RecentActuals, f.ActualsDue = verdict.NoReference, 0, verdict.Enough
		}},
		{"actuals are not due", verdict.Waiting, func(f *verdict.Facts) {
			f.Gated, f.RecentActuals, f.ActualsDue = verdict.InsufficientData, 0, verdict.Enough-1
		}},
		{"never an actual", verdict.Waiting, func(f *verdict.Facts) {
			f.Gated, f.RecentActuals, f.Actuals, f.ActualsDue = verdict.NoReference, 0, 0, 500
		}},
		{"nothing to compare with", verdict.New, func(f *verdict.Facts) { f.Gated = verdict.NoReference }},
		{"too few", verdict.TooFew, func(f *verdict.Facts) { f.Gated, f.RecentActuals = verdict.InsufficientData, 11 }},
	} {
		f := live()
		c.change(&f)
		require.Equal(t, c.want.String(), verdict.Of(&f).String(), c.name)
	}
	for i, text := range verdict.States() {
		s, ok := verdict.StateOf(text)
		require.True(t, ok)
		require.Equal(t, verdict.State(i), s)
		require.Equal(t, i <= int(verdict.Warning), s.Hot())
	}
	_, ok := verdict.StateOf("dead")
	require.False(t, ok)
}

// TestOnset finds the hour of a rise among hours of different weight.
func TestOnset(t *testing.T) {
	for rise := 6; rise < 35; rise++ {
		var hours []verdict.Bucket
		for i := range 40 {
			b := verdict.Bucket{Actuals: uint64(i * 7 % 5)}
			b.SumError = float64(b.Actuals) * (1 + 0.1*float64(i%2))
			if i >= rise {
				b.SumError *= 2
			}
			hours = append(hours, b)
		}
		for hours[rise].Actuals == 0 { // where nothing is known the hour after may be it
			rise++
		}
		got := verdict.Onset(hours)
		require.LessOrEqual(t, got, rise)
		for i := got; i < rise; i++ {
			require.Zero(t, hours[i].Actuals)
		}
	}
	require.Zero(t, verdict.Onset(make([]verdict.Bucket, 5)))
}

// TestRate has what is to be expected of so many in a time, of which less than an hour tells too little.
func TestRate(t *testing.T) {
	require.InDelta(t, 50, verdict.Rate(100, 4*hour, 2*hour), 0)
	require.InDelta(t, 200, verdict.Rate(100, hour, 2*hour), 0)
	require.InDelta(t, 200, verdict.Rate(100, hour/2, 2*hour), 0)
	require.InDelta(t, 200, verdict.Rate(100, -hour, 2*hour), 0)
}
