package engine_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/wal"
)

// sendActual appends one actual.
func sendActual(t *testing.T, db *engine.DB, model, id string, v float64) {
	t.Helper()
	_, err := db.AppendActuals(context.Background(), actualsOf(model, id, v))
	require.NoError(t, err)
}

func actualsOf(model, id string, values ...float64) *event.Actuals {
	a := new(event.Actuals)
	for _, v := range values {
		if err := a.Add(event.Actual{ModelID: model, PredictionID: id, Value: v}, event.Rules{}); err != nil {
			panic(err)
		}
	}
	return a
}

// sendPrediction appends one prediction of 3, without an actual.
func sendPrediction(t *testing.T, db *engine.DB, model, id string) {
	t.Helper()
	sendPredictionOf(t, db, model, "v1", id)
}

func sendPredictionOf(t *testing.T, db *engine.DB, model, version, id string) {
	t.Helper()
	var b event.Batch
	require.NoError(t, b.Add(event.Event{
		Timestamp: testNow.Add(-time.Hour), ModelID: model, PredictionID: id, Features: "{}", PredictedValue: 3,
		ModelVersion: version, Environment: "production",
	}, db.Rules()))
	_, err := db.Append(context.Background(), &b)
	require.NoError(t, err)
}

// mae returns the count and the mean error of a model.
func mae(t *testing.T, db *engine.DB, model string) (uint64, float64) {
	t.Helper()
	got, err := db.Metrics(context.Background(), engine.MetricsQuery{Model: model})
	require.NoError(t, err)
	if len(got.Rows) == 0 {
		return 0, 0
	}
	return got.Rows[0].PredictionCount, got.Rows[0].MAE
}

// TestActuals goes through the outcomes of an actual, with the prediction in the head, in a segment, and after a restart.
func TestActuals(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir, engine.Options{NoBackground: true})
	settled := map[string]func(){
		"head":    func() {},
		"segment": func() { require.NoError(t, db.Checkpoint(context.Background())) },
		"restart": func() {
			require.NoError(t, db.Close())
			db = openDB(t, dir, engine.Options{NoBackground: true})
		},
	}
	for name, settle := range settled {
		expect := func(count uint64, want float64) {
			t.Helper()
			n, got := mae(t, db, name)
			require.Equal(t, count, n, name)
			require.Equal(t, want, got, name)
			settle()
		}
		sendPrediction(t, db, name, "a")
		expect(0, 0)
		sendActual(t, db, name, "a", 1)
		expect(1, 2)
		_, err := db.AppendActuals(context.Background(), actualsOf(name, "a", slices.Repeat([]float64{1}, 1000)...))
		require.NoError(t, err)
		expect(1, 2)
		_, err = db.AppendActuals(context.Background(), actualsOf(name, "a", 100, 7)) // a conflicting pair: the later counts
		require.NoError(t, err)
		expect(1, 4)
		sendActual(t, db, name, "b", 2) // before its prediction
		expect(1, 4)
		sendPrediction(t, db, name, "b")
		expect(2, 2.5)
		sendPrediction(t, db, "other "+name, "b") // the same id of another model
		sendActual(t, db, "other "+name, "b", 5)
		expect(2, 2.5)
		_, err = db.DeleteRows(context.Background(), engine.Deletion{Models: []string{name}, IDs: []string{"a", "never sent"}})
		require.NoError(t, err)
		expect(1, 1)
		sendActual(t, db, name, "a", 9) // of a prediction that was deleted: it waits for another
		expect(1, 1)
		sendPrediction(t, db, name, "c")
		settle()
		sendPrediction(t, db, name, "c") // sent again before its actual: one row
		sendActual(t, db, name, "c", 3)
		expect(2, 0.5)
	}
	require.Equal(t, len(settled), db.Stats().Orphans)
}

