package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// limited starts a server that may have so many files open.
func limited(t *testing.T, binary string, files int, data string, flags ...string) *serving {
	t.Helper()
	return startProcess(t, underLimit(t, binary, files), data, flags...)
}

// underLimit returns a program that is another one with a limit of open files.
func underLimit(t *testing.T, binary string, files int) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "limited")
	text := fmt.Sprintf("#!/bin/sh\nulimit -n %d && exec %q \"$@\"\n", files, binary)
	require.NoError(t, os.WriteFile(script, []byte(text), 0o700)) //nolint:gosec // It is to be run.
	return script
}

// TestServeFewFiles lets idle connections take all files that a server has for them. It goes on to take events and to make
// log files and checkpoints for them.
func TestServeFewFiles(t *testing.T) {
	binary := build(t)
	server := limited(t, binary, 256, filepath.Join(t.TempDir(), "data"), "--checkpoint-bytes", "1MiB")
	server.waitLog(t, "fewer connections than usual fit")
	require.Equal(t, http.StatusAccepted, post(server.address, "first")) // on a connection that stays
	for range 400 {
		idle, err := net.Dial("tcp", strings.TrimPrefix(server.address, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = idle.Close() })
	}
	for i := range 8 {
		events := generatedByProgram(t, "--rows", "20000", "--seed", strconv.Itoa(i))
		response, err := http.Post(server.address+"/v0/events?name=ml_model_predictions", "", bytes.NewReader(events))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, errors.Join(err, response.Body.Close()))
		require.Equal(t, http.StatusAccepted, response.StatusCode)
	}
	require.Equal(t, http.StatusOK, health(server.address))
	require.NoError(t, server.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, exitOK, server.exit(t))

	const least = 144 // for the store and 16 connections
	refused := exec.CommandContext(t.Context(), underLimit(t, binary, least-1), "serve", "--data-dir", t.TempDir())
	output, err := refused.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(output), "needs 144: raise the hard limit")
}

// TestServeManyPacks serves a store of more packs than the process may have files open, and reads all of them.
func TestServeManyPacks(t *testing.T) {
	const packs = 800
	data := filepath.Join(t.TempDir(), "data")
	storePacks(t, data, packs)
	server := limited(t, build(t), 256, data, "--memory-limit", "64MiB")
	require.Equal(t, packs, countRows(t, server.address))
	require.Equal(t, http.StatusAccepted, post(server.address, "another"))
	require.NoError(t, server.cmd.Process.Signal(syscall.SIGTERM))
	require.Equal(t, exitOK, server.exit(t))
	r := run(t, "verify", data)
	require.Equal(t, exitOK, r.code, r.err)
}

// storePacks makes a store of many packs: each of its models came and went between two checkpoints.
func storePacks(t *testing.T, data string, packs int) {
	t.Helper()
	disk := simdisk.New(simdisk.Options{})
	db, err := engine.Open("/data", engine.Options{FS: disk, NoBackground: true, LogFileBytes: 32 << 10})
	require.NoError(t, err)
	for i := range packs {
		var b event.Batch
		require.NoError(t, b.Add(event.Event{
			Timestamp: time.Now(), ModelID: fmt.Sprint("model-", i), PredictionID: "p", Features: "{}",
			PredictedValue: 1, ActualValue: 2, HasActual: true, ModelVersion: "v1", Environment: "production",
		}, db.Rules()))
		_, err := db.Append(t.Context(), &b)
		require.NoError(t, err)
		require.NoError(t, db.Checkpoint(t.Context()))
	}
	require.NoError(t, db.Close())
	copyOut(t, disk, "/data", data)
}

// copyOut copies a directory of a simulated disk to a real one.
func copyOut(t *testing.T, disk *simdisk.Disk, from, to string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(to, 0o700))
	names, err := disk.List(from)
	require.NoError(t, err)
	for _, name := range names {
		content, err := vfs.ReadFile(disk, filepath.Join(from, name))
		if errors.Is(err, vfs.ErrNotRegular) {
			copyOut(t, disk, filepath.Join(from, name), filepath.Join(to, name))
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, name), content, 0o600))
	}
}
