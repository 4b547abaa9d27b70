package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/client"
	"github.com/residualdb/residual/internal/memory"
)

// TestSmallMemory loads into a server of the least memory as residual ingest does, more requests at a time than fit:
// those that are refused come again until all rows are stored, and the process keeps its limit.
func TestSmallMemory(t *testing.T) {
	const rows, limit = 200_000, memoryLimitMin
	dir := t.TempDir()
	server := startProcess(t, build(t), filepath.Join(dir, "data"),
		"--memory-limit", strconv.Itoa(limit), "--log-level", "error")
	events := generated(t, "--rows", strconv.Itoa(rows))
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
	require.LessOrEqual(t, most, int64(limit)*11/10)
	require.NoError(t, server.cmd.Process.Kill())
	server.exit(t)
}
