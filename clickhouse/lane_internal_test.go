package clickhouse

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// laneOfTests is a lane whose blocks are of two rows, and that nobody serves.
func laneOfTests() *lane {
	return newLane(&Store{config: Config{Options: Options{BatchRows: 2, WaitingRows: 5}.withDefaults()}}, nil, true)
}

// rowOf is a request of one row: a prediction or an actual.
func rowOf(t *testing.T, kind int) *request {
	t.Helper()
	rules := event.Rules{Newest: 1 << 50}
	if kind == ofPredictions {
		var b event.Batch
		require.NoError(t, b.Add(event.Event{Timestamp: time.UnixMilli(5), ModelID: "m", PredictionID: "1", ModelVersion: "v", Environment: "e", Features: "{}"}, rules))
		return &request{batch: &b}
	}
	var a event.Actuals
	require.NoError(t, a.Add(event.Actual{ModelID: "m", PredictionID: "1", Value: 3}, rules))
	return &request{actuals: &a}
}

// TestLaneOfBothKinds has predictions and actuals that come by turns go in one block each, and both wait for the same shard.
func TestLaneOfBothKinds(t *testing.T) {
	l := laneOfTests()
	var sent [kinds][]*request
	for i := range 5 {
		r := rowOf(t, i%kinds)
		require.NoError(t, l.queue(r))
		sent[i%kinds] = append(sent[i%kinds], r)
	}
	require.ErrorIs(t, l.queue(rowOf(t, ofActuals)), engine.ErrFull)
	require.Equal(t, sent[ofActuals], l.take(&l.queues[ofActuals]))
	require.Equal(t, sent[ofPredictions][:2], l.take(&l.queues[ofPredictions]))
	require.NoError(t, l.queue(rowOf(t, ofActuals)))
	require.True(t, l.withdraw(sent[ofPredictions][2]))
	require.False(t, l.withdraw(sent[ofPredictions][1]), "it is in a block")
	require.Empty(t, l.take(&l.queues[ofPredictions]))
}

// TestWhenBlocksGo holds a block to the one before: a full one goes at once, another one once that has had its time.
func TestWhenBlocksGo(t *testing.T) {
	l := laneOfTests()
	q := &l.queues[ofPredictions]
	after := func() time.Duration {
		at, waits := l.goesAt(q)
		require.Equal(t, len(q.waiting) > 0, waits)
		return at.Sub(q.wentAt)
	}
	require.Equal(t, 20*time.Millisecond, after(), "nothing waits")
	require.NoError(t, l.queue(rowOf(t, ofPredictions)))
	require.True(t, func() bool { at, _ := l.goesAt(q); return at.Before(time.Now()) }(), "nothing was sent before")
	l.take(q)
	require.NoError(t, l.queue(rowOf(t, ofPredictions)))
	require.Equal(t, secondAfter, after(), "a block is under way")
	require.NoError(t, l.queue(rowOf(t, ofPredictions)))
	require.Zero(t, after(), "it is full")
	require.True(t, l.withdraw(q.waiting[1]))
	for took, want := range map[time.Duration]time.Duration{time.Millisecond: 20 * time.Millisecond, 30 * time.Millisecond: 60 * time.Millisecond, time.Second: 100 * time.Millisecond} {
		q.underWay++
		l.arrived(q, took)
		l.mu.Lock()
		q.underWay = 0
		l.mu.Unlock()
		require.Equal(t, want, after(), took)
	}
	require.True(t, l.end(q), "one waits")
	require.ErrorIs(t, l.queue(rowOf(t, ofPredictions)), engine.ErrClosed)
}

// TestRefusal holds a shard that has refused a block to its time: it is left alone until then, and no longer than a while.
func TestRefusal(t *testing.T) {
	var of shard
	now := time.UnixMilli(1_764_000_000_000)
	require.NoError(t, of.refusal(now))
	for _, x := range []struct {
		class       error
		after, want time.Duration
	}{{engine.ErrFull, 2 * time.Second, 2 * time.Second}, {engine.ErrNoSpace, 30 * time.Second, refusedMost}} {
		of.noteStored(&engine.AwayError{Class: x.class, RetryAfter: x.after, Err: x.class}, now)
		require.ErrorIs(t, of.refusal(now.Add(x.want)), x.class)
		require.NoError(t, of.refusal(now.Add(x.want+1)))
		require.NotNil(t, of.refused.Load(), "it is tried first")
	}
	of.noteStored(&engine.AwayError{Class: engine.ErrUnavailable, RetryAfter: time.Second, Err: engine.ErrUnavailable}, now)
	require.ErrorIs(t, of.refusal(now), engine.ErrNoSpace, "a shard that is away says nothing of what it takes")
	of.noteStored(nil, now)
	require.NoError(t, of.refusal(now))
	require.Nil(t, of.refused.Load())
}
