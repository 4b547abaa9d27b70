package engine_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/wal"
)

// manyRows is a store of many blocks and leaves, beside the rows that it has. Many of them are of one time, or off by as much.
type manyRows struct {
	t      *testing.T
	random *rand.Rand
	db     *engine.DB
	rows   []rowRead
	sent   int // rows
}

func openManyRows(t *testing.T, dir string, opts engine.Options) *manyRows {
	t.Helper()
	opts.Sync, opts.NoBackground = wal.SyncNever, true
	return &manyRows{t: t, random: rand.New(rand.NewPCG(seed(t), 0)), db: openDB(t, dir, opts)}
}

// append adds rows of two models, in batches large and small, and keeps them if they are held.
func (m *manyRows) append(rows, batchMax int) {
	m.t.Helper()
	var b event.Batch
	for rows > 0 {
		b.Reset()
		for range min(rows, 1+m.random.IntN(batchMax)) {
			rows--
			m.sent++
			e := event.Event{
				Timestamp: testNow.Add(-time.Duration(m.random.IntN(60*24*3600/60)) * time.Minute), PredictionID: strconv.Itoa(m.sent),
				ModelID: "m" + strconv.Itoa(m.random.IntN(2)), ModelVersion: "v" + strconv.Itoa(m.random.IntN(2)), Environment: "production",
				PredictedValue: float64(m.random.IntN(50)), HasActual: m.random.IntN(4) > 0, Features: fmt.Sprintf(`{"n":%d,"s":%q}`, m.random.IntN(50), "a"),
			}
			if m.random.IntN(500) == 0 {
				e.Features = `{"n":` + strings.Repeat(" ", m.random.IntN(60_000)) + `7}`
			}
			if err := b.Add(e, m.db.Rules()); err != nil {
				require.NoError(m.t, err)
			}
			m.rows = append(m.rows, rowRead{e, -1})
		}
		_, err := m.db.Append(context.Background(), &b)
		require.NoError(m.t, err)
	}
}

// change deletes rows and gives others an actual.
func (m *manyRows) change() {
	m.t.Helper()
	var actuals event.Actuals
	gone := make(map[string]bool)
	for range 300 {
		r := &m.rows[m.random.IntN(len(m.rows))]
		if m.random.IntN(2) == 0 {
			gone[r.PredictionID] = true
			continue
		}
		a := event.Actual{ModelID: r.ModelID, PredictionID: r.PredictionID, Value: float64(m.random.IntN(50)), Observed: r.Timestamp.Add(time.Second)}
		require.NoError(m.t, actuals.Add(a, m.db.Rules()))
		if !r.HasActual {
			r.lag = 1000
		}
		r.HasActual, r.ActualValue = true, a.Value
	}
	_, err := m.db.AppendActuals(context.Background(), &actuals)
	require.NoError(m.t, err)
	_, err = m.db.DeleteRows(context.Background(), engine.Deletion{IDs: slices.Collect(maps.Keys(gone))})
	require.NoError(m.t, err)
	m.rows = slices.DeleteFunc(m.rows, func(r rowRead) bool { return gone[r.PredictionID] })
}

// want returns the rows of a query in their order.
func (m *manyRows) want(q engine.RowsQuery) (all []rowRead) {
	for _, r := range m.rows {
		ok := (q.Model == engine.All || r.ModelID == q.Model) && !r.Timestamp.Before(q.From) && (q.To.IsZero() || r.Timestamp.Before(q.To)) &&
			(q.Order != engine.WorstFirst || r.HasActual) && (q.Actuals == engine.AnyActual || r.HasActual == (q.Actuals == engine.WithActual)) &&
			!slices.ContainsFunc(q.Features, func(c engine.FeatureCondition) bool { return !oracleMatches(c, r.Features) })
		if ok {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b rowRead) int { return compareRead(q.Order, &a, &b) })
	return all
}

