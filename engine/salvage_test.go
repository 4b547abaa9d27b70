package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// damages are ways to damage a file; the result is nil for a file that is gone.
var damages = map[string]func(content []byte) []byte{
	"missing": func([]byte) []byte { return nil },
	"empty":   func([]byte) []byte { return []byte{} },
	"zeros":   func(content []byte) []byte { return make([]byte, len(content)) },
	"half":    func(content []byte) []byte { return content[:len(content)/2] },
	"flip": func(content []byte) []byte {
		b := bytes.Clone(content)
		used := len(bytes.TrimRight(b, "\x00"))
		b[used/2] ^= 0x10
		return b
	},
}

// mayLose says which batches of smallStore a file holds. Losing any other is not to be excused.
func mayLose(name string, number int) bool {
	switch {
	case strings.HasSuffix(name, "3.pack"):
		return number < 3
	case strings.HasSuffix(name, "7.pack"):
		return number >= 3 && number < 8
	case strings.HasSuffix(name, ".log"):
		return number >= 8
	default:
		return false
	}
}

// TestSalvage damages each file of a store in turn. What Salvage makes of it opens, has no damage left, has everything
// that was in the other files, and nothing that was never sent.
func TestSalvage(t *testing.T) {
	files, w, known := smallStore(t, 1)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == "LOCK" {
			continue
		}
		for _, how := range slices.Sorted(maps.Keys(damages)) {
			t.Run(name+"/"+how, func(t *testing.T) {
				disk := damaged(t, files, name, how)
				done, err := engine.Salvage(storeDir, engine.Options{FS: disk})
				require.NoError(t, err)
				lost := checkSalvaged(t, disk, w, known, name)
				t.Logf("%d rows lost; %+v", lost, done)
				if lost > 0 {
					require.NotZero(t, len(done.Lost)+len(done.Log.Rewritten), "what is lost is reported")
				}
				if how != "missing" && !strings.HasSuffix(name, ".copy") {
					require.True(t, keeps(t, disk, damages[how](files[name])), "what was damaged is kept")
				}
			})
		}
	}
}

func damaged(t *testing.T, files tree, name, how string) *simdisk.Disk {
	t.Helper()
	f := maps.Clone(files)
	if f[name] = damages[how](files[name]); f[name] == nil {
		delete(f, name)
	}
	return f.disk(t)
}

// checkSalvaged returns the number of rows that are lost.
func checkSalvaged(t *testing.T, disk *simdisk.Disk, w *script, known facts, name string) (lost int) {
	t.Helper()
	report, err := engine.Verify(storeDir, engine.Options{FS: disk})
	require.NoError(t, err)
	require.Empty(t, report.Findings)
	s := newSession(w, disk, nil, new(ledger).begin)
	require.NoError(t, s.open())
	defer func() { require.NoError(t, s.db.Close()) }()
	found, err := contentOf(s.db)
	require.NoError(t, err)
	rows := found.rows
	for _, f := range known {
		for _, e := range f.Value.rows {
			got, ok := rows[nameOf(e)]
			delete(rows, nameOf(e))
			switch {
			case ok:
				require.Equal(t, e, got)
			case mayLose(name, f.Value.name.number):
				lost++
			default:
				t.Errorf("row %s was not in %s and is gone", e.PredictionID, name)
			}
		}
	}
	require.Empty(t, rows, "rows that were never sent")
	if len(found.positions) > 0 || filepath.Dir(name) != "positions" {
		require.Equal(t, map[engine.Position]string{{Source: "topics", Part: "part 1"}: "1:7"}, found.positions)
	}
	s.append(1)
	require.NoError(t, s.err)
	return lost
}

// keeps tells whether a file with this content is in one of the directories that Salvage makes.
func keeps(t *testing.T, disk *simdisk.Disk, content []byte) bool {
	t.Helper()
	for _, dir := range []string{"salvaged-1", "wal/salvaged-1", "segments"} {
		names, _ := disk.List(filepath.Join(storeDir, dir))
		for _, name := range names {
			got, err := vfs.ReadFile(disk, filepath.Join(storeDir, dir, name))
			if err == nil && bytes.Equal(got, content) {
				return true
			}
		}
	}
	return false
}

// TestSalvageCrash cuts the power after each operation of a Salvage, and fails each. The next one completes it.
func TestSalvageCrash(t *testing.T) {
	files, w, known := smallStore(t, 1)
	opts := func(disk *simdisk.Disk) engine.Options { return engine.Options{FS: disk} }
	for _, name := range []string{"MANIFEST-000000000003", "store-id", "segments/000000000003.pack", "keys/000000000001.list", "wal/0000000003.log"} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			for op := uint64(1); ; op += race.Share {
				disk := damaged(t, files, name, "half")
				from := disk.Ops()
				disk.Inject(simdisk.Fault{Op: from + op, Kind: simdisk.PowerOff})
				_, err := engine.Salvage(storeDir, opts(disk))
				if err == nil {
					break
				}
				require.ErrorIs(t, err, simdisk.ErrHalted)
				snapshot := disk.Snapshot()
				for seed := range uint64(4) {
					disk := snapshot.Crash(simdisk.Random(op*100 + seed))
					_, err := engine.Salvage(storeDir, opts(disk))
					require.NoError(t, err, "operation %d, seed %d", op, seed)
					checkSalvaged(t, disk, w, known, name)
				}
				disk = damaged(t, files, name, "half")
				disk.Inject(simdisk.Fault{Op: disk.Ops() + op, Kind: simdisk.EIO})
				_, err = engine.Salvage(storeDir, opts(disk))
				if err == nil {
					checkSalvaged(t, disk.Snapshot().Kill(), w, known, name)
				}
				_, err = engine.Salvage(storeDir, opts(disk))
				require.NoError(t, err, "after a failure of operation %d", op)
				checkSalvaged(t, disk, w, known, name)
			}
		})
	}
}

// TestSalvageRefuses holds that nothing is given up that can be set right without a loss.
func TestSalvageRefuses(t *testing.T) {
	files, _, _ := smallStore(t, 1)
	foreign, _, _ := smallStore(t, 2)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == "LOCK" || strings.HasSuffix(name, ".copy") {
			continue
		}
		for what, content := range map[string][]byte{"of another store": foreign[name], "newer": newer(name, files[name])} {
			t.Run(name+"/"+what, func(t *testing.T) {
				f := maps.Clone(files)
				f[name] = content
				disk := f.disk(t)
				disk.StartTrace()
				_, err := engine.Salvage(storeDir, engine.Options{FS: disk})
				require.True(t, errors.Is(err, engine.ErrCorrupt) || errors.Is(err, engine.ErrVersion), "%v", err)
				require.NoError(t, untouched(disk))
			})
		}
	}
}

// TestSalvageLeavesAlone holds that nothing happens to a store without damage.
func TestSalvageLeavesAlone(t *testing.T) {
	files, _, _ := smallStore(t, 1)
	disk := files.disk(t)
	done, err := engine.Salvage(storeDir, engine.Options{FS: disk})
	require.NoError(t, err)
	require.Empty(t, done.Lost)
	require.Equal(t, fmt.Sprint(files), fmt.Sprint(treeOf(t, disk)))
}
