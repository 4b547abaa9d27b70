package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkRestart kills the program with 256 MiB of log behind its last checkpoint and starts it again, until it is ready to
// answer. Files are warm in the cache. Beside the time it reports that of the replay and what was replayed.
func BenchmarkRestart(b *testing.B) {
	const logBytes, rows, requests = 256 << 20, 300, 100_000
	binary, dir := build(b), filepath.Join(b.TempDir(), "data")
	start := func() *serving { return startProcess(b, binary, dir, "--checkpoint-bytes", "1GiB") }
	kill := func(p *serving) {
		require.NoError(b, p.cmd.Process.Kill())
		p.exit(b)
	}
	p := start()
	l := newLoader(rows, requests)
	for sent := 0; sample(b, p.address, "residual_log_bytes") < logBytes; sent += 500 {
		require.Less(b, sent, requests)
		l.send(b, p.address, 500)
	}
	sent := sample(b, p.address, "residual_rows_total")
	size := sample(b, p.address, "residual_log_bytes")
	kill(p)
	var replaying float64
	for b.Loop() {
		p = start()
		b.StopTimer()
		replaying += replaySeconds(b, p)
		require.InDelta(b, sent, sample(b, p.address, "residual_rows_total"), 0)
		kill(p)
		b.StartTimer()
	}
	b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N), "ready-ms")
	b.ReportMetric(size/(1<<20), "log-MiB")
	b.ReportMetric(sent, "rows")
	b.ReportMetric(sent*float64(b.N)/replaying, "replayed-rows/s")
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
