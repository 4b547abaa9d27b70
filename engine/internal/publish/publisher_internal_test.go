package publish

import (
	"context"
	"errors"
	"hash/maphash"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/puzpuzpuz/xsync/v3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// newTest returns a publisher alone. What it fails with is in failed.
func newTest(failed *error) *Publisher {
	seed := maphash.MakeSeed()
	return New(Env{
		Models: xsync.NewMapOf[string, *catalog.Model](), Keys: idempotency.NewWindow(10), Positions: new(positions.Memory),
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

// TestBetween looks at the store again and again while records are published in slices, so many that one is always under way: none is
// there in part.
func TestBetween(t *testing.T) {
	const records, rows = 200, 4 * runMax
	var failed error
	p := newTest(&failed)
	p.SetSlice(1)
	all := make([]*Publication, records)
	for i := range all {
		all[i] = NewPublication(predictions(t, "m"+strconv.Itoa(i), rows), new(head.Batch))
	}
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for i, x := range all {
			if err := p.Publish(uint64(i+1), x); err != nil {
				t.Error(err)
			}
			if i > 1 {
				if err := all[i-2].Wait(); err != nil { // so that two are under way
					t.Error(err)
				}
			}
		}
	})
	for whole := 0; whole < records; {
		require.NoError(t, p.Between(context.Background(), func() {
			whole = 0
			p.env.Models.Range(func(_ string, m *catalog.Model) bool {
				for _, mo := range m.Months {
					require.Equal(t, rows, mo.Head.Rows, "a record in part")
					whole++
				}
				return true
			})
		}))
	}
	publishing.Wait()
	p.WaitIdle()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, p.Between(ended, func() { t.Error("done all the same") }), context.Canceled)
}

// read has a record set the position of a part of a source.
func read(x *Publication, source, value string) *Publication {
	x.record.Origin.Positions = []positions.Position{{Source: source, Part: "p", Value: value}}
	return x
}

// TestPositionsComeWithTheirRows holds that the position of a record is not there before all of its rows are, although it is published
// in slices.
func TestPositionsComeWithTheirRows(t *testing.T) {
	const rows = 20 * runMax
	var failed error
	p := newTest(&failed)
	p.SetSlice(1)
	for n, seen := 1, false; !seen; n++ {
		source := strconv.Itoa(n)
		x := read(NewPublication(predictions(t, "m"+source, rows), new(head.Batch)), source, "1")
		require.NoError(t, p.Publish(uint64(n), x))
		p.mu.Lock()
		if seen = len(p.deferred.queue) > 0; seen {
			now := p.env.Positions.Snapshot()
			require.Empty(t, now.Of(source))
		}
		p.mu.Unlock()
		require.NoError(t, x.Wait())
		now := p.env.Positions.Snapshot()
		require.Equal(t, map[string]string{"p": "1"}, now.Of(source))
		require.Less(t, n, 1000, "never in part")
	}
	p.WaitIdle()
}

// TestPositionsKeepTheirOrder holds that records of one source set its positions in the order of the log, although they have no model
// in common and the first one takes long.
func TestPositionsKeepTheirOrder(t *testing.T) {
	var failed error
	p := newTest(&failed)
	p.SetSlice(1)
	first := read(NewPublication(predictions(t, "a", 20*runMax), new(head.Batch)), "s", "1")
	second := read(NewPublication(predictions(t, "b", 1), new(head.Batch)), "s", "2")
	require.NoError(t, p.Publish(1, first))
	require.NoError(t, p.Publish(2, second))
	require.NoError(t, first.Wait())
	require.NoError(t, second.Wait())
	now := p.env.Positions.Snapshot()
	require.Equal(t, map[string]string{"p": "2"}, now.Of("s"))
	p.WaitIdle()
	require.Empty(t, p.deferred.sources)
}
