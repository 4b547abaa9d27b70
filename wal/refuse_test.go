package wal

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
)

// threeFiles is a log of three files with a record each, and a stale copy of the second one, without its record.
type threeFiles struct {
	memFS

	names []string
	stale []byte
	cuts  []Position
}

func makeThreeFiles(t *testing.T) threeFiles {
	t.Helper()
	disk := simdisk.New(simdisk.Options{})
	l, _, err := Open("/wal", Options{FS: disk, StoreID: memStore, FileBytes: fileBytesMin}, nil)
	require.NoError(t, err)
	var log threeFiles
	for i := range 3 {
		if i > 0 {
			require.NoError(t, l.Rotate(context.Background(), func(p Position) { log.cuts = append(log.cuts, p) }))
		}
		if i == 1 {
			log.stale = load(t, disk).files[logName(2)]
		}
		require.NoError(t, l.Append(context.Background(), 1, []byte{byte(i)}, nil))
	}
	require.NoError(t, l.Close())
	log.memFS = load(t, disk)
	log.names = []string{logName(1), logName(2), logName(3)}
	return log
}

// resealed returns a log file with some bytes of its header changed and the checksum made right.
func resealed(file []byte, off int, value ...byte) []byte {
	file = bytes.Clone(file)
	copy(file[off:], value)
	resealFileHeader(file)
	return file
}

