package commit_test

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/puzpuzpuz/xsync/v3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/commit"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/engine/internal/publish"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// around is a pipeline with what it needs, but for a store: its files are in memory.
type around struct {
	*commit.Pipeline
	disk   *simdisk.Disk
	env    commit.Env
	models *xsync.MapOf[string, *catalog.Model]
	// indexed and released count the indexes that were made for records, and given back.
	indexed, released int
	// indexing is called where they are made.
	indexing func()
	// refusal, full and unindexed are what the steps before the log refuse a record with, failed is why nothing is published any more.
	refusal, full, unindexed, failed error
}

func newAround(t *testing.T, change func(a *around)) *around {
	t.Helper()
	a := &around{disk: simdisk.New(simdisk.Options{}), models: xsync.NewMapOf[string, *catalog.Model](), indexing: func() {}}
	seed := maphash.MakeSeed()
	wall := func() time.Time { return now }
	a.env = commit.Env{
		Clock: clock.New(wall, func() time.Duration { return 0 }, slog.New(slog.DiscardHandler)), Keys: idempotency.NewWindow(10),
		Refusal: func() error { return a.refusal }, WaitForHeads: func(context.Context) error { return a.full },
		Index: func(*record.Record) (func(), error) {
			if a.unindexed != nil {
				return nil, a.unindexed
			}
			a.indexed++
			a.indexing()
			return func() { a.released++ }, nil
		},
	}
	a.env.Publisher = publish.New(publish.Env{
		Models: a.models, Keys: a.env.Keys, Positions: new(positions.Memory), Hash: func(id []byte) uint64 { return maphash.Bytes(seed, id) },
		ActualsTTL: time.Hour, ActualsBytes: 1 << 20,
		Failure: func() error { return a.failed }, Fail: func(err error) { a.failed = err },
		Quarantine: func(uint64, int64, string, []event.Reject, int) {},
		HeadFull:   func(catalog.ModelMonth) {}, Published: func() {},
	})
	if change != nil {
		change(a)
	}
	require.NoError(t, a.disk.MkdirAll("/log"))
	var err error
	a.env.Log, _, err = wal.Open("/log", wal.Options{FS: a.disk, FileBytes: 1 << 20}, nil)
	require.NoError(t, err)
	a.Pipeline = commit.New(a.env)
	t.Cleanup(func() {
		a.Stop()
		_ = a.env.Log.Close() // of a disk that has failed it is an error
		require.Equal(t, a.indexed, a.released, "indexes that were lent are given back, whatever came of the record")
	})
	return a
}

// stored are the records that the log has.
func (a *around) stored(t *testing.T) (records []*record.Record) {
	t.Helper()
	require.NoError(t, a.env.Log.Close())
	log, _, err := wal.Open("/log", wal.Options{FS: a.disk, FileBytes: 1 << 20}, func(r wal.Record) error {
		x := new(record.Record)
		records = append(records, x)
		return new(record.Decoder).Decode(x, r.Type, r.Payload)
	})
	require.NoError(t, err)
	require.NoError(t, log.Close())
	return records
}

// rows counts the rows of a model that queries see.
func (a *around) rows(model string) (rows int) {
	m, ok := a.models.Load(model)
	if !ok {
		return 0
	}
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	for _, mo := range m.Months {
		for n := range m.Series {
			var x base.Answer
			mo.Window(&x, uint32(n), mo.Span, 0)
			rows += int(x.Rows)
		}
	}
	return rows
}

func predictions(t *testing.T, model string, rows int) *record.Record {
	t.Helper()
	b := new(event.Batch)
	for i := range rows {
		require.NoError(t, b.Add(event.Event{
			Timestamp: now.Add(-time.Duration(i) * time.Second), ModelID: model, ModelVersion: "v1", Environment: "production", PredictionID: strconv.Itoa(i), Features: "{}", PredictedValue: 1,
		}, event.Rules{Newest: now.UnixMilli()}))
	}
	return &record.Record{Batch: b}
}

// TestCommit holds that what is committed is in the log and seen, with few rows and with as many as are encoded apart.
func TestCommit(t *testing.T) {
	a := newAround(t, func(a *around) { a.env.Background = true })
	for i, rows := range []int{1, 255, 256, 3000} {
		model := strconv.Itoa(rows)
		done, err := a.Commit(t.Context(), predictions(t, model, rows), nil)
		require.NoError(t, err)
		require.Equal(t, commit.Done{Successful: rows, LSN: uint64(i + 1)}, done)
		require.Equal(t, rows, a.rows(model))
	}
	done, err := a.Commit(t.Context(), predictions(t, "1", 1), nil)
	require.NoError(t, err)
	require.Equal(t, commit.Done{Successful: 1, Replaced: 1, LSN: 5}, done)
	done, err = a.Commit(t.Context(), predictions(t, "1", 0), nil)
	require.NoError(t, err)
	require.Zero(t, done, "of nothing there is no record")
	_, _, day := a.Recent.Until(now.UnixMilli())
	require.Equal(t, uint64(3513), day.Rows)
	records := a.stored(t)
	require.Len(t, records, 5)
	require.Equal(t, 3000, records[3].Rows())
	require.Equal(t, now.UnixMilli(), records[3].At)
}