func (m *manyRows) query() engine.RowsQuery {
	q := engine.RowsQuery{
		Model: []string{engine.All, "m0", "m1"}[m.random.IntN(3)], Version: engine.All, Order: engine.RowOrder(m.random.IntN(4)),
		From: testNow.Add(-time.Duration(m.random.IntN(70*24)) * time.Hour), Columns: engine.RowColumns(m.random.IntN(16)),
		Actuals: engine.ActualsFilter(m.random.IntN(3)),
	}
	if m.random.IntN(2) == 0 {
		q.To = q.From.Add(time.Duration(m.random.IntN(40*24)) * time.Hour)
	}
	if m.random.IntN(3) == 0 {
		q.Features = []engine.FeatureCondition{{Key: "n", Op: engine.Less, Value: strconv.Itoa(m.random.IntN(50))}}
	}
	if m.random.IntN(2) == 0 || q.Order == engine.WorstFirst {
		q.Limit = 1 + m.random.IntN(1<<m.random.IntN(18))
	}
	if q.Order == engine.WorstFirst && q.Actuals == engine.Waiting {
		q.Actuals = engine.AnyActual
	}
	return q
}

// TestManyRows reads rows of blocks and leaves by the hundred in every order, most of a window, and more than are held at a time. They
// are read from files and from memory, sealed, frozen, in heads and staged, some changed.
func TestManyRows(t *testing.T) {
	const fewer = race.Fewer
	m := openManyRows(t, t.TempDir(), engine.Options{MemoryLimitBytes: 256 << 10})
	check := func(queries int) {
		for range queries {
			q := m.query()
			requireRows(t, q, m.want(q), rowsOf(t, m.db, q))
		}
	}
	m.append(50_000/fewer, 8000/fewer)
	require.NoError(t, m.db.Checkpoint(context.Background()))
	m.change()
	check(race.Cases(8))
	m.append(60_000/fewer, 8000/fewer)
	m.db.Freeze()
	m.append(30_000/fewer, 3000/fewer)
	m.append(500, 8)
	m.change()
	check(race.Cases(16))
	for _, order := range []engine.RowOrder{engine.Unordered, engine.TimeAscending, engine.TimeDescending} {
		q := engine.RowsQuery{Model: engine.All, Version: engine.All, From: time.Unix(0, 0), Order: order}
		requireRows(t, q, m.want(q), rowsOf(t, m.db, q))
	}
	require.NoError(t, m.db.Checkpoint(context.Background()))
	require.NoError(t, m.db.Merge(context.Background()))
	check(race.Cases(8))
}

// TestSlowReader changes, seals, merges and drops everything between two batches of a reader, who sees nothing of it. The files that
// it needs stay until it is done.
func TestSlowReader(t *testing.T) {
	const fewer = (race.Share + 7) / 8 // with the race detector
	for order := range engine.WorstFirst + 1 {
		t.Run(fmt.Sprint("order ", order), func(t *testing.T) {
			now := testNow
			m := openManyRows(t, t.TempDir(), engine.Options{
				MemoryLimitBytes: 1, Retention: 70 * 24 * time.Hour, Now: func() time.Time { return now },
				Elapsed: func() time.Duration { return now.Sub(testNow) },
			})
			m.append(15_000/fewer, 2000)
			require.NoError(t, m.db.Checkpoint(context.Background()))
			m.append(15_000/fewer, 2000)
			require.NoError(t, m.db.Checkpoint(context.Background()))
			m.change()
			m.append(5000/fewer, 500)
			m.db.Freeze()
			m.append(5000/fewer, 100)
			m.append(100, 2)
			q := engine.RowsQuery{Model: engine.All, Version: engine.All, From: time.Unix(0, 0), Order: order}
			if order == engine.WorstFirst {
				q.Limit = 20_000 / fewer
			}
			want := m.want(q)
			var got []rowRead
			batches := 0
			_, err := m.db.EachRows(context.Background(), q, func(b *engine.RowBatch) bool {
				got = append(got, rowsOfBatch(t, b, 0)...)
				switch batches++; batches {
				case 1:
					m.change()
					m.append(3000, 50)
				case 2:
					require.NoError(t, m.db.Checkpoint(context.Background()))
					require.NoError(t, m.db.Merge(context.Background()))
				case 3:
					now = now.AddDate(0, 6, 0)
					require.NoError(t, m.db.DropExpired())
					require.Zero(t, m.db.Stats().SealedRows)
					require.Positive(t, m.db.Stats().Disk.Pinned)
				}
				return true
			})
			require.NoError(t, err)
			require.Greater(t, batches, 10/fewer)
			requireRows(t, q, want, got)
			require.NoError(t, m.db.Checkpoint(context.Background()))
			require.Zero(t, m.db.Stats().Disk.Pinned)
		})
	}
}