// TestRefuse holds that a directory which is not as the log left it is refused, by file and reason, and not changed.
func TestRefuse(t *testing.T) {
	log := makeThreeFiles(t)
	first, second, third := log.names[0], log.names[1], log.names[2]
	files := func(change func(files map[string][]byte)) memFS {
		m := log.with(first, log.files[first])
		change(m.files)
		return m
	}
	recordAt := func(name string, off int, value byte) memFS {
		data := bytes.Clone(log.files[name])
		data[fileHeaderSize+off] = value
		resealRecord(data[fileHeaderSize:], checksumSeed(memStore))
		return log.with(name, data)
	}
	for _, c := range []struct {
		name       string
		dir        memFS
		checkpoint Position
		class      error
		path       string
		reason     error
	}{
		{"first file missing", files(func(f map[string][]byte) { delete(f, first) }), Position{}, ErrCorrupt, first, errMissing},
		{"middle file missing", files(func(f map[string][]byte) { delete(f, second) }), Position{}, ErrCorrupt, second, errMissing},
		{"newest file missing", files(func(f map[string][]byte) { delete(f, third) }), Position{}, ErrCorrupt, third, errSuccessor},
		{"no file, but a checkpoint", memFS{}, log.cuts[0], ErrCorrupt, second, errMissing},
		{"file of the checkpoint missing", files(func(f map[string][]byte) { delete(f, second) }), log.cuts[0], ErrCorrupt, second, errMissing},
		{"two files swapped", files(func(f map[string][]byte) { f[first], f[second] = f[second], f[first] }), Position{}, ErrCorrupt, first, errNumber},
		{"file twice", files(func(f map[string][]byte) { f[logName(4)] = f[third] }), Position{}, ErrCorrupt, logName(4), errNumber},
		{"stale file", log.with(second, log.stale), Position{}, ErrCorrupt, second, nil},
		{"file of zeros", log.with(third, make([]byte, fileBytesMin)), Position{}, ErrCorrupt, third, errMagic},
		{"empty file", log.with(third, nil), Position{}, ErrCorrupt, third, errShrunk},
		{"shorter than a header", log.with(second, log.files[second][:fileHeaderSize-1]), Position{}, ErrCorrupt, second, errShrunk},
		{"shortened", log.with(third, log.files[third][:fileBytesMin-1]), Position{}, ErrCorrupt, third, errShrunk},
		{"damaged header", log.with(third, append(bytes.Repeat([]byte{'R'}, 100), log.files[third][100:]...)), Position{}, ErrCorrupt, third, errMagic},
		{"other store", log.with(first, resealed(log.files[first], offStoreID, 9)), Position{}, ErrForeign, first, nil},
		{"newer version", log.with(third, resealed(log.files[third], offVersion, 2)), Position{}, ErrVersion, third, nil},
		{"unknown field in a file header", log.with(third, resealed(log.files[third], offUnused, 1)), Position{}, ErrVersion, third, nil},
		{"contradicting header", log.with(third, resealed(log.files[third], offFirstLSN, 9)), Position{}, ErrCorrupt, third, errFileFields},
		{"another predecessor", log.with(third, resealed(log.files[third], offPrevCRC, 9)), Position{}, ErrCorrupt, second, errEnd},
		{"unknown record type", recordAt(third, offType, 0xF0), Position{}, ErrVersion, third, nil},
		{"unknown record flag", recordAt(third, offFlags, 1), Position{}, ErrVersion, third, nil},
		{"unknown record field", recordAt(third, offReserved, 1), Position{}, ErrVersion, third, nil},
		{"strange name", files(func(f map[string][]byte) { f["3.log"] = nil }), Position{}, ErrCorrupt, "3.log", errName},
		{"number 0", files(func(f map[string][]byte) { f[logName(0)] = nil }), Position{}, ErrCorrupt, logName(0), errName},
		{"checkpoint of another log", log.memFS, Position{LSN: 1, File: 1, CRC: 1}, ErrCorrupt, second, errCheckpoint},
		{"checkpoint of another record", log.memFS, Position{LSN: 2, File: 1, CRC: log.cuts[0].CRC}, ErrCorrupt, second, errCheckpoint},
		{"checkpoint ahead of the log", log.memFS, Position{LSN: 3, File: 3, CRC: 1}, ErrCorrupt, logName(4), errMissing},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := simdisk.New(simdisk.Options{})
			c.dir.store(t, disk)
			disk.StartTrace()
			opts := Options{FS: disk, StoreID: memStore, FileBytes: fileBytesMin, Checkpoint: c.checkpoint}
			_, _, err := Open("/wal", opts, nil)
			require.ErrorIs(t, err, c.class)
			require.ErrorContains(t, err, "/wal/"+c.path)
			if c.reason != nil {
				require.ErrorIs(t, err, c.reason)
			}
			if errors.Is(c.class, ErrCorrupt) {
				var corrupt *CorruptError
				require.ErrorAs(t, err, &corrupt)
				require.Equal(t, "/wal/"+c.path, corrupt.Path)
			}
			report, verifyErr := Verify(disk, "/wal", memStore, c.checkpoint)
			require.True(t, verifyErr != nil || len(report.Findings) > 0)
			reading := []simdisk.OpKind{simdisk.OpList, simdisk.OpOpenRead, simdisk.OpRead, simdisk.OpSize, simdisk.OpClose}
			for _, op := range disk.Trace() {
				require.Contains(t, reading, op.Kind, "%s", op)
			}
		})
	}
}

// TestLeftovers holds that what a process did not finish is removed, and what is not the log's is left alone.
func TestLeftovers(t *testing.T) {
	log := makeThreeFiles(t)
	for _, name := range []string{logName(3) + newSuffix, logName(4) + newSuffix, "notes.txt", "lost+found"} {
		log.files[name] = []byte("whatever")
	}
	disk := simdisk.New(simdisk.Options{})
	log.store(t, disk)
	l, rec, err := Open("/wal", Options{FS: disk, StoreID: memStore, Checkpoint: log.cuts[0]}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, rec.Records)
	require.NoError(t, l.Close())
	names, err := disk.List("/wal")
	require.NoError(t, err)
	require.Equal(t, []string{log.names[1], log.names[2], "lost+found", "notes.txt"}, names)
}

