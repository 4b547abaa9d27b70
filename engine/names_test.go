package engine_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
)

// TestNamesAreNoPaths stores models whose names mean something to a file system, or look alike: each is a model of its
// own, also after a restart, and no file is named by any of them.
func TestNamesAreNoPaths(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "store")
	models := []string{
		"..", ".", "../x", "/etc/passwd", `..\x`, "CON", "a/b", "a", "A", "é", "e\u0301", " ", "🦜", "LOCK", "MANIFEST-000000000001",
		strings.Repeat("m", 200),
	}
	ctx := context.Background()
	db := openDB(t, dir, engine.Options{NoBackground: true})
	for i, model := range models {
		for k := range i + 1 {
			appendEvents(t, db, newcomer(model, "../v", time.Duration(1+k)*time.Minute))
		}
	}
	check := func() {
		t.Helper()
		for i, model := range models {
			got, err := db.Metrics(ctx, engine.MetricsQuery{Model: model, Version: engine.All})
			require.NoError(t, err)
			require.Len(t, got.Rows, 1, model)
			require.EqualValues(t, i+1, got.Rows[0].PredictionCount, model)
		}
		all, err := db.Metrics(ctx, engine.MetricsQuery{Model: engine.All, Version: engine.All})
		require.NoError(t, err)
		require.Len(t, all.Rows, len(models))
	}
	check()
	require.NoError(t, db.Checkpoint(ctx))
	require.NoError(t, db.Close())
	db = openDB(t, dir, engine.Options{NoBackground: true})
	check()

	ours := regexp.MustCompile(`^store(/(LOCK|store-id|MANIFEST-\d{12}(\.copy)?|wal(/\d{10}\.log)?|segments(/\d{12}\.pack)?|(keys|quarantine|orphans|positions)(/\d{12}\.list)?))?$`)
	require.NoError(t, filepath.WalkDir(parent, func(path string, _ fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(parent, path); name != "." {
			require.Regexp(t, ours, filepath.ToSlash(name))
		}
		return err
	}))
}