// TestBadActuals goes through the table of docs/events.md: each kind of bad actual has one outcome and a counter.
func TestBadActuals(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	var want engine.Stats
	outcome := func(what string, count uint64, mean float64) {
		t.Helper()
		n, got := mae(t, db, "m")
		require.Equal(t, count, n, what)
		require.Equal(t, mean, got, what)
		s := db.Stats()
		require.Equal(t, [...]uint64{want.Joined, want.Corrected, want.Orphaned}, [...]uint64{s.Joined, s.Corrected, s.Orphaned}, what)
		require.Equal(t, [...]int{want.Waiting, want.Orphans}, [...]int{s.Waiting, s.Orphans}, what)
	}
	sendActual(t, db, "unheard of", "a", 1)
	want.Orphaned, want.Orphans = 1, 1
	outcome("unknown model", 0, 0)

	weeksAgo := actualsOf("m", "early", 1)
	weeksAgo.Observed[0] = testNow.AddDate(0, 0, -21).UnixMilli()
	_, err := db.AppendActuals(context.Background(), weeksAgo)
	require.NoError(t, err)
	want.Orphaned, want.Orphans = 2, 2
	outcome("weeks before its prediction", 0, 0)
	sendPrediction(t, db, "m", "early")
	want.Joined, want.Orphans = 1, 1
	outcome("weeks before its prediction, which came", 1, 2)
	report, err := db.Report(context.Background(), engine.ReportQuery{Model: "m"})
	require.NoError(t, err)
	require.Equal(t, engine.Value{}, report.Rows[0].ActualLagP95, "observed before the prediction: no lag below zero")

	_, err = db.AppendActuals(context.Background(), actualsOf("m", "early", slices.Repeat([]float64{1}, 1000)...))
	require.NoError(t, err)
	want.Corrected = 1000
	outcome("the same a thousand times", 1, 2)
	_, err = db.AppendActuals(context.Background(), actualsOf("m", "early", 100, 7))
	require.NoError(t, err)
	want.Corrected = 1002
	outcome("a conflicting pair", 1, 4)

	sendPrediction(t, db, "m", "shared")
	sendPrediction(t, db, "other", "shared")
	want.Waiting = 2
	outcome("an id of two models", 1, 4)
	sendActual(t, db, "other", "shared", 9)
	want.Joined, want.Waiting = 2, 1
	outcome("an id of two models, the actual of the other", 1, 4)

	var a event.Actuals
	lines := `{"model_id":"m","prediction_id":"shared","actual_value":NaN}` + "\n" + `{"model_id":"m","prediction_id":"shared","actual_value":1e999}`
	require.NoError(t, event.NewDecoder().DecodeActuals(&a, []byte(lines), event.NDJSON, db.Rules()))
	done, err := db.AppendActuals(context.Background(), &a)
	require.NoError(t, err)
	require.Equal(t, 2, done.Quarantined)
	require.Equal(t, 2, db.Stats().Quarantined[event.CodeNumber])
	outcome("no number", 1, 4)
}

// errorsOf returns the mean error of each version of model m that has any.
func errorsOf(t *testing.T, db *engine.DB) map[string]float64 {
	t.Helper()
	got, err := db.Metrics(context.Background(), engine.MetricsQuery{Model: "m", Version: engine.All})
	require.NoError(t, err)
	found := make(map[string]float64)
	for _, row := range got.Rows {
		require.Equal(t, uint64(1), row.PredictionCount)
		found[row.Version] = row.MAE
	}
	return found
}

// TestActualBehindRotation sends an actual right behind the rotation of a checkpoint, which may store what came of it: when the log is
// replayed it comes to the same.
func TestActualBehindRotation(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	db := openDB(t, "store", engine.Options{NoBackground: true, FS: disk})
	sendPredictionOf(t, db, "m", "v1", "a")
	sendActual(t, db, "m", "a", 1)
	sendPredictionOf(t, db, "m", "v2", "a")
	require.NoError(t, db.CheckpointAfter(context.Background(), func() { sendActual(t, db, "m", "a", 10) }))
	want := map[string]float64{"v1": 7, "v2": 7}
	require.Equal(t, want, errorsOf(t, db))
	after := disk.Kill()
	db.Abandon()
	db = openDB(t, "store", engine.Options{NoBackground: true, FS: after})
	require.Equal(t, want, errorsOf(t, db))
	require.NoError(t, db.Checkpoint(context.Background()))
	require.Equal(t, want, errorsOf(t, db))
}

// TestUnsyncedBehindRotation sends a request right behind the rotation of a checkpoint to a store that does not sync its log, and cuts
// the power: what the request has changed of a sealed row and what it has left to remember are both there, or neither.
func TestUnsyncedBehindRotation(t *testing.T) {
	for crash := range uint64(12) {
		disk := simdisk.New(simdisk.Options{})
		opts := engine.Options{NoBackground: true, FS: disk, Sync: wal.SyncNever, LogFileBytes: 32 << 10}
		db := openDB(t, "store", opts)
		sendPrediction(t, db, "m", "a")
		require.NoError(t, db.Checkpoint(context.Background()))
		sendActual(t, db, "m", "a", 1)
		require.NoError(t, db.CheckpointAfter(context.Background(), func() {
			both := actualsOf("m", "a", 10)
			require.NoError(t, both.Add(event.Actual{ModelID: "m", PredictionID: "to come", Value: 1}, db.Rules()))
			_, err := db.AppendActuals(context.Background(), both)
			require.NoError(t, err)
		}))
		opts.FS = disk.Crash(simdisk.Random(crash))
		db.Abandon()
		db = openDB(t, "store", opts)
		_, mean := mae(t, db, "m")
		require.Equal(t, mean == 7, db.Stats().Orphans == 1, "error %v, crash %d", mean, crash)
	}
}