// TestBroken holds that a torn tail is kept aside, the last few of them.
func TestBroken(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	var kept []string
	for round := range BrokenMax + 3 {
		l, rec, err := Open("/wal", Options{FS: disk, StoreID: memStore, FileBytes: 1 << 20}, nil)
		require.NoError(t, err)
		require.EqualValues(t, round, rec.Records)
		if round > 0 {
			require.EqualValues(t, 8, rec.TornBytes)
			kept = append(kept, rec.BrokenFile)
			torn, err := disk.OpenRead(rec.BrokenFile)
			require.NoError(t, err)
			tail := make([]byte, 8)
			size, err := torn.Size()
			require.NoError(t, err)
			_, err = torn.ReadAt(tail, size-8)
			require.NoError(t, err)
			require.Equal(t, "torn\x00\x00\x00\x01", string(tail))
		}
		require.NoError(t, l.Append(context.Background(), 1, []byte{byte(round)}, nil))
		end := l.Size() + fileHeaderSize
		disk = disk.Kill()
		_ = l.Close() // It is of a process that was killed.
		f, err := disk.Open("/wal/" + logName(1))
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("torn\x00\x00\x00\x01"), end)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	names, err := disk.List("/wal")
	require.NoError(t, err)
	var found []string
	for _, name := range names {
		if _, _, ok := parseBrokenName(name); ok {
			found = append(found, "/wal/"+name)
		}
	}
	require.Equal(t, kept[len(kept)-BrokenMax:], found)
}

// TestChanged holds that the newest file is not made anew from bytes that are no longer those that were replayed: the log
// can be read, and takes no records.
func TestChanged(t *testing.T) {
	small := makeSmallLog(t, true)
	twin := bytes.Clone(small.files[smallSecond])
	resealAll(t, twin, func(h *recordHeader, payload []byte) {
		if h.lsn == 6 && h.kind == 1 {
			copy(payload, "THE LAST")
		}
	})
	for name, later := range map[string][]byte{"zeros": make([]byte, fileBytesMin), "another whole log": twin} {
		t.Run(name, func(t *testing.T) {
			disk := simdisk.New(simdisk.Options{})
			small.store(t, disk)
			replay := func(r Record) error {
				if r.LSN == 6 {
					f, err := disk.Open("/wal/" + smallSecond)
					require.NoError(t, err)
					_, err = f.WriteAt(later[fileHeaderSize:], fileHeaderSize)
					require.NoError(t, err)
					require.NoError(t, f.Close())
				}
				return nil
			}
			l, _, err := Open("/wal", Options{FS: disk, StoreID: memStore, FileBytes: fileBytesMin}, replay)
			require.NoError(t, err)
			require.ErrorIs(t, l.Err(), ErrPoisoned)
			require.ErrorIs(t, l.Err(), errChanged)
			require.ErrorIs(t, l.Close(), ErrPoisoned)
			require.Len(t, load(t, disk).files, 2)
		})
	}
}

func TestNames(t *testing.T) {
	for _, number := range []uint32{1, 7, 1<<32 - 1} {
		got, known, err := parseLogName(logName(number))
		require.NoError(t, err)
		require.True(t, known)
		require.Equal(t, number, got)
		got, copyNumber, ok := parseBrokenName(brokenName(number, 12))
		require.True(t, ok)
		require.Equal(t, number, got)
		require.Equal(t, 12, copyNumber)
	}
	for _, name := range []string{"", "7", "x", "0000000007.log.new", "0000000007.LOG"} {
		_, known, err := parseLogName(name)
		require.NoError(t, err)
		require.False(t, known, name)
	}
	for _, name := range []string{".log", "7.log", "00000000007.log", "000000000x.log", "+000000007.log", "9999999999.log"} {
		_, known, err := parseLogName(name)
		require.True(t, known)
		require.Error(t, err, name)
	}
	for _, name := range []string{".broken", "0000000007.log.broken", "0000000007.log.x.broken", "0000000007.log.01.broken", "000000000x.log.1.broken"} {
		_, _, ok := parseBrokenName(name)
		require.False(t, ok, name)
	}
	require.True(t, slices.IsSorted([]string{logName(9), logName(10), logName(100)}))
}
