package engine_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// tree is the content of a store's directory by path within it.
type tree map[string][]byte

// storeDirs are the directories of a store, each behind what is in it.
func storeDirs() []string {
	return []string{"wal", "segments", "keys", "quarantine", "orphans", "positions", ""}
}

func treeOf(t testing.TB, disk *simdisk.Disk) tree {
	t.Helper()
	files := make(tree)
	for _, dir := range storeDirs() {
		names, err := disk.List(filepath.Join(storeDir, dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		for _, name := range names {
			content, err := vfs.ReadFile(disk, filepath.Join(storeDir, dir, name))
			if !errors.Is(err, vfs.ErrNotRegular) {
				require.NoError(t, err)
				files[filepath.Join(dir, name)] = content
			}
		}
	}
	return files
}

// disk returns a disk with these files.
func (f tree) disk(t testing.TB) *simdisk.Disk {
	t.Helper()
	d := simdisk.New(simdisk.Options{})
	for _, dir := range storeDirs() {
		require.NoError(t, d.MkdirAll(filepath.Join(storeDir, dir)))
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		file, err := d.Create(filepath.Join(storeDir, name))
		require.NoError(t, err)
		require.NoError(t, vfs.WriteFull(file, f[name], 0))
		require.NoError(t, file.Sync())
		require.NoError(t, file.Close())
	}
	for _, dir := range append(storeDirs(), "..", "../..") {
		require.NoError(t, d.SyncDir(filepath.Join(storeDir, dir)))
	}
	return d
}

// smallStore returns the files of a store that was killed: two checkpoints, log files behind them, keys, rejects, positions. What it
// holds is in the ledger.
func smallStore(t testing.TB, random byte) (tree, *script, facts) {
	t.Helper()
	files, _, w, known := smallStoreOf(t, random, func(s *session) { s.read(1) })
	return files, w, known
}

// smallStoreOf does something more before the second checkpoint, and returns as well what the files were then.
func smallStoreOf(t testing.TB, random byte, more func(*session)) (files, earlier tree, w *script, known facts) {
	t.Helper()
	w = &script{shape: shape{featuresBytes: 40}}
	disk := simdisk.New(simdisk.Options{})
	var l ledger
	s := newSession(w, disk, nil, l.begin)
	s.random = random
	require.NoError(t, s.open())
	s.append(3)
	s.checkpoint()
	earlier = treeOf(t, disk.Snapshot().Kill())
	s.append(4)
	more(s)
	s.checkpoint()
	s.append(3)
	require.NoError(t, s.err)
	// The next start vouches for the last group of the log: damage to it is not taken for a torn tail.
	s.disk = disk.Snapshot().Kill()
	require.NoError(t, s.db.Close())
	require.NoError(t, s.open())
	files = treeOf(t, s.disk.Snapshot().Kill())
	require.NoError(t, s.db.Close())
	return files, earlier, w, l.facts
}

// more sends what not every small store has: actuals, one of them an orphan, and rows with their positions.
func more(s *session) {
	s.actuals()
	s.read(1)
}

// TestHostileFiles damages each file of a store in the ways that no crash does. The store is refused, the file is named, and
// nothing is written.
func TestHostileFiles(t *testing.T) {
	files, _, w, _ := smallStoreOf(t, 1, more)
	foreign, _, _, _ := smallStoreOf(t, 2, more)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == "LOCK" || strings.HasSuffix(name, ".copy") {
			continue
		}
		for _, c := range hostileCases(files, foreign, name) {
			t.Run(name+"/"+c.name, func(t *testing.T) { refused(t, w, c.files, c.named) })
		}
	}
}

// TestHostileLogAlone holds that a log with records is not taken for a new store when the manifest is gone, although
// nothing in the log says what the manifest named.
func TestHostileLogAlone(t *testing.T) {
	w := &script{}
	disk := simdisk.New(simdisk.Options{})
	s := newSession(w, disk, nil, new(ledger).begin)
	require.NoError(t, s.open())
	s.append(3)
	require.NoError(t, s.err)
	files := treeOf(t, disk.Kill())
	s.db.Abandon()
	maps.DeleteFunc(files, func(name string, _ []byte) bool { return strings.HasPrefix(name, "MANIFEST") })
	refused(t, w, files, []string{"MANIFEST-*"})
}

// TestStaleFiles puts back files of another time of the same store: of a backup that went on by itself, each file
// alone, and the manifest of an earlier checkpoint. A log file that the checkpoint covers does no harm.
func TestStaleFiles(t *testing.T) {
	files, earlier, w, known := smallStoreOf(t, 1, more)
	other, _, _, _ := smallStoreOf(t, 1, func(s *session) {
		s.next += 103
		s.append(1) // with rejects
		more(s)
	})
	tried := make(map[string]bool)
	for name, content := range other {
		if was, ok := files[name]; !ok || bytes.Equal(content, was) || strings.HasSuffix(name, ".copy") {
			continue
		}
		tried[filepath.Dir(name)] = true
		t.Run(name, func(t *testing.T) {
			f := maps.Clone(files)
			f[name] = content
			named := []string{filepath.Base(name)}
			if strings.HasPrefix(name, "MANIFEST") {
				// It is whole, and the first file that it names is another, or is not there.
				named = slices.Concat(slices.Collect(maps.Keys(files)), slices.Collect(maps.Keys(other)))
			}
			refused(t, w, f, named)
		})
	}
	require.Equal(t, map[string]bool{".": true, "wal": true, "segments": true, "keys": true, "quarantine": true, "orphans": true, "positions": true}, tried)

	t.Run("manifest before", func(t *testing.T) {
		f := maps.Clone(earlier)
		for name, content := range files {
			if !strings.HasPrefix(name, "MANIFEST") {
				f[name] = content
			}
		}
		maps.DeleteFunc(f, func(name string, _ []byte) bool { return strings.HasPrefix(name, "wal") && files[name] == nil })
		refused(t, w, f, []string{".log"})
	})
	t.Run("log file before", func(t *testing.T) {
		f := maps.Clone(files)
		for name, content := range earlier {
			if strings.HasPrefix(name, "wal") {
				f[name] = content
			}
		}
		s := newSession(w, f.disk(t), nil, new(ledger).begin)
		require.NoError(t, s.open())
		_, err := s.compare(known)
		require.NoError(t, err)
		s.close()
		require.NoError(t, s.err)
	})
}

type hostileCase struct {
	name  string
	files tree
	named []string // one of which the error says
}

func hostileCases(files, foreign tree, name string) []hostileCase {
	content := files[name]
	with := func(what string, content []byte) hostileCase {
		f := maps.Clone(files)
		f[name] = content
		return hostileCase{what, f, []string{filepath.Base(name)}}
	}
	missing := with("missing", nil)
	delete(missing.files, name)
	other := with("of another store", foreign[name])
	switch {
	case strings.HasPrefix(name, "MANIFEST"):
		missing.named = []string{"MANIFEST-*"} // nothing says which
	case name == "store-id":
		other.named = []string{"MANIFEST-000000000003"} // one of the two is another's
	}
	cases := []hostileCase{
		missing,
		with("empty", nil),
		with("zeros", make([]byte, len(content))),
		with("half", content[:len(content)/2]),
		with("one byte short", content[:len(content)-1]),
		other,
		with("newer", newer(name, content)),
	}
	if !strings.HasPrefix(name, "wal") { // the log is preallocated
		cases = append(cases, with("with more behind it", append(slices.Clone(content), "more"...)))
	}
	for _, other := range slices.Sorted(maps.Keys(files)) {
		if other > name && filepath.Ext(other) != ".copy" && filepath.Dir(other) == filepath.Dir(name) && filepath.Ext(other) == filepath.Ext(name) && name != "store-id" {
			c := with("swapped with "+other, files[other])
			c.named = append(c.named, filepath.Base(other))
			c.files[other] = content
			cases = append(cases, c)
		}
	}
	return cases
}

// newer returns the file as a later version of the format would write it: the version is right behind the magic, and a checksum
// over the header, or the whole file, is made good.
func newer(name string, content []byte) []byte {
	b := slices.Clone(content)
	end := len(b)
	switch {
	case name == "store-id":
		return bytes.Replace(b, []byte("store 1"), []byte("store 2"), 1)
	case filepath.Ext(name) == ".pack":
		end = 64
	case filepath.Ext(name) == ".log":
		end = 4096
	}
	b[8] += 10 // a store may have files of several versions that are read
	binary.LittleEndian.PutUint32(b[end-4:], crc32.Checksum(b[:end-4], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// refused holds that a store with these files is refused because of a file that it names, and left as it is.
func refused(t *testing.T, w *script, files tree, named []string) {
	t.Helper()
	disk := files.disk(t)
	s := newSession(w, disk, nil, new(ledger).begin)
	err := s.open()
	if err == nil {
		_ = s.db.Close()
	}
	require.Error(t, err)
	require.True(t, errors.Is(err, engine.ErrCorrupt) || errors.Is(err, engine.ErrVersion), "%v", err)
	require.True(t, slices.ContainsFunc(named, func(name string) bool { return strings.Contains(err.Error(), name) }), "%v", err)
	report, verifyErr := engine.Verify(storeDir, engine.Options{FS: disk})
	require.NoError(t, verifyErr)
	require.NotEmpty(t, report.Findings, "of what Open refuses: %v", err)
	after := treeOf(t, disk)
	delete(after, "LOCK")
	delete(files, "LOCK")
	require.Equal(t, slices.Sorted(maps.Keys(files)), slices.Sorted(maps.Keys(after)))
	for name := range files {
		require.True(t, bytes.Equal(files[name], after[name]), "%s was changed", name)
	}
}

// TestForeignDirectory holds that a directory which is not a store is not made one, nor written to.
func TestForeignDirectory(t *testing.T) {
	for _, name := range []string{"notes.txt", "MANIFEST-000000000001", "wal/0000000001.log", "segments/000000000001.pack"} {
		t.Run(name, func(t *testing.T) {
			disk := simdisk.New(simdisk.Options{})
			require.NoError(t, disk.MkdirAll(filepath.Join(storeDir, filepath.Dir(name))))
			f, err := disk.Create(filepath.Join(storeDir, name))
			require.NoError(t, err)
			require.NoError(t, f.Close())
			before := fmt.Sprint(disk.List(storeDir))
			_, err = engine.Open(storeDir, engine.Options{FS: disk})
			require.ErrorIs(t, err, engine.ErrCorrupt)
			require.Equal(t, before, fmt.Sprint(disk.List(storeDir)))
		})
	}
}
