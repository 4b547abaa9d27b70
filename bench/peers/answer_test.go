//go:build linux

package main

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCompare changes one thing at a time in an answer: what would be a wrong answer must be found, and nothing else.
func TestCompare(t *testing.T) {
	want := map[string]any{
		"model_id": "model_7", "model_version": "v7.1", "environment": "production", "prediction_count": "234",
		"rmse": "502207.4109987386", "mae": "404336.621923077",
		"period_start": "2025-12-31 00:02:51", "period_end": "2025-12-31 23:58:18",
		"drift_percentage": "0.0001", "analysis_timestamp": "2026-01-01 00:00:00",
	}
	for _, c := range []struct {
		column string
		value  any
		equal  bool
	}{
		{"prediction_count", 234, true},
		{"prediction_count", "235", false},
		{"rmse", "502207.41099873855", true},
		{"rmse", "502207.4109993", false}, // 1.1e-12 off
		{"mae", "null", false},
		{"mae", "NaN", false},
		{"period_start", "2025-12-31T00:02:51.000Z", true},
		{"period_end", "2025-12-31 23:58:17", false},
		{"drift_percentage", "0.0001000000005", true}, // half of 1e-12
		{"drift_percentage", "0.000100000002", false},
		{"model_version", "v7.10", false},
		{"analysis_timestamp", "2026-01-01 00:00:01", true},
	} {
		got := maps.Clone(want)
		got[c.column] = c.value
		err := compare(answer{want}, answer{got})
		require.Equal(t, c.equal, err == nil, "%s = %v: %v", c.column, c.value, err)
	}

	require.NoError(t, compare(nil, answer{}))
	require.ErrorContains(t, compare(answer{want}, nil), "0 rows instead of 1")
	fewer := maps.Clone(want)
	delete(fewer, "rmse")
	require.Error(t, compare(answer{want}, answer{fewer}))
	require.Error(t, compare(answer{fewer}, answer{want}))
	fewer["unheard_of"] = 1
	require.Error(t, compare(answer{want}, answer{fewer}))
}
