package engine_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

var (
	runsFlag       = flag.Int("engine.runs", race.Cases(6), "runs of the property test")
	operationsFlag = flag.Int("engine.operations", 500, "operations of one run")
)

// TestOperations runs random operations against the store and the oracle: appends, many of them late, checkpoints,
// merges, backups that are restored, retention as the clock goes on, restarts after a clean stop, a kill and a power cut, with random options.
func TestOperations(t *testing.T) {
	s := seed(t)
	for run := range *runsFlag {
		t.Run(strconv.Itoa(run), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, rand.New(rand.NewPCG(s, uint64(run))))
			for range *operationsFlag {
				m.step()
			}
			m.checkAll()
			require.NoError(t, m.db.Close())
		})
	}
}

// machine is a store on a simulated disk beside its oracle.
type machine struct {
	t      *testing.T
	choose chooser
	disk   *simdisk.Disk
	dir    string
	opts   engine.Options
	db     *engine.DB
	oracle oracle
	batch  event.Batch
	// names are those of the predictions sent.
	names []predictionName
	// events are the rows sent.
	events  []event.Event
	actuals event.Actuals
	// positions are those that were sent with rows, or alone.
	positions map[engine.Position]string
	// restores counts the directories that a backup was restored to.
	restores int
	// copied is set for a machine with the oracle of another one, which it must leave as it is.
	copied bool
	// beside is set while another goroutine changes the files.
	beside bool
}

func newMachine(t *testing.T, r *rand.Rand) *machine {
	t.Helper()
	m := &machine{t: t, choose: chooser{r, testNow}, disk: simdisk.New(simdisk.Options{}), dir: "store", positions: make(map[engine.Position]string)}
	m.opts = engine.Options{
		NoBackground: true, Now: func() time.Time { return m.choose.now },
		Elapsed: func() time.Duration { return m.choose.now.Sub(testNow) },
	}
	m.opts.ActualsTTL = time.Duration(1+r.IntN(60)) * 24 * time.Hour
	if r.IntN(2) == 0 {
		m.opts.MemoryLimitBytes = 1 << (10 + r.IntN(8))
	}
	if r.IntN(2) == 0 {
		m.opts.HeadBytes = 1 << r.IntN(14) // what a replay may have in memory
	}
	if r.IntN(2) == 0 {
		m.opts.Retention = time.Duration(50+r.IntN(100)) * 24 * time.Hour
	}
	for _, models := range []string{"model_*", "mod*", "model_3", "model_1,model_3", "model_1*"} {
		if r.IntN(4) == 0 {
			m.opts.RetentionOf = append(m.opts.RetentionOf, engine.ModelRetention{Models: models, Keep: time.Duration(r.IntN(150)) * 24 * time.Hour})
		}
	}
	m.open()
	return m
}

func (m *machine) open() {
	var err error
	m.opts.FS = m.disk
	m.db, err = engine.Open(m.dir, m.opts)
	require.NoError(m.t, err)
}

func (m *machine) step() {
	switch n := m.choose.IntN(100); {
	case n < 6:
		m.check()
	case n < 12:
		m.restart()
	case n < 13:
		m.backup()
	default:
		m.change()
	}
}

// change does what does not end the process.
func (m *machine) change() {
	switch n := m.choose.IntN(88); {
	case n < 50:
		m.append()
	case n < 66:
		m.appendActuals()
	case n < 70:
		m.delete()
	case n < 78:
		require.NoError(m.t, m.db.Checkpoint(context.Background()))
	case n < 82:
		require.NoError(m.t, m.db.Merge(context.Background()))
	case n < 85:
		m.expire()
	case !m.beside: // what runs beside it reads the clock
		m.choose.now = m.choose.now.Add(time.Duration(m.choose.IntN(20*24)) * time.Hour)
	}
}

func (m *machine) append() {
	m.batch.Reset()
	rules := m.db.Rules()
	again := len(m.events) > 0 && m.choose.IntN(8) == 0 // a request sent again, or two of them as one
	var batch []event.Event
	first := 0
	if again {
		first = m.choose.IntN(len(m.events))
	}
	for i := range 1 + m.choose.IntN(8) {
		e := m.event()
		if again && first+i < len(m.events) {
			e = m.events[first+i]
		}
		if err := m.batch.Add(e, rules); err != nil {
			past, _ := m.db.Moment()
			require.True(m.t, e.Timestamp.Before(keptFrom(&m.opts, e.ModelID, past)), "%v: %v", e, err)
			continue // older than the retention
		}
		m.names = append(m.names, predictionName{e.ModelID, e.PredictionID})
		m.events = append(m.events, e)
		batch = append(batch, e)
	}
	m.oracle.addAll(batch)
	origin := m.origin()
	if m.batch.Len()+len(origin.Positions) > 0 {
		m.giveUp()
	}
	_, err := m.db.AppendFrom(context.Background(), &m.batch, origin)
	require.NoError(m.t, err)
}

