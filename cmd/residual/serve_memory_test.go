package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/internal/testing/memory"
)

// leastMemory is the least that --memory-limit allows.
const leastMemory = 64 << 20

// TestSmallMemory loads into a server of the least memory as residual ingest does, more requests at a time than fit:
// those that are refused come again until all rows are stored, and the process keeps its limit.
func TestSmallMemory(t *testing.T) {
	const rows = 200_000
	dir := t.TempDir()
	server := startProcess(t, build(t), filepath.Join(dir, "data"),
		"--memory-limit", strconv.Itoa(leastMemory), "--log-level", "error")
	events := generatedByProgram(t, "--rows", strconv.Itoa(rows))
	c, err := client.New(client.Options{Server: server.address})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	began := time.Now()
	loaded, err := c.Load(t.Context(), bytes.NewReader(events), client.LoadOptions{})
	require.NoError(t, err)
	require.EqualValues(t, rows, loaded.Successful)
	require.Equal(t, rows, countRows(t, server.address))
	_, most, err := memory.Process(server.cmd.Process.Pid)
	if os.IsNotExist(err) {
		t.Skip("memory is not looked at: ", err)
	}
	require.NoError(t, err)
	t.Logf("%d requests, %d retries in %s, %d KiB at most",
		loaded.Requests, loaded.Retries, time.Since(began), most>>10)
	require.LessOrEqual(t, most, int64(leastMemory)*11/10)
	require.NoError(t, server.cmd.Process.Kill())
	server.exit(t)
}

// replayedRows is how many rows TestReplayInSmallMemory leaves in the log: 600,000 are some 64 MiB there, and 200 MiB in heads.
var replayedRows = flag.Int("residual.replayed", 600_000, "rows that a start of the least memory finds in the log")

// TestReplayInSmallMemory starts a server of the least memory over a log that one of more memory has left when it was
// killed: the process keeps its limit while it replays, and has all rows.
func TestReplayInSmallMemory(t *testing.T) {
	binary, dir := build(t), filepath.Join(t.TempDir(), "data")
	server := startProcess(t, binary, dir, "--memory-limit", "16GiB", "--checkpoint-bytes", "1GiB", "--log-level", "error")
	c, err := client.New(client.Options{Server: server.address})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	events := generatedByProgram(t, "--rows", strconv.Itoa(*replayedRows))
	loaded, err := c.Load(t.Context(), bytes.NewReader(events), client.LoadOptions{})
	require.NoError(t, err)
	require.EqualValues(t, *replayedRows, loaded.Successful)
	require.NoError(t, server.cmd.Process.Kill())
	server.exit(t)

	var logged int64
	logs, err := filepath.Glob(filepath.Join(dir, "wal", "*.log"))
	require.NoError(t, err)
	for _, name := range logs {
		info, err := os.Stat(name)
		require.NoError(t, err)
		logged += info.Size()
	}
	began := time.Now()
	server = startProcess(t, binary, dir, "--memory-limit", strconv.Itoa(leastMemory), "--log-level", "error")
	took := time.Since(began)
	require.Equal(t, *replayedRows, countRows(t, server.address))
	_, most, err := memory.Process(server.cmd.Process.Pid)
	if os.IsNotExist(err) {
		t.Skip("memory is not looked at: ", err)
	}
	require.NoError(t, err)
	t.Logf("%d MiB of log files in %s, %d KiB at most", logged>>20, took, most>>10)
	require.LessOrEqual(t, most, int64(leastMemory)*11/10)
	require.NoError(t, server.cmd.Process.Kill())
	server.exit(t)
}
