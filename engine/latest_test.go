package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// predictions are rows of one version, from one time to before another; errors are 1 and 2 in turn.
type predictions struct {
	version, environment string
	from, to             time.Time
	every                time.Duration
	waiting              bool // without actuals
}

func (p predictions) append(t *testing.T, db *engine.DB) {
	t.Helper()
	var b event.Batch
	for at := p.from; at.Before(p.to); at = at.Add(p.every) {
		e := event.Event{
			Timestamp: at, ModelID: "m", ModelVersion: p.version, Environment: p.environment, Features: "{}",
			PredictionID:   fmt.Sprintf("%s-%s-%d", p.version, p.environment, b.Len()),
			PredictedValue: float64(11 + b.Len()%2), ActualValue: 10, HasActual: !p.waiting,
		}
		require.NoError(t, b.Add(e, db.Rules()))
	}
	_, err := db.Append(context.Background(), &b)
	require.NoError(t, err)
}

// TestLatest asks for what latest means of a model with a history, in heads and in segments.
func TestLatest(t *testing.T) {
	at := func(hours float64) time.Time { return testNow.Add(time.Duration(hours * float64(time.Hour))) }
	series := func(version string, from, to float64) predictions {
		return predictions{version, "production", at(from), at(to), 30 * time.Minute, false}
	}
	waiting := func(version string, from, to float64) predictions {
		p := series(version, from, to)
		p.waiting = true
		return p
	}
	for _, c := range []struct {
		name    string
		history []predictions
		want    string // of the last 24 hours
		count   uint64
	}{
		{"a roll-back", []predictions{series("v1", -96, -48), series("v2", -48, -30), series("v1", -30, 0)}, "v1", 48},
		{"a roll-out", []predictions{series("v1", -96, -6), series("v2", -6, 0)}, "v2", 12},
		{"a canary without actuals", []predictions{series("v1", -96, 0), waiting("v2", -2, -0.5)}, "v1", 48},
		{"a canary with actuals", []predictions{series("v1", -96, 0), series("v2", -2, -0.5)}, "v2", 3},
		{"one early test row", []predictions{series("v1", -96, 0), series("v2", -40, -39.9)}, "v1", 48},
		{
			"an early test row of the newcomer",
			[]predictions{series("v2", -90, -89.9), series("v1", -80, -10), series("v2", -10, 0)},
			"v1", 28,
		},
		{"the one so named", []predictions{series("latest", -96, -95), series("v1", -20, 0)}, "", 0},
		{"one that begins later", []predictions{series("v1", -20, 0), series("v2", 1, 2)}, "v2", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
			for _, p := range c.history {
				p.append(t, db)
			}
			check := func() {
				got, err := db.Metrics(context.Background(), engine.MetricsQuery{Model: "m"})
				require.NoError(t, err)
				if c.want == "" {
					require.Empty(t, got.Rows)
					return
				}
				require.Len(t, got.Rows, 1)
				require.Equal(t, c.want, got.Rows[0].Version)
				require.Equal(t, c.count, got.Rows[0].PredictionCount)
				if c.count%2 == 0 {
					require.Equal(t, 1.5, got.Rows[0].MAE)
				}
				report, err := db.Report(context.Background(), engine.ReportQuery{Model: "m"})
				require.NoError(t, err)
				require.Len(t, report.Rows, 1)
				require.Equal(t, c.want, report.Rows[0].Version)
				require.Equal(t, c.count, report.Rows[0].ActualCount)
			}
			check()
			require.NoError(t, db.Checkpoint(context.Background()))
			check()
		})
	}
}

// TestLatestSideBySide moves the window over two versions that take requests in turn.
func TestLatestSideBySide(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	from := testNow.Add(-72 * time.Hour)
	predictions{"champion", "production", from, testNow, 30 * time.Minute, false}.append(t, db)
	predictions{"challenger", "production", from.Add(15 * time.Minute), testNow, 30 * time.Minute, false}.append(t, db)
	for minute := range 120 {
		at := testNow.Add(time.Duration(-minute) * time.Minute)
		got, err := db.Metrics(context.Background(), engine.MetricsQuery{Model: "m", AsOf: at})
		require.NoError(t, err)
		require.Len(t, got.Rows, 1)
		require.Equal(t, "challenger", got.Rows[0].Version, "%d minutes ago", minute)
	}
}

// TestLatestWithoutActuals asks for a model that has none in the window: a report says so of the newest version that
// predicts, else of the newest that there is.
func TestLatestWithoutActuals(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	at := func(hours int) time.Time { return testNow.Add(time.Duration(hours) * time.Hour) }
	predictions{"v1", "production", at(-90), at(0), time.Hour, true}.append(t, db)
	predictions{"v2", "production", at(-80), at(-70), time.Hour, false}.append(t, db)
	for _, c := range []struct {
		asOf    time.Time
		version string
		rows    uint64
	}{
		{at(0), "v1", 24},
		{at(-75), "v2", 6},
		{at(24 * 5), "v2", 0},
	} {
		got, err := db.Report(context.Background(), engine.ReportQuery{Model: "m", AsOf: c.asOf})
		require.NoError(t, err)
		require.Len(t, got.Rows, 1)
		require.Equal(t, c.version, got.Rows[0].Version)
		require.Equal(t, c.rows, got.Rows[0].PredictionCount)
	}
}