// origin has some positions, mostly none.
func (m *machine) origin() (o engine.Origin) {
	for range m.choose.IntN(8) - 4 {
		x := engine.Position{Source: fmt.Sprintf("source_%d", m.choose.IntN(2)), Part: fmt.Sprintf("part %d", m.choose.IntN(30))}
		key := x
		if m.choose.IntN(4) > 0 {
			x.Value = strings.Repeat("v", m.choose.IntN(1<<m.choose.IntN(11))) + strconv.Itoa(m.choose.IntN(1000))
		}
		if m.positions[key] = x.Value; x.Value == "" {
			delete(m.positions, key)
		}
		o.Positions = append(o.Positions, x)
	}
	return o
}

func (m *machine) checkPositions() {
	held := make(map[engine.Position]string)
	for _, source := range []string{"source_0", "source_1"} {
		for part, value := range m.db.Positions(source) {
			held[engine.Position{Source: source, Part: part}] = value
		}
	}
	require.Equal(m.t, m.positions, held)
}

// event is a new prediction, or now and then one sent again, or one whose actual may have come before it.
func (m *machine) event() event.Event {
	e := m.choose.event(len(m.names))
	e.Features = m.choose.features()
	if m.choose.IntN(3) == 0 {
		e.HasActual = false
	}
	switch m.choose.IntN(6) {
	case 0: // another row of the same prediction
		name := m.name()
		e.ModelID, e.PredictionID = name.model, name.id
	case 1: // the same row, or that of another version or environment at the same time
		if len(m.events) > 0 {
			r := m.events[m.choose.IntN(len(m.events))]
			e.ModelID, e.PredictionID, e.Timestamp = r.ModelID, r.PredictionID, r.Timestamp
			if m.choose.IntN(3) > 0 {
				e.ModelVersion, e.Environment = r.ModelVersion, r.Environment
			}
			if m.choose.IntN(2) == 0 {
				e.PredictedValue, e.ActualValue, e.HasActual = r.PredictedValue, r.ActualValue, r.HasActual
			} else {
				e.Features = fmt.Sprintf(`{"again":%d}`, m.choose.IntN(1000))
			}
		}
	}
	return e
}

// name is that of a prediction sent, mostly a recent one, or of one still to come, or of none.
func (m *machine) name() predictionName {
	switch n := m.choose.IntN(10); {
	case n == 0 || len(m.names) == 0:
		return predictionName{m.choose.model(), fmt.Sprintf("pred_%d", len(m.names)+m.choose.IntN(10))}
	case n == 1:
		return predictionName{"unknown", "pred_0"}
	case n < 6:
		return m.names[len(m.names)-1-m.choose.IntN(min(len(m.names), 20))]
	default:
		return m.names[m.choose.IntN(len(m.names))]
	}
}

func (m *machine) appendActuals() {
	m.actuals.Reset()
	for range 1 + m.choose.IntN(8) {
		a := givenActual{predictionName: m.name(), value: m.choose.value()}
		if m.choose.IntN(2) == 0 {
			a.observed = m.choose.time()
		}
		if m.choose.IntN(4) == 0 {
			a.version = m.choose.version()
		}
		if m.choose.IntN(4) == 0 {
			a.environment = m.choose.environment()
		}
		if m.choose.IntN(6) == 0 {
			a.value, a.withdrawn = 0, true
		}
		require.NoError(m.t, m.actuals.Add(a.event(), event.Rules{Newest: math.MaxInt64}))
		_, latest := m.db.Moment()
		m.oracle.actual(a, latest)
	}
	m.giveUp()
	_, err := m.db.AppendActuals(context.Background(), &m.actuals)
	require.NoError(m.t, err)
}

func (m *machine) delete() {
	d := m.deletion()
	ctx := context.Background()
	counted, err := m.db.CountDeletion(ctx, d)
	require.NoError(m.t, err)
	want := m.oracle.delete(d)
	require.Equal(m.t, want, counted, "%+v", d)
	m.giveUp()
	done, err := m.db.DeleteRows(ctx, d)
	require.NoError(m.t, err)
	if d.From.IsZero() || d.To.IsZero() || d.From.Before(d.To) {
		require.NotZero(m.t, done.LSN)
	}
	done.LSN = 0
	require.Equal(m.t, want, done, "%+v", d)
}

// deletion is of one prediction, mostly, or of what some conditions leave.
func (m *machine) deletion() (d engine.Deletion) {
	if m.choose.IntN(2) == 0 {
		name := m.name()
		return engine.Deletion{Models: []string{name.model}, IDs: []string{name.id}}
	}
	few := func(one func() string) (names []string) {
		for range m.choose.IntN(3) {
			names = append(names, one())
		}
		return names
	}
	switch m.choose.IntN(4) {
	case 0:
		d.Models = few(m.choose.model)
	case 1:
		d.Models = []string{m.choose.model()}
	}
	if m.choose.IntN(3) == 0 {
		d.Versions = few(m.choose.version)
	}
	if m.choose.IntN(3) == 0 {
		d.Environments = few(m.choose.environment)
	}
	if m.choose.IntN(4) == 0 {
		d.IDs = few(func() string { return m.name().id })
	}
	if m.choose.IntN(6) > 0 || len(d.Models) == 0 && len(d.IDs) == 0 {
		d.From = m.choose.time()
		d.To = d.From.Add(time.Duration(m.choose.IntN(1<<m.choose.IntN(10))) * time.Hour)
		if m.choose.IntN(4) == 0 {
			d.To = time.Time{}
		}
		if m.choose.IntN(10) == 0 {
			d.From = time.Time{}
		}
	}
	return d
}

