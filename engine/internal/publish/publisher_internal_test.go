package publish

import (
	"errors"
	"hash/maphash"
	"strconv"
	"testing"
	"time"

	"github.com/puzpuzpuz/xsync/v3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// newTest returns a publisher alone. What it fails with is in failed.
func newTest(failed *error) *Publisher {
	seed := maphash.MakeSeed()
	return New(Env{
		Models: xsync.NewMapOf[string, *catalog.Model](), Keys: idempotency.NewWindow(10),
		Hash:       func(id []byte) uint64 { return maphash.Bytes(seed, id) },
		ActualsTTL: time.Hour, ActualsBytes: 1 << 20,
		Failure: func() error { return *failed }, Fail: func(err error) { *failed = err },
		Quarantine: func(uint64, int64, string, []event.Reject, int) {},
		HeadFull:   func(catalog.ModelMonth) {}, Published: func() {},
	})
}

// predictions is a record of rows of a model, a second apart.
func predictions(t *testing.T, model string, rows int) *record.Record {
	t.Helper()
	b := new(event.Batch)
	for i := range rows {
		e := event.Event{
			Timestamp: now.Add(time.Duration(i) * time.Second), ModelID: model, ModelVersion: "v1", Environment: "production",
			PredictionID: strconv.Itoa(i), Features: "{}", PredictedValue: 1,
		}
		require.NoError(t, b.Add(e, event.Rules{Newest: e.Timestamp.UnixMilli()}))
	}
	return &record.Record{Batch: b, At: now.UnixMilli(), Trusted: now.UnixMilli()}
}

// TestDeferredHold holds that a record waits for the publications of its models, and for no others.
func TestDeferredHold(t *testing.T) {
	var d deferred
	a, b := predictions(t, "a", 1), predictions(t, "b", 1)
	require.False(t, d.hold(a))
	for range 2 {
		d.add(NewPublication(a, new(head.Batch)))
	}
	require.True(t, d.hold(a))
	require.False(t, d.hold(b))
	first := d.queue[0]
	d.remove()
	require.NoError(t, first.Wait())
	require.True(t, d.hold(a), "the second is under way")
	d.remove()
	require.False(t, d.hold(a))
}

// TestEndEpoch holds that a handover has all that was published before it, whole, and a later one nothing of it.
func TestEndEpoch(t *testing.T) {
	const rows = 20 * runMax
	var failed error
	p := newTest(&failed)
	p.SetSlice(1)
	x := NewPublication(predictions(t, "a", rows), new(head.Batch))
	require.NoError(t, p.Publish(1, x))
	c := p.EndEpoch()
	require.NoError(t, x.Wait())
	require.EqualValues(t, rows, c.Rows)
	require.Len(t, c.Dirty, 1)
	require.EqualValues(t, 1, c.Epoch)
	require.Equal(t, rows, c.Dirty[0].Month.Head.Rows)
	require.Positive(t, p.Counters.HeadBytes())
	p.Counters.Uncovered.Add(-c.Rows)
	p.Counters.Sealed()
	require.Zero(t, p.Counters.HeadBytes())
	c = p.EndEpoch()
	require.Equal(t, Handover{Epoch: 2}, c)
	p.WaitIdle()
}

// TestPublishAfterFailure holds that nothing is published once something could not be.
func TestPublishAfterFailure(t *testing.T) {
	failed := errors.New("no")
	p := newTest(&failed)
	x := NewPublication(predictions(t, "a", 1), new(head.Batch))
	require.ErrorIs(t, p.Publish(1, x), failed)
	require.Zero(t, p.Counters.Rows.Load())
	require.Zero(t, p.env.Models.Size())
}