// TestRowsOfOneMoment reads models while batches come of which each has rows of two, in many slices, from several clients: either all
// rows of a batch are there or none is, and none is missing of a batch that was acknowledged before the query.
func TestRowsOfOneMoment(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{Sync: wal.SyncNever})
	db.SliceEverything()
	const clients, batches, rows = 8, 15, 700 // more than go under one hold of a lock
	var acknowledged [clients]atomic.Int64
	var appending sync.WaitGroup
	for c := range clients {
		appending.Go(func() {
			var b event.Batch
			for n := range batches {
				b.Reset()
				for i := range 2 * rows {
					e := event.Event{
						Timestamp: testNow.Add(-time.Duration(n*rows+i/2) * time.Millisecond), ModelID: fmt.Sprint("m", 2*c+i%2),
						PredictionID: strconv.Itoa(n), ModelVersion: "v" + strconv.Itoa(n%7), Environment: "production", Features: "{}",
					}
					if err := b.Add(e, db.Rules()); err != nil {
						t.Error(err)
					}
				}
				if _, err := db.Append(context.Background(), &b); err != nil {
					t.Error(err)
				}
				acknowledged[c].Add(1)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		appending.Wait()
	}()
	for isDone := false; !isDone; {
		select {
		case <-done:
			isDone = true
		default:
		}
		var before [clients]int64
		for c := range before {
			before[c] = acknowledged[c].Load()
		}
		counts := make(map[string]map[string]int)
		for b, err := range db.Rows(context.Background(), engine.RowsQuery{Model: "*", Version: "*", Window: 100 * 24 * time.Hour, Columns: engine.IDColumn}) {
			require.NoError(t, err)
			for i := range b.Len() {
				model := b.Series[b.SeriesOf[i]].Model
				if counts[model] == nil {
					counts[model] = make(map[string]int)
				}
				counts[model][string(b.IDs.At(i))]++
			}
		}
		for c := range clients {
			of, beside := counts[fmt.Sprint("m", 2*c)], counts[fmt.Sprint("m", 2*c+1)]
			require.Equal(t, of, beside, "a request is about both models")
			require.GreaterOrEqual(t, int64(len(of)), before[c])
			for _, n := range of {
				require.Equal(t, rows, n, "a request in part")
			}
		}
	}
}

// TestRowsEnd ends reading in every way: nothing is left that runs, and no file that is kept.
func TestRowsEnd(t *testing.T) {
	m := openManyRows(t, t.TempDir(), engine.Options{MemoryLimitBytes: 1})
	m.append(30_000, 2000)
	require.NoError(t, m.db.Checkpoint(context.Background()))
	for order := range engine.WorstFirst + 1 {
		q := engine.RowsQuery{Model: engine.All, Version: engine.All, From: time.Unix(0, 0), Order: order, Limit: 25_000}
		leaks := goleak.IgnoreCurrent()
		for _, err := range m.db.Rows(context.Background(), q) {
			require.NoError(t, err)
			break
		}
		goleak.VerifyNone(t, leaks)

		require.PanicsWithValue(t, "of the user", func() {
			_, _ = m.db.EachRows(context.Background(), q, func(*engine.RowBatch) bool { panic("of the user") })
		})
		goleak.VerifyNone(t, leaks)

		ctx, cancel := context.WithCancel(context.Background())
		batches := 0
		read, err := m.db.EachRows(ctx, q, func(*engine.RowBatch) bool {
			batches++
			cancel()
			return true
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Less(t, batches, 12)
		require.Positive(t, read.Rows)
		goleak.VerifyNone(t, leaks)
		_, err = m.db.EachRows(ctx, q, func(*engine.RowBatch) bool { return true })
		require.ErrorIs(t, err, context.Canceled)
	}
	q := engine.RowsQuery{Model: engine.All, Version: engine.All, From: time.Unix(0, 0)}
	batches := 0
	_, err := m.db.EachRows(context.Background(), q, func(*engine.RowBatch) bool {
		batches++
		require.NoError(t, m.db.Close(), "which waits for no reader")
		return true
	})
	require.ErrorIs(t, err, engine.ErrClosed)
	require.Less(t, batches, 10)
	_, err = m.db.EachRows(context.Background(), q, nil)
	require.ErrorIs(t, err, engine.ErrClosed)
}

// TestRowsDamaged reads a pack of which bytes were flipped: the error has its class and names the model.
func TestRowsDamaged(t *testing.T) {
	dir := t.TempDir()
	m := openManyRows(t, dir, engine.Options{MemoryLimitBytes: 1})
	m.append(30_000, 2000)
	require.NoError(t, m.db.Checkpoint(context.Background()))
	require.NoError(t, m.db.Close())
	db := openDB(t, dir, engine.Options{NoBackground: true, MemoryLimitBytes: 1})
	packs, err := filepath.Glob(filepath.Join(dir, "segments", "*.pack"))
	require.NoError(t, err)
	require.NotEmpty(t, packs)
	for _, pack := range packs {
		bytes, err := os.ReadFile(pack)
		require.NoError(t, err)
		for i := 100; i < len(bytes); i += 1000 {
			bytes[i] ^= 1
		}
		require.NoError(t, os.WriteFile(pack, bytes, 0o600))
	}
	for order := range engine.WorstFirst + 1 {
		q := engine.RowsQuery{Model: engine.All, Version: engine.All, From: time.Unix(0, 0), Order: order, Limit: 1000}
		_, err = db.EachRows(context.Background(), q, func(*engine.RowBatch) bool { return true })
		require.ErrorIs(t, err, engine.ErrCorrupt)
		require.ErrorContains(t, err, `model "m`)
	}
}

// TestBadRowsQueries refuses what contradicts itself, and says what.
func TestBadRowsQueries(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	f := func(q engine.RowsQuery, says string) {
		t.Helper()
		_, err := db.EachRows(context.Background(), q, nil)
		require.ErrorIs(t, err, engine.ErrQuery)
		require.ErrorContains(t, err, says)
	}
	f(engine.RowsQuery{Order: engine.WorstFirst}, "limit")
	f(engine.RowsQuery{Order: engine.WorstFirst, Limit: engine.WorstRowsMax + 1}, "limit")
	f(engine.RowsQuery{Order: engine.WorstFirst, Limit: 1, Actuals: engine.Waiting}, "wait")
	f(engine.RowsQuery{Order: 9}, "order")
	f(engine.RowsQuery{Limit: -1}, "limit")
	f(engine.RowsQuery{Actuals: 9}, "actuals")
	f(engine.RowsQuery{Columns: 16}, "columns")
	f(engine.RowsQuery{Features: []engine.FeatureCondition{{Value: "1"}}}, "key")
	f(engine.RowsQuery{Features: []engine.FeatureCondition{{Key: "a", Op: 9}}}, "comparator(9)")
	f(engine.RowsQuery{To: testNow}, "from")
}