// TestActualsOfRowsAlike sends a prediction, and after its actual the same one of another version, which gets the actual too.
func TestActualsOfRowsAlike(t *testing.T) {
	for _, versions := range [][2]string{{"v1", "v2"}, {"v2", "v1"}} {
		db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
		checkpoint := func() { require.NoError(t, db.Checkpoint(context.Background())) }
		sendPredictionOf(t, db, "m", versions[0], "a")
		checkpoint()
		sendActual(t, db, "m", "a", 1)
		sendPredictionOf(t, db, "m", versions[1], "a")
		want := map[string]float64{versions[0]: 2, versions[1]: 2}
		require.Equal(t, want, errorsOf(t, db))
		checkpoint()
		require.Equal(t, want, errorsOf(t, db))
		require.NoError(t, db.Merge(context.Background()))
		require.Equal(t, want, errorsOf(t, db))
		sendActual(t, db, "m", "a", 10)
		want = map[string]float64{versions[0]: 7, versions[1]: 7}
		require.Equal(t, want, errorsOf(t, db))
		checkpoint()
		require.Equal(t, want, errorsOf(t, db))
	}
}

// TestRowsSentAgain sends a prediction, its actual, and the prediction twice more, with other features each time: it is one
// row, with the last features and the actual that it has, wherever it is.
func TestRowsSentAgain(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second func(*engine.DB) error
	}{
		{"two segments", freezeAndSeal, freezeAndSeal},
		{"one segment", freeze, freezeAndSeal},
		{"two frozen heads", freeze, freeze},
		{"frozen head and head", freeze, func(*engine.DB) error { return nil }},
		{"segment and head", freezeAndSeal, func(*engine.DB) error { return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := simdisk.New(simdisk.Options{})
			db := openDB(t, "store", engine.Options{NoBackground: true, FS: disk})
			send := func(features string) {
				var b event.Batch
				require.NoError(t, b.Add(event.Event{
					Timestamp: testNow.Add(-time.Hour), ModelID: "m", PredictionID: "a", Features: features, PredictedValue: 3,
					ModelVersion: "v1", Environment: "production",
				}, db.Rules()))
				_, err := db.Append(context.Background(), &b)
				require.NoError(t, err)
			}
			holds := func(want map[string]bool) {
				t.Helper()
				got := make(map[string]bool)
				require.NoError(t, db.EachRow(func(e event.Event) { got[e.Features] = e.HasActual }))
				require.Equal(t, want, got)
			}
			send(`{"sent":1}`)
			require.NoError(t, c.first(db))
			sendActual(t, db, "m", "a", 1)
			send(`{"sent":2}`)
			require.NoError(t, c.second(db))
			send(`{"sent":3}`)
			want := map[string]bool{`{"sent":3}`: true}
			holds(want)
			require.NoError(t, db.Checkpoint(context.Background()))
			holds(want)
			after := disk.Kill()
			db.Abandon()
			db = openDB(t, "store", engine.Options{NoBackground: true, FS: after})
			holds(want)
			require.EqualValues(t, 1, db.Stats().SealedRows)
		})
	}
}

// TestReportsFollowActuals asks for quantiles before and after an actual has come to a row in a head: what was kept of
// the rows for the first answer is not what the second is made of.
func TestReportsFollowActuals(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{NoBackground: true})
	worst := func() float64 {
		r, err := db.Report(context.Background(), engine.ReportQuery{Model: "m"})
		require.NoError(t, err)
		require.Len(t, r.Rows, 1)
		return r.Rows[0].AbsErrorP99.Float64()
	}
	sendPrediction(t, db, "m", "a")
	sendPrediction(t, db, "m", "b")
	sendActual(t, db, "m", "a", 1)
	require.InEpsilon(t, 2, worst(), 0.02)
	sendActual(t, db, "m", "b", 103)
	require.InEpsilon(t, 100, worst(), 0.02)
}

func freeze(db *engine.DB) error {
	db.Freeze()
	return nil
}

func freezeAndSeal(db *engine.DB) error {
	db.Freeze()
	return db.Seal()
}

func TestActualsRefusesMalformed(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{})
	for name, spoil := range map[string]func(*event.Actuals){
		"a column too short": func(a *event.Actuals) { a.Observed = nil },
		"an unknown model":   func(a *event.Actuals) { a.ModelOf[0] = 1 },
		"no number":          func(a *event.Actuals) { a.Values[0] = math.NaN() },
		"no scope of a row":  func(a *event.Actuals) { a.ScopeOf = nil },
		"an unknown scope":   func(a *event.Actuals) { a.ScopeOf[0] = 1 },
		"scopes of no row":   func(a *event.Actuals) { a.Scopes = append(a.Scopes, event.Scope{Version: "v"}) },
		"a column of bits":   func(a *event.Actuals) { a.Known = nil },
		"a withdrawn value":  func(a *event.Actuals) { a.Known[0] = 0 },
	} {
		a := actualsOf("m", "a", 1)
		spoil(a)
		_, err := db.AppendActuals(context.Background(), a)
		require.ErrorIs(t, err, engine.ErrBatch, name)
	}
}

