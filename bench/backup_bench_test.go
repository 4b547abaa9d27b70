package bench_test

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/workload"
)

// pauses is the longest time in which no append of anybody was acknowledged.
type pauses struct {
	last    atomic.Int64
	longest atomic.Int64
	rows    atomic.Int64
}

func (p *pauses) acknowledged(rows int) {
	now := time.Now().UnixNano()
	pause := now - p.last.Swap(now)
	for was := p.longest.Load(); pause > was && !p.longest.CompareAndSwap(was, pause); was = p.longest.Load() {
	}
	p.rows.Add(int64(rows))
}

func (p *pauses) reset() { p.longest.Store(0); p.rows.Store(0) }

// BenchmarkBackupUnderIngest backs a store up, time and again to one folder, while two writers append as fast as the store takes it, and
// before that lets them append for as long as the backups took alone.
func BenchmarkBackupUnderIngest(b *testing.B) {
	s := load(b, 3_000_000)
	batch := nextBatch(b, workload.New(options(batchRows)))
	folder := filepath.Join(b.TempDir(), "backups")
	var p pauses
	var stop atomic.Bool
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			for !stop.Load() {
				appendBatch(b, s.DB, batch)
				p.acknowledged(batch.Len())
			}
		})
	}
	defer func() {
		stop.Store(true)
		running.Wait()
	}()
	<-time.After(time.Second) // until the writers are at their pace
	p.reset()
	began := time.Now()
	<-time.After(8 * time.Second)
	alone := float64(p.rows.Load()) / time.Since(began).Seconds()
	pauseAlone := time.Duration(p.longest.Load())

	p.reset()
	var first, copied, whole int64 // bytes that the first backup copied; that later ones did, and had to hold
	var held, took time.Duration
	for b.Loop() {
		begin := time.Now()
		moment, err := s.BeginBackup(b.Context())
		require.NoError(b, err)
		held = max(held, time.Since(begin))
		copying := time.Now()
		done, err := engine.Backup(b.Context(), moment, folder, engine.BackupOptions{Keep: 2})
		require.NoError(b, err)
		require.NoError(b, moment.Close())
		if first == 0 {
			first, took = done.Bytes, time.Since(copying)
			continue
		}
		copied, whole = copied+done.Bytes, whole+done.Snapshot.Bytes()
	}
	b.ReportMetric(float64(p.longest.Load())/1e6, "pause-ms")
	b.ReportMetric(float64(pauseAlone)/1e6, "pause-without-ms")
	b.ReportMetric(float64(p.rows.Load())/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(alone, "rows-without/s")
	b.ReportMetric(float64(held)/1e6, "begin-ms")
	b.ReportMetric(float64(first)/took.Seconds()/1e6, "copied-MB/s")
	if whole > 0 {
		b.ReportMetric(100*float64(copied)/float64(whole), "copied-again-%")
	}
}
