package engine_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/vfs/simdisk"
)

var (
	runsFlag       = flag.Int("engine.runs", 6, "runs of the property test")
	operationsFlag = flag.Int("engine.operations", 500, "operations of one run")
)

// TestOperations runs random operations against the store and the oracle: appends, many of them late, checkpoints,
// merges, retention as the clock goes on, restarts after a clean stop, a kill and a power cut, with random options.
func TestOperations(t *testing.T) {
	s := seed(t)
	for run := range *runsFlag {
		t.Run(fmt.Sprint(run), func(t *testing.T) {
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
	opts   engine.Options
	db     *engine.DB
	oracle oracle
	rows   int
	batch  event.Batch
}

func newMachine(t *testing.T, r *rand.Rand) *machine {
	m := &machine{t: t, choose: chooser{r, testNow}, disk: simdisk.New(simdisk.Options{})}
	m.opts = engine.Options{NoBackground: true, Now: func() time.Time { return m.choose.now }}
	if r.IntN(2) == 0 {
		m.opts.MemoryLimitBytes = 1 << (10 + r.IntN(8))
	}
	if r.IntN(2) == 0 {
		m.opts.Retention = time.Duration(50+r.IntN(100)) * 24 * time.Hour
	}
	m.open()
	return m
}

func (m *machine) open() {
	var err error
	m.opts.FS = m.disk
	m.db, err = engine.Open("store", m.opts)
	require.NoError(m.t, err)
}

func (m *machine) step() {
	switch n := m.choose.IntN(100); {
	case n < 70:
		m.append()
	case n < 76:
		m.check()
	case n < 84:
		require.NoError(m.t, m.db.Checkpoint(context.Background()))
	case n < 88:
		require.NoError(m.t, m.db.Merge(context.Background()))
	case n < 91:
		m.expire()
	case n < 94:
		m.choose.now = m.choose.now.Add(time.Duration(m.choose.IntN(20*24)) * time.Hour)
	default:
		m.restart()
	}
}

func (m *machine) append() {
	m.batch.Reset()
	rules := m.db.Rules()
	for range 1 + m.choose.IntN(8) {
		e := m.choose.event(m.rows)
		if err := m.batch.Add(e, rules); err != nil {
			continue // older than the retention
		}
		m.rows++
		m.oracle.add(e)
	}
	_, err := m.db.Append(context.Background(), &m.batch)
	require.NoError(m.t, err)
}

// expire drops what is past the retention. Rows that only the log has are dropped once a checkpoint has them.
func (m *machine) expire() {
	require.NoError(m.t, m.db.Checkpoint(context.Background()))
	require.NoError(m.t, m.db.DropExpired())
	m.oracle.drop(time.UnixMilli(m.db.Rules().Oldest))
}

func (m *machine) restart() {
	switch m.choose.IntN(3) {
	case 0:
		require.NoError(m.t, m.db.Close())
	case 1:
		m.disk = m.disk.Kill()
	default:
		m.disk = m.disk.Crash(simdisk.Random(m.choose.Uint64()))
	}
	m.open()
	m.check()
}

func (m *machine) check() {
	checkMetrics(m.t, m.db, &m.oracle, m.choose.metricsQuery(), m.choose.now)
	checkDrift(m.t, m.db, &m.oracle, m.choose.driftQuery(), m.choose.now)
}

func (m *machine) checkAll() {
	checkMetrics(m.t, m.db, &m.oracle, engine.MetricsQuery{Model: "*", Version: "*", Environment: "*", From: time.Unix(0, 0)}, m.choose.now)
	for range 20 {
		m.check()
	}
}