func TestActualsOnce(t *testing.T) {
	db := openDB(t, t.TempDir(), engine.Options{})
	for i := range 2 {
		done, err := db.AppendActualsOnce(context.Background(), actualsOf("m", "a", 1), engine.Key{ID: "k"})
		require.NoError(t, err)
		require.Equal(t, i == 1, done.Duplicate)
	}
	require.EqualValues(t, 1, db.Stats().Orphaned)
}

// TestOrphansExpire holds actuals without a prediction to their time, across a checkpoint and a restart.
func TestOrphansExpire(t *testing.T) {
	now := testNow
	opts := engine.Options{
		NoBackground: true, ActualsTTL: 24 * time.Hour, Now: func() time.Time { return now },
		Elapsed: func() time.Duration { return now.Sub(testNow) },
	}
	dir := t.TempDir()
	db := openDB(t, dir, opts)
	sendActual(t, db, "m", "early", 1)
	require.NoError(t, db.Close())
	db = openDB(t, dir, opts)
	require.Equal(t, 1, db.Stats().Orphans)
	now = now.Add(25 * time.Hour)
	sendActual(t, db, "m", "late", 1)
	require.Equal(t, 1, db.Stats().Orphans)
	got, err := db.Quarantine(context.Background(), engine.QuarantineQuery{Source: engine.SourceActuals})
	require.NoError(t, err)
	require.Len(t, got.Rows, 1)
	require.Equal(t, event.CodeOrphan, got.Rows[0].Code)
	require.JSONEq(t, `{"model_id":"m","prediction_id":"early","actual_value":1}`, string(got.Rows[0].Line))
	require.Zero(t, got.Rows[0].LineNumber)

	// Whatever comes next ends their time, and a replay comes to the same. The line has all that was sent.
	observed := actualsOf("m", "seen", 2)
	observed.Observed[0] = testNow.UnixMilli()
	_, err = db.AppendActuals(context.Background(), observed)
	require.NoError(t, err)
	now = now.Add(25 * time.Hour)
	sendPrediction(t, db, "another", "p")
	for range 2 {
		require.Zero(t, db.Stats().Orphans)
		got, err = db.Quarantine(context.Background(), engine.QuarantineQuery{Source: engine.SourceActuals})
		require.NoError(t, err)
		require.Len(t, got.Rows, 3)
		require.JSONEq(t, `{"timestamp":"`+testNow.Format("2006-01-02 15:04:05.000")+`","model_id":"m","prediction_id":"seen","actual_value":2}`,
			string(got.Rows[0].Line))
		db.Abandon()
		db = openDB(t, dir, opts)
	}
}

// TestEditsBesideCheckpoints sends predictions, actuals, corrections and deletions of few ids, and of conditions, while checkpoints
// and merges run beside them: what a sealer or a fold has begun to read must still get its edits, and a restart that finds some of them
// in packs and the log of all must come to the same.
func TestEditsBesideCheckpoints(t *testing.T) {
	s := seed(t)
	m := newMachine(t, rand.New(rand.NewPCG(s, 0)))
	require.NoError(t, m.db.Close())
	m.opts.Retention = 0
	m.open()
	for round := range 6 {
		m.editBeside()
		m.checkAll()
		switch round % 3 {
		case 0:
			require.NoError(t, m.db.Checkpoint(context.Background()))
			m.checkAll()
			require.NoError(t, m.db.Close())
		default:
			m.disk = m.disk.Kill()
			m.db.Abandon()
		}
		m.open()
		m.checkAll()
	}
	require.NoError(t, m.db.Close())
	t.Logf("%d rows left", len(m.oracle.rows))
}

// editBeside sends while checkpoints and merges run.
func (m *machine) editBeside() {
	m.beside = true
	ctx, cancel := context.WithCancel(context.Background())
	var keeper sync.WaitGroup
	keeper.Go(func() {
		for ctx.Err() == nil {
			if err := m.db.Checkpoint(context.Background()); err != nil {
				m.t.Error(err)
			}
			if err := m.db.Merge(context.Background()); err != nil {
				m.t.Error(err)
			}
		}
	})
	for i := range 120 {
		switch n := m.choose.IntN(10); {
		case n < 5:
			m.append()
		case n < 9:
			m.appendActuals()
		default:
			m.delete()
		}
		if len(m.names) > 60 {
			m.names = m.names[len(m.names)-60:]
		}
		if i%20 == 0 {
			m.check()
		}
	}
	cancel()
	keeper.Wait()
	m.beside = false
}
