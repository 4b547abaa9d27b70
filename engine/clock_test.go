package engine_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// TestWrongClock gives a store a wall clock that is wrong for a while: nothing of it is lost, and what is sent meanwhile
// is taken. What the log replays comes to the same.
func TestWrongClock(t *testing.T) {
	const day = 24 * time.Hour
	ctx := context.Background()
	now, elapsed := testNow, time.Duration(0)
	opts := engine.Options{
		NoBackground: true, Retention: 90 * day, ActualsTTL: day,
		Now: func() time.Time { return now.Add(elapsed) }, Elapsed: func() time.Duration { return elapsed },
	}
	for name, off := range map[string]time.Duration{"a year ahead": 365 * day, "ten days ahead": 10 * day, "decades behind": -50 * 365 * day} {
		t.Run(name, func(t *testing.T) {
			now, elapsed = testNow, 0
			dir := t.TempDir()
			db := openDB(t, dir, opts)
			once := func(key string) engine.Appended {
				var b event.Batch
				require.NoError(t, b.Add(newcomer("m", key, 0), db.Rules()))
				done, err := db.AppendOnce(ctx, &b, engine.Key{ID: key})
				require.NoError(t, err)
				return done
			}
			require.False(t, once("first").Duplicate)
			appendEvents(t, db, newcomer("m", "old", 2*month))
			require.NoError(t, db.Checkpoint(ctx))
			sendActual(t, db, "m", "waiting", 1)
			elapsed += 5 * time.Hour
			months := db.Stats().Months

			now = now.Add(off)
			for i := range 65 {
				elapsed += time.Second
				require.NoError(t, db.DropExpired())
				if i%20 == 0 {
					require.Equal(t, 1, once("meanwhile"+strconv.Itoa(i)).Successful)
				}
			}
			require.Equal(t, off.Round(time.Hour), db.Stats().ClockDoubt.Round(time.Hour))
			now = now.Add(-off)

			for range 2 {
				elapsed += time.Second
				require.True(t, once("first").Duplicate)
				require.True(t, once("meanwhile0").Duplicate)
				require.NoError(t, db.Checkpoint(ctx))
				require.NoError(t, db.DropExpired())
				require.Equal(t, months, db.Stats().Months)
				require.Equal(t, 1, db.Stats().Orphans)
				require.Zero(t, db.Stats().Quarantined[event.CodeOrphan])
				require.NoError(t, db.Close())
				db = openDB(t, dir, opts)
			}

			// Time that passes lets all of it expire.
			elapsed += 8 * day
			require.False(t, once("later").Duplicate)
			require.Zero(t, db.Stats().Orphans)
			require.False(t, once("first").Duplicate)
			elapsed += 120 * day
			require.NoError(t, db.Checkpoint(ctx))
			require.NoError(t, db.DropExpired())
			require.Zero(t, db.Stats().Months)
		})
	}
}
