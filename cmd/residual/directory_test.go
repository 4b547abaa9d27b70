package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

// TestDirectoryOfTheServer asks a server beside RESIDUAL_DATA_DIR, as in its image: no command takes the directory in its place.
func TestDirectoryOfTheServer(t *testing.T) {
	store := storeOf(t, 3)
	db, err := engine.Open(store, engine.Options{})
	require.NoError(t, err)
	server, stop := serveStore(t, db)
	t.Cleanup(func() {
		stop()
		require.NoError(t, db.Close())
	})
	for _, args := range [][]string{
		{"backup", filepath.Join(t.TempDir(), "backups")},
		{"delete", "--model", "m", "--dry-run"},
		{"export", "-", "--format", "ndjson"},
	} {
		for _, dir := range []string{store, t.TempDir()} {
			r := runWith(t, map[string]string{"RESIDUAL_DATA_DIR": dir}, "", append(args, "--server", server)...)
			require.Equal(t, exitOK, r.code, "%v: %s", args, r.err)
		}
	}
}
