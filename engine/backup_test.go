package engine_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// TestBackupBesideAppends backs a store up time and again while one client appends, gives, corrects and deletes, and checkpoints
// and merges run. Each snapshot is the store at its LSN: that of another store which got the requests up to there and no other.
func TestBackupBesideAppends(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 0))
	w := &script{shape: shape{featuresBytes: 200}}
	disk := simdisk.New(simdisk.Options{})
	opts := engine.Options{
		FS: disk, Now: func() time.Time { return testNow }, NoBackground: true, Sync: wal.SyncNever, LogFileBytes: 128 << 10,
	}
	all := engine.BackupOptions{FS: disk}
	db, err := engine.Open("/store", opts)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	beside.Go(func() {
		for ctx.Err() == nil {
			if err := backUpStore(db, backupsDir, all); err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(db.Checkpoint(context.Background()), db.Merge(context.Background())); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var requests []*sent
	var rows []event.Event
	for n := range 1500 {
		var b *sent
		recent := rows[max(0, len(rows)-40):]
		switch k := r.IntN(10); {
		case k < 3 || len(rows) == 0:
			b = newSent(n, 0, w.shape)
		case k < 5:
			b = newRead(n, 0, w.shape)
		case k < 8:
			b = newActuals(n, 0, w.shape, recent)
		case k < 9:
			b = newReplay(n, 0, recent)
		default:
			b = newDeletion(n, 0, recent)
		}
		rows = append(rows, b.rows...)
		if b.successful() == 0 && b.deletion == nil && len(b.origin.Positions) == 0 {
			continue // it is no record
		}
		_, err := b.request(db)
		require.NoError(t, err)
		requests = append(requests, b)
	}
	cancel()
	beside.Wait()
	require.EqualValues(t, len(requests), db.Stats().Log.LastLSN, "each request is a record")
	require.NoError(t, db.Close())

	v, err := engine.VerifyBackup(context.Background(), backupsDir, all)
	require.NoError(t, err)
	require.Empty(t, v.Findings)
	follow, err := engine.Open("/follow", opts)
	require.NoError(t, err)
	done, beyond := 0, 0
	for i, s := range v.Snapshots {
		for ; done < int(s.LSN); done++ {
			_, err := requests[done].request(follow)
			require.NoError(t, err)
		}
		if s.LSN == 0 {
			continue // it is of the empty store, and 0 asks for the newest
		}
		target := fmt.Sprintf("/restored-%d", i)
		_, err := engine.Restore(context.Background(), backupsDir, target, engine.RestoreWhich{LSN: s.LSN}, all)
		require.NoError(t, err)
		restored, err := engine.Open(target, opts)
		require.NoError(t, err)
		requireSame(t, follow, restored, s.LSN)
		if restored.Stats().Batches > 0 { // replayed from the log
			beyond++
		}
		require.NoError(t, restored.Close())
	}
	require.NoError(t, follow.Close())
	t.Logf("%d snapshots of %d requests, %d with a log behind their packs", len(v.Snapshots), len(requests), beyond)
	require.Greater(t, len(v.Snapshots), 2)
}

func backUpStore(db *engine.DB, folder string, opts engine.BackupOptions) error {
	h, err := db.BeginBackup(context.Background())
	if err != nil {
		return err
	}
	_, err = engine.Backup(context.Background(), h, folder, opts)
	return errors.Join(err, h.Close())
}

func requireSame(t *testing.T, want, got *engine.DB, lsn uint64) {
	t.Helper()
	wantContent, err := contentOf(want)
	require.NoError(t, err)
	gotContent, err := contentOf(got)
	require.NoError(t, err)
	require.True(t, wantContent.equal(gotContent), "LSN %d: %d rows and %d actuals instead of %d and %d, or others", lsn,
		len(gotContent.rows), len(gotContent.actuals), len(wantContent.rows), len(wantContent.actuals))
	wantSaid, err := ask(want)
	require.NoError(t, err)
	gotSaid, err := ask(got)
	require.NoError(t, err)
	require.True(t, reflect.DeepEqual(wantSaid, gotSaid), "LSN %d: other answers", lsn)
	require.Equal(t, want.Stats().IdempotencyKeys, got.Stats().IdempotencyKeys)
}

// TestBackupIsIncremental backs up the moments of one store: each copies what the folder has not, and what no snapshot names any
// more goes.
func TestBackupIsIncremental(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	had := make(map[engine.BackupFile]bool)
	for i, m := range momentsOf(t) {
		files, bytes := 0, int64(0)
		for _, f := range m.moment.Files {
			if !had[f] {
				files, bytes = files+1, bytes+f.Size
			}
			had[f] = true
		}
		seen := int64(0)
		opts := backupOptions(disk)
		opts.Progress = func(n int64) { seen += n }
		done, err := engine.Backup(context.Background(), m, backupsDir, opts)
		require.NoError(t, err)
		require.Equal(t, files, done.Files, "moment %d", i)
		require.Equal(t, bytes, done.Bytes)
		require.Equal(t, m.moment.Bytes(), seen)
		if i >= snapshotsKept {
			require.Len(t, done.Removed, 1)
			require.Positive(t, done.Freed)
		}
	}
	again, err := engine.Backup(context.Background(), momentsOf(t)[3], backupsDir, backupOptions(disk))
	require.NoError(t, err)
	require.Zero(t, again.Files)
	v, err := engine.VerifyBackup(context.Background(), backupsDir, backupOptions(disk))
	require.NoError(t, err)
	require.Len(t, v.Snapshots, snapshotsKept)
	require.Zero(t, v.Unnamed)
	require.Equal(t, uint64(5), v.Snapshots[1].Number)
}

// brokenSource fails after some of its files, or yields other bytes than they have.
type brokenSource struct {
	*copiedMoment
	left int
	flip bool
}

var errBroken = errors.New("the source is gone")

func (s *brokenSource) Open(ctx context.Context, path string, off int64) (io.ReadCloser, error) {
	if s.left--; s.left >= 0 {
		return s.copiedMoment.Open(ctx, path, off)
	}
	if !s.flip {
		return nil, errBroken
	}
	b := slices.Clone(s.files[path])
	b[len(b)/2] ^= 4
	return io.NopCloser(strings.NewReader(string(b))), nil
}

// TestBackupOfASourceThatBreaks loses the source in the middle, or gets damaged bytes of it: there is no snapshot, and the next
// backup goes on where this one was.
func TestBackupOfASourceThatBreaks(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	m := momentsOf(t)[1]
	opts := backupOptions(disk)
	_, err := engine.Backup(context.Background(), &brokenSource{copiedMoment: m, left: 2}, backupsDir, opts)
	require.ErrorIs(t, err, errBroken)
	for i := 2; i < len(m.moment.Files); i++ {
		_, err := engine.Backup(context.Background(), &brokenSource{copiedMoment: m, flip: true}, backupsDir, opts)
		require.ErrorIs(t, err, engine.ErrCorrupt)
		require.ErrorContains(t, err, m.moment.Files[2].Path)
	}
	v, err := engine.VerifyBackup(context.Background(), backupsDir, opts)
	require.NoError(t, err)
	require.Empty(t, v.Snapshots)
	done, err := engine.Backup(context.Background(), m, backupsDir, opts)
	require.NoError(t, err)
	require.Equal(t, len(m.moment.Files)-2, done.Files)
	require.NoError(t, restores(disk, m))
}

// TestBackupRefuses holds what must not be written to, or taken for what it is not.
func TestBackupRefuses(t *testing.T) {
	ctx := context.Background()
	m, other := momentsOf(t)[0], *momentsOf(t)[0]
	with := func(change func(*simdisk.Disk)) *simdisk.Disk {
		disk := simdisk.New(simdisk.Options{})
		_, err := engine.Backup(ctx, m, backupsDir, backupOptions(disk))
		require.NoError(t, err)
		change(disk)
		return disk
	}
	put := func(disk *simdisk.Disk, dir, name, content string) {
		require.NoError(t, disk.MkdirAll(dir))
		require.NoError(t, vfs.WriteFileAtomic(disk, dir, name, []byte(content)))
	}
	backup := func(disk *simdisk.Disk, m engine.BackupSource, dir string) error {
		_, err := engine.Backup(ctx, m, dir, backupOptions(disk))
		return err
	}
	restore := func(disk *simdisk.Disk, which engine.RestoreWhich) error {
		_, err := engine.Restore(ctx, backupsDir, restoredDir, which, backupOptions(disk))
		return err
	}

	other.moment.Store[0]++
	require.ErrorIs(t, backup(with(func(*simdisk.Disk) {}), &other, backupsDir), engine.ErrCorrupt, "its manifest is of another store")
	disk := with(func(d *simdisk.Disk) {
		mark := "residual backup 1\n00112233445566778899aabbccddeeff\n"
		put(d, backupsDir, "residual-backup", fmt.Sprintf("%s%08x\n", mark, crc32.Checksum([]byte(mark), crc32.MakeTable(crc32.Castagnoli))))
	})
	require.ErrorIs(t, backup(disk, m, backupsDir), engine.ErrDestination)
	require.ErrorContains(t, backup(disk, m, backupsDir), "00112233445566778899aabbccddeeff")
	disk = with(func(d *simdisk.Disk) { put(d, backupsDir, "residual-backup", "residual backup 2\nwhatever\n") })
	require.ErrorIs(t, backup(disk, m, backupsDir), engine.ErrVersion)
	disk = with(func(d *simdisk.Disk) { put(d, "/data/photos", "holiday.jpg", "sun") })
	require.ErrorIs(t, backup(disk, m, "/data/photos"), engine.ErrDestination)
	names, err := disk.List("/data/photos")
	require.NoError(t, err)
	require.Equal(t, []string{"holiday.jpg"}, names)

	disk = with(func(*simdisk.Disk) {})
	require.ErrorIs(t, restore(disk, engine.RestoreWhich{LSN: 12345}), engine.ErrDestination)
	require.ErrorContains(t, restore(disk, engine.RestoreWhich{LSN: 12345}), strconv.FormatUint(m.moment.LSN, 10))
	require.ErrorIs(t, restore(disk, engine.RestoreWhich{Until: testNow.AddDate(-1, 0, 0)}), engine.ErrDestination)
	put(disk, restoredDir, "mine", "")
	require.ErrorIs(t, restore(disk, engine.RestoreWhich{}), engine.ErrDestination)
	require.ErrorContains(t, restore(disk, engine.RestoreWhich{}), "mine")
	require.NoError(t, disk.Remove(filepath.Join(restoredDir, "mine")))
	require.NoError(t, restore(disk, engine.RestoreWhich{Until: testNow}))
	require.ErrorIs(t, restore(disk, engine.RestoreWhich{}), engine.ErrDestination, "there is a store by now")

	claim, err := vfs.TakeClaim(disk, backupsDir, "LOCK")
	require.NoError(t, err)
	require.ErrorIs(t, backup(disk, m, backupsDir), engine.ErrLocked)
	_, err = engine.VerifyBackup(ctx, backupsDir, backupOptions(disk))
	require.ErrorIs(t, err, engine.ErrLocked)
	require.NoError(t, claim.Close())
}

// TestBackupMoment refuses moments of a server whose paths lead elsewhere, or that are not what the manifest says.
func TestBackupMoment(t *testing.T) {
	whole := momentsOf(t)[1]
	for name, change := range map[string]func(files []engine.BackupFile) []engine.BackupFile{
		"none":          func([]engine.BackupFile) []engine.BackupFile { return nil },
		"one less":      func(f []engine.BackupFile) []engine.BackupFile { return f[1:] },
		"one twice":     func(f []engine.BackupFile) []engine.BackupFile { return append(f, f[0]) },
		"outside":       func(f []engine.BackupFile) []engine.BackupFile { f[len(f)-1].Path = "../../etc/passwd"; return f },
		"another size":  func(f []engine.BackupFile) []engine.BackupFile { f[0].Size++; return f },
		"another CRC":   func(f []engine.BackupFile) []engine.BackupFile { f[0].CRC++; return f },
		"negative size": func(f []engine.BackupFile) []engine.BackupFile { f[len(f)-1].Size = -1; return f },
		"a gap in the log": func(f []engine.BackupFile) []engine.BackupFile {
			i := slices.IndexFunc(f, func(f engine.BackupFile) bool { return strings.HasPrefix(f.Path, "wal/") })
			f[i].Path = "wal/0000009999.log"
			return f
		},
	} {
		m := *whole
		m.moment.Files = change(slices.Clone(whole.moment.Files))
		disk := simdisk.New(simdisk.Options{})
		_, err := engine.Backup(context.Background(), &m, backupsDir, backupOptions(disk))
		require.ErrorIs(t, err, engine.ErrCorrupt, name)
		_, err = disk.List(backupsDir)
		require.Error(t, err, "nothing is written")
	}
}

// TestBackupFlips flips bits of every file of a folder of backups: Verify names the file, and Restore refuses what the file is
// part of and restores everything else.
func TestBackupFlips(t *testing.T) {
	disk := simdisk.New(simdisk.Options{})
	moments := momentsOf(t)
	for _, m := range moments[2:] {
		_, err := engine.Backup(context.Background(), m, backupsDir, backupOptions(disk))
		require.NoError(t, err)
	}
	v, err := engine.VerifyBackup(context.Background(), backupsDir, backupOptions(disk))
	require.NoError(t, err)
	snapshot := disk.Snapshot()
	tried := 0
	for name, size := range filesBelow(t, disk, backupsDir) {
		if filepath.Base(name) == "LOCK" {
			continue
		}
		for off := int64(0); off < size; off += max(1, size/20) {
			copied := snapshot.Kill()
			copied.Damage(name, off, 1<<(off%8))
			tried++
			found, err := engine.VerifyBackup(context.Background(), backupsDir, backupOptions(copied))
			if err == nil {
				require.Len(t, found.Findings, 1, "%s at %d", name, off)
				require.Equal(t, name, found.Findings[0].Path)
			} else {
				require.ErrorContains(t, err, filepath.Base(name))
			}
			for i, s := range v.Snapshots {
				_, err := engine.Restore(context.Background(), backupsDir, restoredDir+strconv.Itoa(i), engine.RestoreWhich{LSN: s.LSN}, backupOptions(copied))
				if err != nil {
					require.True(t, errors.Is(err, engine.ErrCorrupt) || errors.Is(err, engine.ErrVersion), "%v", err)
					require.ErrorContains(t, err, filepath.Base(name))
				} else {
					require.NoError(t, moments[2+i].holds(copied.Snapshot().Kill(), restoredDir+strconv.Itoa(i)))
				}
			}
		}
	}
	t.Logf("%d flips", tried)
}

// filesBelow returns the sizes of all files below a directory.
func filesBelow(t *testing.T, disk *simdisk.Disk, dir string) map[string]int64 {
	t.Helper()
	found := make(map[string]int64)
	names, err := disk.List(dir)
	require.NoError(t, err)
	for _, name := range names {
		name = filepath.Join(dir, name)
		b, err := vfs.ReadFile(disk, name)
		if errors.Is(err, vfs.ErrNotRegular) {
			maps.Copy(found, filesBelow(t, disk, name))
			continue
		}
		require.NoError(t, err)
		found[name] = int64(len(b))
	}
	return found
}

// TestBackupOfAClosedStore backs up a directory that no process has open, after a kill and after a power cut that tore the end of
// the log: what is restored is what a start makes of the directory, which is left as it was.
func TestBackupOfAClosedStore(t *testing.T) {
	s := seed(t)
	for run := range 20 {
		w := momentScript()
		disk := simdisk.New(simdisk.Options{})
		var l ledger
		session := newSession(w, disk, nil, l.begin)
		require.NoError(t, session.open())
		session.append(2 + run%3)
		session.checkpoint()
		session.append(run % 4)
		session.actuals()
		closed := disk.Snapshot().Crash(simdisk.Random(s + uint64(run)))
		if run%2 == 0 {
			closed = disk.Snapshot().Kill()
		}
		require.NoError(t, session.db.Close())

		before := treeOf(t, closed)
		h, err := engine.HoldClosed(storeDir, engine.BackupOptions{FS: closed})
		require.NoError(t, err)
		_, err = engine.Open(storeDir, engine.Options{FS: closed})
		require.ErrorIs(t, err, engine.ErrLocked)
		_, err = engine.Backup(context.Background(), h, backupsDir, backupOptions(closed))
		require.NoError(t, err)
		require.NoError(t, h.Close())
		require.Equal(t, before, treeOf(t, closed))

		_, err = engine.Restore(context.Background(), backupsDir, restoredDir, engine.RestoreWhich{}, backupOptions(closed))
		require.NoError(t, err)
		opts := engine.Options{FS: closed, NoBackground: true, Now: func() time.Time { return testNow }}
		original, err := engine.Open(storeDir, opts)
		require.NoError(t, err)
		restored, err := engine.Open(restoredDir, opts)
		require.NoError(t, err)
		requireSame(t, original, restored, h.Moment().LSN)
		require.NoError(t, original.Close())
		require.NoError(t, restored.Close())
	}
}

// TestCloseWhileBackedUp closes a store while moments of it are held: that is clean, and who reads is told.
func TestCloseWhileBackedUp(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir, engine.Options{NoBackground: true})
	stage(t, db, "v1", time.Hour, 30, around(1, 0.5))
	h, err := db.BeginBackup(context.Background())
	require.NoError(t, err)
	files := h.Moment().Files
	open, err := h.Open(context.Background(), files[0].Path, 0)
	require.NoError(t, err)
	_, err = h.Open(context.Background(), "segments/../store-id", 0)
	require.Error(t, err)
	require.NoError(t, db.Close())
	_, err = io.ReadAll(open)
	require.ErrorIs(t, err, engine.ErrClosed)
	require.NoError(t, open.Close())
	for _, f := range files {
		_, err := h.Open(context.Background(), f.Path, 0)
		if err == nil { // kept in memory, or open: reading it tells
			continue
		}
		require.ErrorIs(t, err, engine.ErrClosed)
	}
	require.NoError(t, h.Close())
	_, err = db.BeginBackup(context.Background())
	require.ErrorIs(t, err, engine.ErrClosed)
	v, err := engine.Verify(dir, engine.Options{})
	require.NoError(t, err)
	require.Empty(t, v.Unlisted)
}

// TestBackupOnAFullDisk fills the disk of the folder in the middle of a backup: it ends with an error of that class, the earlier
// snapshot is whole, nothing unfinished is left, and the next backup goes on when there is room.
func TestBackupOnAFullDisk(t *testing.T) {
	moments := momentsOf(t)
	disk := simdisk.New(simdisk.Options{})
	_, err := engine.Backup(context.Background(), moments[0], backupsDir, backupOptions(disk))
	require.NoError(t, err)
	used := int64(0)
	for _, size := range filesBelow(t, disk, backupsDir) {
		used += (size + 4095) &^ 4095
	}
	disk.SetCapacity(used + moments[1].moment.Bytes()/2)
	_, err = engine.Backup(context.Background(), moments[1], backupsDir, backupOptions(disk))
	require.ErrorIs(t, err, engine.ErrNoSpace)
	require.Empty(t, unfinished(disk))
	v, err := engine.VerifyBackup(context.Background(), backupsDir, backupOptions(disk))
	require.NoError(t, err)
	require.Empty(t, v.Findings)
	require.Len(t, v.Snapshots, 1)

	disk.SetCapacity(0)
	require.NoError(t, restores(disk, moments[0]))
	_, err = engine.Backup(context.Background(), moments[1], backupsDir, backupOptions(disk))
	require.NoError(t, err)
	require.NoError(t, restores(disk, moments[1]))
}
