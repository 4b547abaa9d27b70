package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/workload"
)

// BenchmarkRestart kills the program when its log has nearly grown to what starts a checkpoint, 256 MiB or 3,145,728
// rows, and starts it again until it is ready to answer. The first bound is met by rows with random ids, the other by
// rows that compress well. Files are warm in the cache. Beside the time it reports that of the replay and what was
// replayed.
func BenchmarkRestart(b *testing.B) {
	binary := build(b)
	for _, shape := range []workload.Shape{workload.Steady, workload.UUID} {
		b.Run("shape="+shape.String(), func(b *testing.B) { benchmarkRestart(b, binary, shape) })
	}
}

func benchmarkRestart(b *testing.B, binary string, shape workload.Shape) {
	b.Helper()
	const bytesMax, rowsMax, rows, chunk = 254 << 20, 3_100_000, 300, 50
	dir := filepath.Join(b.TempDir(), "data")
	kill := func(p *serving) {
		require.NoError(b, p.cmd.Process.Kill())
		p.exit(b)
	}
	p := startProcess(b, binary, dir)
	l := newLoader(shape, rows, rowsMax/rows+chunk)
	size, sent := 0.0, 0
	for ; size < bytesMax && sent < rowsMax; sent += chunk * rows {
		l.send(b, p.address, chunk)
		size = sample(b, p.address, "residual_log_bytes")
	}
	require.Zero(b, sample(b, p.address, "residual_checkpoints_total"))
	kill(p)
	var replaying float64
	for b.Loop() {
		p = startProcess(b, binary, dir)
		b.StopTimer()
		replaying += replaySeconds(b, p)
		require.InDelta(b, sent, sample(b, p.address, "residual_rows_total"), 0)
		kill(p)
		b.StartTimer()
	}
	b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N), "ready-ms")
	b.ReportMetric(size/(1<<20), "log-MiB")
	b.ReportMetric(float64(sent), "rows")
	b.ReportMetric(float64(sent)*float64(b.N)/replaying, "replayed-rows/s")
}

// replaySeconds returns how long the start took to read the log.
func replaySeconds(b *testing.B, p *serving) float64 {
	b.Helper()
	line := p.waitLog(b, "log replayed")
	_, text, ok := strings.Cut(line, " seconds=")
	require.True(b, ok, line)
	var seconds float64
	_, err := fmt.Sscan(text, &seconds)
	require.NoError(b, err, line)
	return seconds
}
