package retention_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine/internal/retention"
	"github.com/residualdb/residual/event"
)

const day = 24 * time.Hour

// TestOf holds that the most specific rule of a model counts.
func TestOf(t *testing.T) {
	table := retention.New(90*day, []retention.Rule{
		{Models: "team_*", Keep: 60 * day}, {Models: "audit", Keep: 0}, {Models: "team_a_*", Keep: 30 * day}, {Models: "team_a_1", Keep: 400 * day},
	})
	for model, want := range map[string]time.Duration{
		"other": 90 * day, "team_": 60 * day, "team_b": 60 * day, "team_a_2": 30 * day, "team_a_1": 400 * day, "team_a_10": 30 * day, "audit": 0, "audits": 90 * day,
	} {
		require.Equal(t, want, table.Of(model).Keep, model)
	}
	require.False(t, table.Forever())
	require.True(t, retention.New(0, nil).Forever())
	require.False(t, retention.New(0, []retention.Rule{{Models: "m", Keep: day}}).Forever())
}

// TestBound holds that rows are kept by whole months: all models' from the shortest retention on, and some from the longest.
func TestBound(t *testing.T) {
	past := time.Date(2026, time.March, 20, 12, 0, 0, 0, time.UTC)
	month := func(m time.Month) int64 { return time.Date(2026, m, 1, 0, 0, 0, 0, time.UTC).UnixMilli() }
	var r event.Rules
	retention.New(30*day, nil).Bound(&r, past.UnixMilli())
	require.Equal(t, event.Rules{Oldest: month(time.February)}, r)

	retention.New(30*day, []retention.Rule{{Models: "short", Keep: day}, {Models: "long_*", Keep: 60 * day}}).Bound(&r, past.UnixMilli())
	require.Equal(t, month(time.January), r.Oldest)
	require.Equal(t, month(time.March), r.KeptByAll)
	require.Equal(t, month(time.March), r.Kept.OldestOf("short"))
	require.Equal(t, month(time.February), r.Kept.OldestOf("other"))
	require.Equal(t, month(time.January), r.Kept.OldestOf("long_1"))

	retention.New(30*day, []retention.Rule{{Models: "kept", Keep: 0}}).Bound(&r, past.UnixMilli())
	require.Zero(t, r.Oldest)
	require.Zero(t, r.Kept.OldestOf("kept"))
}
