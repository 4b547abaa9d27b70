package main

import (
	"bytes"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sortedLines are the lines of an export in an order of their own. Each must be whole.
func sortedLines(t *testing.T, name string) []string {
	t.Helper()
	var lines []string
	for _, file := range files(t, name) {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(content)) {
			require.True(t, strings.HasPrefix(line, "{") && strings.HasSuffix(line, "}\n"), "%s: %q", file, line)
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// requireWithin checks that sorted lines are some of others, each at most once.
func requireWithin(t *testing.T, all, some []string) {
	t.Helper()
	for _, line := range some {
		at, found := slices.BinarySearch(all, line)
		require.True(t, found, line)
		all = all[at+1:]
	}
}

func hasTemps(t *testing.T, dir string) bool {
	t.Helper()
	found := false
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		found = found || strings.HasSuffix(path, ".tmp")
		return err
	}))
	return found
}

// TestExportKilled ends exports at any moment, by force and by Ctrl-C, until one comes to its end: what is there is whole at each
// moment, and in the end it is all of it, once.
func TestExportKilled(t *testing.T) {
	const rows = 20_000
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	binary, dir := build(t), t.TempDir()
	s := serveDir(t, filepath.Join(dir, "data"))
	ingested(t, s.URL(), generatedByProgram(t, "--rows", strconv.Itoa(rows), "--models", "12"), "-")
	r := run(t, "export", "--server", s.URL(), filepath.Join(dir, "whole.ndjson"))
	require.Equal(t, exitOK, r.code, r.err)
	want := sortedLines(t, filepath.Join(dir, "whole.ndjson"))
	require.Len(t, want, rows)

	for _, target := range []string{filepath.Join(dir, "folder") + "/", filepath.Join(dir, "one.ndjson")} {
		killed, interrupted := 0, 0
		for patience := 2; ; patience++ {
			var failed bytes.Buffer
			left := hasTemps(t, dir) // by an export that was killed; the next one may be interrupted before it takes them away
			cmd := exec.CommandContext(t.Context(), binary, "export", "--server", s.URL(), "--format", "ndjson", target)
			cmd.Stderr = &failed
			require.NoError(t, cmd.Start())
			signal := []os.Signal{syscall.SIGKILL, syscall.SIGINT}[random.IntN(2)]
			timer := time.AfterFunc(time.Duration(random.IntN(patience*4))*time.Millisecond, func() { _ = cmd.Process.Signal(signal) })
			err := cmd.Wait()
			timer.Stop()
			if _, missing := os.Stat(target); missing == nil {
				requireWithin(t, want, sortedLines(t, target))
			}
			_, missing := os.Stat(target)
			if err == nil || missing == nil && !strings.HasSuffix(target, "/") || strings.Contains(failed.String(), "has all of it already") {
				break // it is whole, also where the signal came behind that
			}
			switch code := cmd.ProcessState.ExitCode(); {
			case signal == syscall.SIGKILL:
				killed++
			case code >= 0: // it was there to see the signal
				interrupted++
				require.Equal(t, exitFailure, code)
				require.Contains(t, failed.String(), "interrupted")
				require.True(t, left || !hasTemps(t, dir), "what was interrupted takes its temporary files away")
			}
		}
		t.Logf("%s: killed %d times, interrupted %d times", target, killed, interrupted)
		require.Equal(t, want, sortedLines(t, target))
		require.False(t, hasTemps(t, dir))
	}
}

// TestExportSurvivesItsServer kills the server under exports, which go on with the next one.
func TestExportSurvivesItsServer(t *testing.T) {
	const rows, kills = 20_000, 2
	binary, dir := build(t), t.TempDir()
	port, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := port.Addr().String()
	require.NoError(t, port.Close())
	p := startProcess(t, binary, filepath.Join(dir, "data"), "--listen", address)
	ingested(t, p.address, generatedByProgram(t, "--rows", strconv.Itoa(rows), "--models", "12"), "-")

	cmd := exec.CommandContext(t.Context(), binary, "export", "--server", p.address, "--format", "ndjson", "--parallel", "1", filepath.Join(dir, "folder")+"/")
	var failed bytes.Buffer
	cmd.Stderr = &failed
	cmd.Stdout = io.Discard
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	require.NoError(t, cmd.Start())
	for i := range kills {
		require.Eventually(t, func() bool { return len(files(t, filepath.Join(dir, "folder"))) > 3*i }, time.Minute, time.Millisecond)
		require.NoError(t, p.cmd.Process.Kill())
		p.exit(t)
		p = startProcess(t, binary, filepath.Join(dir, "data"), "--listen", address)
	}
	require.NoError(t, cmd.Wait(), failed.String())
	require.NoError(t, p.cmd.Process.Kill())
	p.exit(t)
	require.Len(t, sortedLines(t, filepath.Join(dir, "folder")), rows)
}