// giveUp forgets the orphans whose time is over, as every request does that the log has a record of.
func (m *machine) giveUp() {
	past, _ := m.db.Moment()
	m.oracle.expire(past.Add(-m.opts.ActualsTTL))
}

// expire drops what is past the retention. Rows that only the log has are dropped once a checkpoint has them.
func (m *machine) expire() {
	require.NoError(m.t, m.db.Checkpoint(context.Background()))
	require.NoError(m.t, m.db.DropExpired())
	past, _ := m.db.Moment()
	m.oracle.drop(func(model string) time.Time { return keptFrom(&m.opts, model, past) })
}

func (m *machine) restart() {
	switch m.choose.IntN(3) {
	case 0:
		require.NoError(m.t, m.db.Close())
	case 1:
		m.disk = m.disk.Kill()
		m.db.Abandon()
	default:
		m.disk = m.disk.Crash(simdisk.Random(m.choose.Uint64()))
		m.db.Abandon()
	}
	m.open()
	m.check()
}

// backup copies the store, merges while the copy is made, restores a snapshot elsewhere and holds it against the oracle. Now and
// then it goes on with what was restored.
func (m *machine) backup() {
	opts := engine.BackupOptions{FS: m.disk, Keep: m.choose.IntN(4), Now: m.opts.Now}
	moment, err := m.db.BeginBackup(context.Background())
	require.NoError(m.t, err)
	if m.choose.IntN(2) == 0 {
		require.NoError(m.t, m.db.Merge(context.Background()))
	}
	_, err = engine.Backup(context.Background(), moment, "backups", opts)
	require.NoError(m.t, err)
	require.NoError(m.t, moment.Close())
	m.restores++
	dir := fmt.Sprintf("restored-%d", m.restores)
	_, err = engine.Restore(context.Background(), "backups", dir, engine.RestoreWhich{}, opts)
	require.NoError(m.t, err)
	if m.choose.IntN(3) == 0 {
		require.NoError(m.t, m.db.Close())
		m.dir = dir
		m.open()
		m.check()
		return
	}
	restored := *m
	restored.dir, restored.copied = dir, true
	restored.db, err = engine.Open(dir, m.opts)
	require.NoError(m.t, err)
	restored.check()
	require.NoError(m.t, restored.db.Close())
}

func (m *machine) check() {
	checkMetrics(m.t, m.db, &m.oracle, m.choose.metricsQuery(), m.choose.now)
	checkDrift(m.t, m.db, &m.oracle, m.choose.driftQuery(), m.choose.now)
	checkReport(m.t, m.db, &m.oracle, m.choose.metricsQuery(), m.choose.now)
	m.checkPositions()
	for range 3 {
		m.checkRows()
	}
	checkDriftReport(m.t, m.db, &m.oracle, m.choose.driftReportQuery(), m.choose.now)
	m.checkTimeseries()
	if !m.beside {
		checkDisk(m.t, m.db, m.disk, m.dir)
	}
}

// checkRows asks for rows, and now and then does other things before any of them is read.
func (m *machine) checkRows() {
	q := m.choose.rowsQuery()
	want, changes := m.oracle.rowsOf(q, m.choose.now), max(0, m.choose.IntN(8)-4)
	if m.copied {
		changes = 0
	}
	m.db.AfterSnapshot(func() {
		for range changes {
			m.change()
		}
	})
	requireRows(m.t, q, want, rowsOf(m.t, m.db, q))
	if changes > 0 {
		require.NoError(m.t, m.db.Checkpoint(context.Background())) // which removes what was pinned
	}
}

func (m *machine) checkAll() {
	checkMetrics(m.t, m.db, &m.oracle, engine.MetricsQuery{Model: "*", Version: "*", Environment: "*", From: time.Unix(0, 0)}, m.choose.now)
	for range 20 {
		m.check()
	}
}

// checkTimeseries asks for some buckets of one model.
func (m *machine) checkTimeseries() {
	q := engine.TimeseriesQuery{Interval: engine.IntervalDay}
	q.Model, q.Version, q.Environment, q.Across = m.choose.modelPattern(), m.choose.versionPattern(), m.choose.environmentPattern(), m.choose.columns()
	q.Within, q.From = m.choose.within(), m.choose.time()
	q.To = q.From.Add(time.Duration(m.choose.IntN(100)) * time.Hour)
	checkTimeseries(m.t, m.db, &m.oracle, q)
}
