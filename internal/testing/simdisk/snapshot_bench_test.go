package simdisk_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/testing/simdisk/toylog"
	"github.com/residualdb/residual/internal/vfs"
)

// BenchmarkCrash makes a crashed disk of a store of 50 files and a log file of the given size, of which two groups are not
// synced, and writes one sector to it.
func BenchmarkCrash(b *testing.B) {
	for _, size := range []int64{64 << 10, 64 << 20} {
		b.Run(fmt.Sprintf("log=%dKiB", size>>10), func(b *testing.B) {
			d := newDisk(b, simdisk.Options{})
			for i := range 50 {
				durableFile(b, d, fmt.Sprintf("/d/%d", i), fill('x', 10_000))
			}
			log := durableFile(b, d, "/d/log", nil)
			require.NoError(b, log.Allocate(0, size))
			require.NoError(b, vfs.WriteFull(log, fill('y', 32<<10), 0))
			require.NoError(b, log.Sync())
			require.NoError(b, vfs.WriteFull(log, fill('z', 4<<10), 32<<10))
			require.NoError(b, vfs.WriteFull(log, fill('z', 4<<10), 36<<10))
			s := d.Snapshot()
			b.ReportAllocs()
			seed := uint64(0)
			for b.Loop() {
				d := s.Crash(simdisk.Random(seed))
				seed++
				f, err := d.Open("/d/log")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.WriteAt(make([]byte, 512), size-512); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCrashStates crashes a toy log and recovers it, which reads all of its 20 files and rewrites one.
func BenchmarkCrashStates(b *testing.B) {
	history, _ := toyRun(b, toylog.None)
	seed := uint64(0)
	for b.Loop() {
		s := history[seed%uint64(len(history))]
		if err := toyCheck(s.Crash(simdisk.Random(seed)), 0, toylog.None); err != nil {
			b.Fatal(err)
		}
		seed++
	}
	b.ReportMetric(float64(seed)/b.Elapsed().Seconds(), "states/s")
}
