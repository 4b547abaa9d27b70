package wal

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// longLog is a log of four files with five records each, one group per record.
type longLog struct {
	disk    *simdisk.Disk
	offsets map[uint64]int64 // of records, in their files
}

const longFiles, longRecords = 4, 5

func longFileOf(lsn uint64) uint32 { return uint32((lsn-1)/longRecords) + 1 }

func longPayload(lsn uint64) string { return fmt.Sprintf("record %d %0*d", lsn, lsn*300, 0) }

func makeLongLog(t *testing.T) longLog {
	t.Helper()
	log := longLog{disk: simdisk.New(simdisk.Options{}), offsets: map[uint64]int64{}}
	l, _, err := Open("/wal", Options{FS: log.disk, StoreID: memStore, FileBytes: 16 * blockSize}, nil)
	require.NoError(t, err)
	for lsn := uint64(1); lsn <= longFiles*longRecords; lsn++ {
		if lsn > 1 && lsn%longRecords == 1 {
			require.NoError(t, l.Rotate(context.Background(), nil))
		}
		before := l.files.files[len(l.files.files)-1].bytes
		require.NoError(t, l.Append(context.Background(), 1, []byte(longPayload(lsn)), nil))
		log.offsets[lsn] = before + fileHeaderSize
	}
	require.NoError(t, l.Close())
	return log
}

// damage flips a bit in the payload of a record, or in its header.
func (log longLog) damage(lsns ...uint64) {
	for _, lsn := range lsns {
		log.disk.Damage("/wal/"+logName(longFileOf(lsn)), log.offsets[lsn]+recordHeaderSize, 4)
	}
}

func (log longLog) open(t *testing.T, disk *simdisk.Disk) (lsns []uint64, rec Recovered) {
	t.Helper()
	l, rec, err := Open("/wal", Options{FS: disk, StoreID: memStore, FileBytes: fileBytesMin}, func(r Record) error {
		lsns = append(lsns, r.LSN)
		require.Equal(t, longPayload(r.LSN), string(r.Payload))
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, l.Append(context.Background(), 1, nil, func(lsn uint64) { require.Equal(t, rec.LastLSN+1, lsn) }))
	require.NoError(t, l.Close())
	return lsns, rec
}

// allBut are the LSNs of a long log but some.
func allBut(lost ...LSNRange) (lsns []uint64) {
	for lsn := uint64(1); lsn <= longFiles*longRecords; lsn++ {
		if !slices.ContainsFunc(lost, func(r LSNRange) bool { return r.First <= lsn && lsn <= r.Last }) {
			lsns = append(lsns, lsn)
		}
	}
	return lsns
}

func TestSalvage(t *testing.T) {
	remove := func(number uint32) func(longLog) {
		return func(log longLog) {
			require.NoError(t, log.disk.Remove("/wal/"+logName(number)))
			require.NoError(t, log.disk.SyncDir("/wal"))
		}
	}
	for _, c := range []struct {
		name      string
		damage    func(log longLog)
		findings  int
		lost      []LSNRange
		lastLost  bool // The end of the log is among what is lost.
		rewritten []uint32
		missing   []uint32
	}{
		{"first record", func(log longLog) { log.damage(1) }, 1, []LSNRange{{1, 1}}, false, []uint32{1, 2, 3, 4}, nil},
		{"record in the middle", func(log longLog) { log.damage(8) }, 1, []LSNRange{{8, 8}}, false, []uint32{2, 3, 4}, nil},
		{"two of a file", func(log longLog) { log.damage(12, 14) }, 2, []LSNRange{{12, 12}, {14, 14}}, false, []uint32{3, 4}, nil},
		{"last of a file", func(log longLog) { log.damage(15) }, 1, []LSNRange{{15, 15}}, false, []uint32{3, 4}, nil},
		{"last of all", func(log longLog) { log.damage(20) }, 1, []LSNRange{{20, 20}}, true, []uint32{4}, nil},
		{"missing in the middle", remove(2), 1, []LSNRange{{6, 10}}, false, []uint32{2, 3, 4}, []uint32{2}},
		{"first missing", remove(1), 1, []LSNRange{{1, 5}}, false, []uint32{1, 2, 3, 4}, []uint32{1}},
		{"newest missing", remove(4), 1, nil, true, []uint32{4}, []uint32{4}},
		{"header", func(log longLog) { log.disk.Damage("/wal/"+logName(2), 100, 1) }, 1, nil, false, []uint32{2, 3, 4}, nil},
		{"header and record", func(log longLog) {
			log.disk.Damage("/wal/"+logName(2), 100, 1)
			log.damage(8)
		}, 1, []LSNRange{{8, 8}}, false, []uint32{2, 3, 4}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := makeLongLog(t)
			c.damage(log)
			_, _, err := Open("/wal", Options{FS: log.disk, StoreID: memStore}, nil)
			require.ErrorIs(t, err, ErrCorrupt)
			before := load(t, log.disk)
			report, err := Verify(log.disk, "/wal", memStore, Position{})
			require.NoError(t, err)
			require.Len(t, report.Findings, c.findings, "%v", report.Findings)

			done, err := Salvage(log.disk, "/wal", memStore, Position{})
			require.NoError(t, err)
			require.Equal(t, c.lost, done.Lost)
			require.Equal(t, paths(c.rewritten), done.Rewritten)
			require.Equal(t, paths(c.missing), done.Missing)
			for _, number := range c.rewritten {
				if !slices.Contains(c.missing, number) {
					kept, err := vfs.ReadFile(log.disk, done.Kept+"/"+logName(number))
					require.NoError(t, err)
					require.True(t, bytes.Equal(before.files[logName(number)], kept))
				}
			}

			again, err := Salvage(log.disk, "/wal", memStore, Position{})
			require.NoError(t, err)
			require.Equal(t, Salvaged{Records: done.Records, Lost: done.Lost}, again)
			report, err = Verify(log.disk, "/wal", memStore, Position{})
			require.NoError(t, err)
			require.Empty(t, report.Findings)
			require.Equal(t, c.lost, report.Lost)
			lsns, rec := log.open(t, log.disk)
			require.EqualValues(t, len(lsns), done.Records)
			require.Equal(t, c.lost, rec.Lost)
			if c.name == "newest missing" {
				require.Equal(t, allBut(LSNRange{16, 20}), lsns)
			} else {
				require.Equal(t, allBut(c.lost...), lsns)
				require.EqualValues(t, longFiles*longRecords, rec.LastLSN)
			}
		})
	}
}

