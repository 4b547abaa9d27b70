package wal_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// BenchmarkAppend appends with many clients at a time, each of which waits for its record, to a directory of the file
// system that TMPDIR is on. The log is truncated whenever it has grown by 256 MiB, as a store does it.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 128 << 10} {
		for _, clients := range []int{1, 64} {
			for _, policy := range []wal.SyncPolicy{wal.SyncAlways, wal.SyncInterval, wal.SyncNever} {
				b.Run(fmt.Sprintf("payload=%d/clients=%d/sync=%s", size, clients, policy), func(b *testing.B) {
					benchmarkAppend(b, size, clients, policy)
				})
			}
		}
	}
}

func benchmarkAppend(b *testing.B, size, clients int, policy wal.SyncPolicy) {
	b.Helper()
	dir := b.TempDir()
	l, _, err := wal.Open(dir, wal.Options{FS: vfs.OS(), Sync: policy}, func(wal.Record) error { return nil })
	require.NoError(b, err)
	ctx := context.Background()
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(i)
	}
	var next, truncated sync.Mutex
	left := 0
	latencies := make([][]time.Duration, clients)
	take := func() bool {
		next.Lock()
		defer next.Unlock()
		left--
		return left >= 0
	}
	client := func(c int) {
		for take() {
			begin := time.Now()
			if err := l.Append(ctx, 1, payload, nil); err != nil {
				b.Error(err)
				return
			}
			latencies[c] = append(latencies[c], time.Since(begin))
			if l.Size() > 256<<20 && truncated.TryLock() {
				var pos wal.Position
				if err := l.Rotate(ctx, func(p wal.Position) { pos = p }); err != nil {
					b.Error(err)
				}
				if err := l.Truncate(pos); err != nil {
					b.Error(err)
				}
				truncated.Unlock()
			}
		}
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	left = b.N
	for c := range latencies {
		latencies[c] = make([]time.Duration, 0, b.N)
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() { client(c) })
	}
	wg.Wait()
	b.StopTimer()
	all := slices.SortedFunc(slices.Values(slices.Concat(latencies...)), cmp.Compare)
	stats := l.Stats()
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(stats.Records)/float64(max(1, stats.Syncs.Count)), "records/sync")
	require.NoError(b, l.Close())
	require.NoError(b, os.RemoveAll(dir))
}
