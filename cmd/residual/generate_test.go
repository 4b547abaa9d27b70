package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGenerate(t *testing.T) {
	args := []string{"generate", "--rows", "500", "--to", "2026-01-01 12:00:00", "--shape", "uuid"}
	r := run(t, args...)
	require.Equal(t, exitOK, r.code, r.err)
	require.Equal(t, 500, strings.Count(r.out, "\n"))
	require.Equal(t, r.out, run(t, args...).out, "the same flags give the same bytes")
	require.NotEqual(t, r.out, run(t, append(args, "--seed", "2")...).out)

	name := filepath.Join(t.TempDir(), "events.ndjson")
	require.Equal(t, exitOK, run(t, append(args, "-o", name)...).code)
	written, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, r.out, string(written))

	r = run(t, append(args, "-o", filepath.Join(name, "under-a-file"))...)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "under-a-file")
}