func paths(numbers []uint32) (paths []string) {
	for _, number := range numbers {
		paths = append(paths, "/wal/"+logName(number))
	}
	return paths
}

// TestSalvageRefuses holds that Salvage does not touch what is not damage.
func TestSalvageRefuses(t *testing.T) {
	log := makeThreeFiles(t)
	damaged := resealed(log.files[log.names[1]], offPrevCRC, 1, 2, 3) // so that there is something to salvage
	for name, c := range map[string]struct {
		dir   memFS
		class error
	}{
		"other store":   {log.with(log.names[1], damaged).with(log.names[2], resealed(log.files[log.names[2]], offStoreID, 9)), ErrForeign},
		"newer version": {log.with(log.names[1], damaged).with(log.names[2], resealed(log.files[log.names[2]], offVersion, 9)), ErrVersion},
		"other number":  {log.with(log.names[1], damaged).with(log.names[2], log.files[log.names[0]]), ErrCorrupt},
		"strange name":  {log.with(log.names[1], damaged).with("1.log", nil), ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			disk := simdisk.New(simdisk.Options{})
			c.dir.store(t, disk)
			_, err := Salvage(disk, "/wal", memStore, Position{})
			require.ErrorIs(t, err, c.class)
			require.True(t, c.dir.equal(load(t, disk)))
		})
	}
}

// TestSalvageOfNothing holds that a log without any file, which a checkpoint says must have one, can go on.
func TestSalvageOfNothing(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	checkpoint := Position{LSN: 41, File: 6, CRC: 99}
	require.NoError(t, disk.MkdirAll("/wal"))
	done, err := Salvage(disk, "/wal", memStore, checkpoint)
	require.NoError(t, err)
	require.Equal(t, []string{"/wal/" + logName(7)}, done.Missing)
	l, rec, err := Open("/wal", Options{FS: disk, StoreID: memStore, Checkpoint: checkpoint}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 41, rec.LastLSN)
	require.NoError(t, l.Append(context.Background(), 1, nil, func(lsn uint64) { require.EqualValues(t, 42, lsn) }))
	require.NoError(t, l.Close())
}