// TestCommitOnce holds that of the requests under a key one is stored, also of those that come at the same time, and that all get its answer.
func TestCommitOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waiting, goOn := 0, make(chan struct{})
		a := newAround(t, func(a *around) {
			a.env.WaitForHeads = func(context.Context) error {
				waiting++
				<-goOn
				return nil
			}
		})
		key := &commit.Key{ID: "k", Hash: [16]byte{1}}
		answers, errs := make(chan commit.Done, 3), make(chan error, 3)
		for range 3 {
			r := predictions(t, "m", 7)
			go func() {
				done, err := a.Commit(context.WithoutCancel(t.Context()), r, key)
				answers <- done
				errs <- err
			}()
		}
		synctest.Wait()
		require.Equal(t, 1, waiting, "the others wait for the first")
		_, err := a.Commit(t.Context(), predictions(t, "m", 7), &commit.Key{ID: "k", Hash: [16]byte{2}})
		require.ErrorIs(t, err, base.ErrConflict)
		close(goOn)
		duplicates := 0
		for range 3 {
			require.NoError(t, <-errs)
			done := <-answers
			if done.Duplicate {
				duplicates++
			}
			done.Duplicate = false
			require.Equal(t, commit.Done{Successful: 7, LSN: 1}, done)
		}
		require.Equal(t, 2, duplicates)
		require.Equal(t, uint64(2), a.Duplicates.Load())

		done, err := a.Commit(t.Context(), predictions(t, "m", 0), &commit.Key{ID: "of nothing"})
		require.NoError(t, err)
		require.Equal(t, commit.Done{LSN: 2}, done, "a key is kept also of a request without rows")
		for _, id := range []string{"", string(make([]byte, idempotency.KeyBytesMax+1))} {
			_, err = a.Commit(t.Context(), predictions(t, "m", 1), &commit.Key{ID: id})
			require.ErrorIs(t, err, base.ErrBatch)
		}
		require.Len(t, a.stored(t), 2)
	})
}

// TestCommitRefused holds that a record that is refused, at any step, leaves nothing behind, and no claim to its key.
func TestCommitRefused(t *testing.T) {
	errNo := errors.New("no")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		want   error
		refuse func(a *around, err error)
	}{
		"the store takes nothing":     {t.Context(), errNo, func(a *around, err error) { a.refusal = err }},
		"heads stay full":             {t.Context(), errNo, func(a *around, err error) { a.full = err }},
		"rows cannot be found":        {t.Context(), errNo, func(a *around, err error) { a.unindexed = err }},
		"the context ended before it": {ended, context.Canceled, func(*around, error) {}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAround(t, nil)
			c.refuse(a, errNo)
			key := &commit.Key{ID: "k"}
			_, err := a.Commit(c.ctx, predictions(t, "m", 7), key)
			require.ErrorIs(t, err, c.want)
			require.NotErrorIs(t, err, base.ErrOutcomeUnknown)
			_, _, err = a.Delete(c.ctx, predictions(t, "m", 7))
			require.ErrorIs(t, err, c.want)
			require.Zero(t, a.rows("m"))
			c.refuse(a, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // who waits for a claim would do so for ever
			defer cancel()
			done, err := a.Commit(ctx, predictions(t, "m", 7), key)
			require.NoError(t, err)
			require.Equal(t, commit.Done{Successful: 7, LSN: 1}, done, "the key is free, and the log has nothing")
			require.Len(t, a.stored(t), 1)
		})
	}
}

// TestCommitEndedMeanwhile holds that a context which ends once the record is with the log ends nothing.
func TestCommitEndedMeanwhile(t *testing.T) {
	a := newAround(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	a.indexing = cancel // the last step before the log
	done, err := a.Commit(ctx, predictions(t, "m", 7), nil)
	require.NoError(t, err)
	require.Equal(t, commit.Done{Successful: 7, LSN: 1}, done)
	require.Equal(t, 7, a.rows("m"))
}

// TestCommitUnknown holds that of a record which may be on the disk the outcome is not known, and that no query sees it.
func TestCommitUnknown(t *testing.T) {
	a := newAround(t, nil)
	a.disk.Inject(simdisk.Fault{Op: a.disk.Ops() + 1, Kind: simdisk.SyncClean}) // the first operation writes
	_, err := a.Commit(t.Context(), predictions(t, "m", 7), &commit.Key{ID: "k"})
	require.ErrorIs(t, err, base.ErrOutcomeUnknown)
	require.Len(t, a.disk.Strikes(), 1)
	require.Zero(t, a.rows("m"))
	_, _, day := a.Recent.Until(now.UnixMilli())
	require.Zero(t, day.Rows, "what may be stored is not counted")
}

// TestCommitUnpublished holds the same of a record that is in the log and cannot be shown.
func TestCommitUnpublished(t *testing.T) {
	a := newAround(t, nil)
	a.failed = errors.New("memory is not what the log says")
	_, err := a.Commit(t.Context(), predictions(t, "m", 7), nil)
	require.ErrorIs(t, err, base.ErrOutcomeUnknown)
	require.ErrorIs(t, err, a.failed)
	require.Len(t, a.stored(t), 1)
}
