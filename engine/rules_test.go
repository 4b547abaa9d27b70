package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

// TestRulesOf holds the rules of rows elsewhere to those of a store with the same options.
func TestRulesOf(t *testing.T) {
	of := []engine.ModelRetention{{Models: "short*", Keep: 40 * 24 * time.Hour}, {Models: "ever"}}
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true, Retention: 90 * 24 * time.Hour, RetentionOf: of, MaxFuture: time.Hour})
	want, got := db.Rules(), engine.RulesOf(testNow, time.Hour, 90*24*time.Hour, of)
	require.Equal(t, []int64{want.Oldest, want.Newest, want.KeptByAll}, []int64{got.Oldest, got.Newest, got.KeptByAll})
	for _, model := range []string{"short_1", "ever", "other"} {
		require.Equal(t, want.Kept.OldestOf(model), got.Kept.OldestOf(model), model)
	}
	require.Nil(t, engine.RulesOf(testNow, 0, 0, nil).Kept)
}