// TestSalvageCrash cuts the power after every operation of Salvage, with several outcomes each: a second run finds the
// same records.
func TestSalvageCrash(t *testing.T) {
	log := makeLongLog(t)
	log.damage(8, 12)
	require.NoError(t, log.disk.Remove("/wal/"+logName(3)))
	require.NoError(t, log.disk.SyncDir("/wal"))
	want := allBut(LSNRange{8, 8}, LSNRange{11, 15})
	disk := log.disk.Snapshot().Kill()
	disk.StartHistory()
	_, err := Salvage(disk, "/wal", memStore, Position{})
	require.NoError(t, err)
	history := disk.History()
	for i, snapshot := range history {
		if i%race.Share != 0 {
			continue
		}
		for seed := range uint64(8) {
			crashed := snapshot.Crash(simdisk.Random(uint64(i)<<8 + seed))
			_, err := Salvage(crashed, "/wal", memStore, Position{})
			require.NoError(t, err)
			lsns, _ := log.open(t, crashed)
			require.Equal(t, want, lsns, "crash %d, seed %d", i, seed)
		}
	}
	t.Logf("%d crashes", 8*race.Cases(len(history)))
}

// TestSalvageFaults fails every operation of Salvage, at once or one sync late: it says so if anything is amiss, and a second
// run finds the same records.
func TestSalvageFaults(t *testing.T) {
	log := makeLongLog(t)
	log.damage(8, 12)
	sound := log.disk.Snapshot().Kill()
	_, err := Salvage(sound, "/wal", memStore, Position{})
	require.NoError(t, err)
	for _, kind := range []simdisk.FaultKind{simdisk.EIO, simdisk.SyncLate} {
		for op := uint64(1); op <= sound.Ops(); op += race.Share {
			disk := log.disk.Snapshot().Kill()
			disk.Inject(simdisk.Fault{Op: op, Kind: kind})
			_, err := Salvage(disk, "/wal", memStore, Position{})
			if err != nil {
				_, err = Salvage(disk, "/wal", memStore, Position{})
				require.NoError(t, err)
			} else {
				require.Equal(t, simdisk.SyncLate, kind, "nobody noticed operation %d", op)
			}
			lsns, _ := log.open(t, disk.Crash(simdisk.LoseAll()))
			require.Equal(t, allBut(LSNRange{8, 8}, LSNRange{12, 12}), lsns, "%s at operation %d", kind, op)
		}
	}
}

// TestVerifyCounts holds what Verify says of a sound log, one with a torn tail, and one that cannot be read.
func TestVerifyCounts(t *testing.T) {
	small := makeSmallLog(t, false)
	report, err := Verify(small, "/wal", memStore, Position{})
	require.NoError(t, err)
	size := int64(0)
	for _, p := range small.payloads {
		size += int64(len(p))
	}
	require.Equal(t, Verified{Contents: Contents{Files: 2, Records: 6, Bytes: size, LastLSN: 6}}, report)

	torn := slices.Clone(small.files[smallSecond])
	torn[small.last] ^= 1
	report, err = Verify(small.with(smallSecond, torn), "/wal", memStore, Position{})
	require.NoError(t, err)
	require.EqualValues(t, 2*recordHeaderSize+len("the last"), report.TornBytes)
	require.EqualValues(t, 5, report.LastLSN)

	disk := simdisk.New(simdisk.Options{})
	small.store(t, disk)
	disk.Inject(simdisk.Fault{Op: disk.Ops() + 1, Kind: simdisk.EIO, Sticky: true})
	_, err = Verify(disk, "/wal", memStore, Position{})
	require.Error(t, err)
	disk.Heal()
	disk.Inject(simdisk.Fault{Op: disk.Ops() + 2, Kind: simdisk.EIO, Sticky: true})
	report, err = Verify(disk, "/wal", memStore, Position{})
	require.NoError(t, err)
	require.Len(t, report.Findings, 2)
	require.Contains(t, report.Findings[0].String(), "offset 0")
}
