package engine_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// TestHeadsAreBounded holds checkpoints up: rows not sealed take twice HeadBytes and what the appends under way bring.
// Others wait, or end with their context; queries go on; and all go on once there are checkpoints again.
func TestHeadsAreBounded(t *testing.T) {
	const headBytes, clients, requests = int64(4 << 10), 4, 300
	db := openDB(t, t.TempDir(), engine.Options{HeadBytes: headBytes})
	release := sync.OnceFunc(db.HoldCheckpoints())
	t.Cleanup(release)
	var sent atomic.Int64
	batch := func() *event.Batch { return oneEvent(t, db, fmt.Sprintf("%06d", sent.Add(1))) }
	_, err := db.Append(context.Background(), batch())
	require.NoError(t, err)
	each := db.HeadBytes()
	require.Positive(t, each)
	require.Less(t, 2*headBytes, clients*requests*each, "else nothing waits")

	var appending sync.WaitGroup
	for range clients {
		appending.Go(func() {
			for range requests {
				if _, err := db.Append(context.Background(), batch()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	require.Eventually(t, func() bool { return db.Stats().Waits == clients }, time.Minute, time.Millisecond)
	require.GreaterOrEqual(t, db.HeadBytes(), 2*headBytes)
	require.LessOrEqual(t, db.HeadBytes(), 2*headBytes+clients*each)
	before := count(t, db)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err = db.Append(ctx, batch())
	require.ErrorIs(t, err, engine.ErrFull)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, before, count(t, db))

	release()
	appending.Wait()
	require.EqualValues(t, clients*requests+1, count(t, db))
}
