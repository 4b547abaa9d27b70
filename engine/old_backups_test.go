package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/golden"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// oldBackups are the folders in testdata/backups, one of each version of a folder of backups, with the old store that each is a
// backup of. The last one is of the version that is written today: with -rewrite it is made anew.
var oldBackups = []struct{ name, store string }{
	{"2026-11-30", "2026-11-30"},
}

// TestOldBackups restores a folder of backups of every version: the store that comes of it answers as the one that was backed up.
func TestOldBackups(t *testing.T) {
	const folder = "/backups"
	for i, old := range oldBackups {
		t.Run(old.name, func(t *testing.T) {
			path := filepath.Join("testdata", "backups", old.name+".tar.gz")
			if golden.Rewriting() && i == len(oldBackups)-1 {
				disk := readOldStore(t, old.store).disk(t)
				held, err := engine.HoldClosed(storeDir, backupOptions(disk))
				require.NoError(t, err)
				_, err = engine.Backup(t.Context(), held, folder, backupOptions(disk))
				require.NoError(t, err)
				require.NoError(t, held.Close())
				files := make(tree)
				for name, content := range readTree(t, disk, folder) {
					files[name] = []byte(content)
				}
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				pack(t, path, files)
			}
			disk := simdisk.New(simdisk.Options{})
			for name, content := range unpack(t, path) {
				dir := filepath.Dir(filepath.Join(folder, name))
				require.NoError(t, disk.MkdirAll(dir))
				require.NoError(t, vfs.WriteFileAtomic(disk, dir, filepath.Base(name), content))
			}
			verified, err := engine.VerifyBackup(t.Context(), folder, backupOptions(disk))
			require.NoError(t, err)
			require.Empty(t, verified.Findings)
			_, err = engine.Restore(t.Context(), folder, storeDir, engine.RestoreWhich{}, backupOptions(disk))
			require.NoError(t, err)
			answers, err := os.ReadFile(filepath.Join(oldStoresDir, old.store, "answers.txt"))
			require.NoError(t, err)
			db := openOld(t, disk, engine.Options{})
			require.Equal(t, string(answers), answersOf(t, db))
			checkDisk(t, db, disk, storeDir)
			require.NoError(t, db.Close())
		})
	}
}
