package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/zones"
)

// TestTable holds the table to what the toolchain has, if that is of the same version of the database: to the byte, and, so that the
// table is not only what the generator makes of it, each zone's clock to the one that the standard library reads from the file.
func TestTable(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	require.NoError(t, err)
	dir := filepath.Join(strings.TrimSpace(string(root)), "lib", "time")
	want, err := generate(dir)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this Go toolchain comes without the tz database:", err)
	}
	require.NoError(t, err)
	got, err := os.ReadFile("../table.txt")
	require.NoError(t, err)
	version, _, _ := strings.Cut(string(want), "\n")
	if !strings.HasSuffix(version, " "+zones.Version()) {
		t.Skipf("the table is of version %s, and this toolchain of another: %s", zones.Version(), version)
	}
	require.True(t, bytes.Equal(want, got), "run go generate")

	archive, err := zip.OpenReader(filepath.Join(dir, "zoneinfo.zip"))
	require.NoError(t, err)
	defer func() { require.NoError(t, archive.Close()) }()
	count := 0
	for _, file := range archive.File {
		if file.FileInfo().IsDir() {
			continue
		}
		reader, err := file.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(reader)
		require.NoError(t, err)
		require.NoError(t, reader.Close())
		theirs, err := time.LoadLocationFromTZData(file.Name, data)
		require.NoError(t, err)
		ours, err := zones.Load(file.Name)
		require.NoError(t, err)
		requireSameClock(t, theirs, ours)
		count++
	}
	require.Len(t, zones.Names(), count)
}

// requireSameClock compares two zones at, before and after each change that one of them has, up to where timestamps end.
func requireSameClock(t *testing.T, want, got *time.Location) {
	t.Helper()
	end := time.Unix(1<<32, 0)
	for _, walked := range []*time.Location{want, got} {
		for at := time.Unix(0, 0); at.Before(end); {
			for _, moment := range []time.Time{at.Add(-1), at} {
				if moment.Unix() < 0 {
					continue
				}
				_, wanted := moment.In(want).Zone()
				_, offset := moment.In(got).Zone()
				require.Equal(t, wanted, offset, "%s at %s", want, moment.UTC())
			}
			_, next := at.In(walked).ZoneBounds()
			if next.IsZero() {
				break
			}
			if !next.After(at) { // the last day of a leap year, where a rule ends 365 days after the year began
				next = at.Add(24 * time.Hour)
			}
			at = next
		}
	}
}
