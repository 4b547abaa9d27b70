package wal_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// slowFS is the file system with a disk that takes at least so long for each sync of data.
type slowFS struct {
	vfs.FS

	sync time.Duration
}

type slowFile struct {
	vfs.File

	sync time.Duration
}

func (f slowFS) Create(name string) (vfs.File, error) {
	file, err := f.FS.Create(name)
	return slowFile{file, f.sync}, err
}

func (f slowFile) SyncData() error {
	began := time.Now()
	err := f.File.SyncData()
	time.Sleep(f.sync - time.Since(began))
	return err
}

// BenchmarkGroup tells how many requests of 64 clients share a sync, by how long the disk takes for one and how long a
// client is busy with a request before it appends. What queues while a group is synced is the next group: with a slow
// disk that is nearly all of them, with a fast one those that become ready meanwhile.
func BenchmarkGroup(b *testing.B) {
	for _, syncTime := range []time.Duration{0, 500 * time.Microsecond, 2 * time.Millisecond} {
		for _, work := range []time.Duration{0, 75 * time.Microsecond} {
			b.Run("sync="+syncTime.String()+"/work="+work.String(), func(b *testing.B) { benchmarkGroup(b, syncTime, work) })
		}
	}
}

func benchmarkGroup(b *testing.B, syncTime, work time.Duration) {
	b.Helper()
	const clients = 64
	l, _, err := wal.Open(b.TempDir(), wal.Options{FS: slowFS{vfs.OS(), syncTime}}, func(wal.Record) error { return nil })
	require.NoError(b, err)
	payload := make([]byte, 4<<10)
	turns := make(chan struct{}, b.N)
	for range b.N {
		turns <- struct{}{}
	}
	close(turns)
	before := l.Stats()
	b.ResetTimer()
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for range turns {
				for began := time.Now(); time.Since(began) < work; { // as the decoder is, on a processor
				}
				if err := l.Append(context.Background(), 1, payload, nil); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.StopTimer()
	after := l.Stats()
	b.ReportMetric(float64(after.Records-before.Records)/float64(max(1, after.Syncs.Count-before.Syncs.Count)), "requests/sync")
	require.NoError(b, l.Close())
}
