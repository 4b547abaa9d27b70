package engine_test

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/crashtest"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// snapshotsKept is how many snapshots the crash tests keep.
const snapshotsKept = 2

// backupOptions are those of the crash tests.
func backupOptions(disk *simdisk.Disk) engine.BackupOptions {
	return engine.BackupOptions{FS: disk, Keep: snapshotsKept}
}

// backedUp is one backup: of a moment, by its number among those of the tests, as the backup number serial of all lives, which its
// snapshot tells by the time at which it was taken.
type backedUp struct{ moment, serial int }

func (b backedUp) taken() time.Time { return testNow.Add(time.Duration(b.serial) * time.Second).UTC() }

type backupRun = crashtest.Run[backedUp]

// backupTest backs up one moment after the other to a folder on the disk.
func backupTest(t *testing.T, check func(*simdisk.Disk, *backupRun) error) *crashtest.Test[backedUp] {
	t.Helper()
	moments := momentsOf(t)
	return &crashtest.Test[backedUp]{
		Disk: simdisk.Options{BlockBytes: 512},
		Workload: func(disk *simdisk.Disk, r *backupRun) error {
			var errs []error
			for i := range moments {
				errs = append(errs, backUp(disk, r, moments, backedUp{i, i}))
			}
			return errors.Join(errs...)
		},
		Check: check,
	}
}

func backUp(disk *simdisk.Disk, r *backupRun, moments []*copiedMoment, b backedUp) error {
	m, step := *moments[b.moment], r.Begin(b)
	m.moment.Taken = b.taken()
	_, err := engine.Backup(context.Background(), &m, backupsDir, backupOptions(disk))
	if err == nil {
		step.Acknowledge()
	}
	return err
}

// lookAtBackups holds that every snapshot that is there is whole and restores what it is of, and that those are there which must be.
func lookAtBackups(moments []*copiedMoment) func(*simdisk.Disk, *backupRun) error {
	return func(disk *simdisk.Disk, r *backupRun) error {
		found, err := snapshotsFound(disk, r.Earlier(), moments)
		if err != nil {
			return err
		}
		for _, b := range found {
			if err := restores(disk, moments[b.moment]); err != nil {
				return err
			}
		}
		return nil
	}
}

// restores restores a moment from the folder of backups to a copy of the disk, and compares.
func restores(disk *simdisk.Disk, m *copiedMoment) error {
	disk = disk.Snapshot().Kill()
	_, err := engine.Restore(context.Background(), backupsDir, restoredDir, engine.RestoreWhich{LSN: m.moment.LSN}, backupOptions(disk))
	if err != nil {
		return err
	}
	return m.holds(disk, restoredDir)
}

// snapshotsFound returns the backups that the folder has.
func snapshotsFound(disk *simdisk.Disk, facts []crashtest.Fact[backedUp], moments []*copiedMoment) (found []backedUp, err error) {
	v, err := engine.VerifyBackup(context.Background(), backupsDir, backupOptions(disk))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, engine.ErrDestination) {
		v, err = engine.VerifiedBackup{}, nil // there is none yet
	}
	if err != nil {
		return nil, err
	}
	if len(v.Findings) > 0 {
		return nil, crashtest.Violationf("damage: %v", v.Findings)
	}
	for i := range v.Snapshots {
		s := &v.Snapshots[i]
		n := slices.IndexFunc(facts, func(f crashtest.Fact[backedUp]) bool { return f.Value.taken().Equal(s.Taken) })
		if n < 0 || facts[n].Outcome == crashtest.Refused || moments[facts[n].Value.moment].moment.LSN != s.LSN {
			return nil, crashtest.Violationf("a snapshot that nobody asked for: LSN %d of %s", s.LSN, s.Taken)
		}
		found = append(found, facts[n].Value)
	}
	for i, f := range facts {
		later := len(facts) - i - 1 // may have taken its place
		if f.Outcome == crashtest.Acknowledged && later < snapshotsKept && !slices.Contains(found, f.Value) {
			return nil, crashtest.Violationf("backup %v is gone; there are %v", f.Value, found)
		}
	}
	return found, nil
}

// goOnBackingUp holds what lookAtBackups does, then makes two more backups: after these nothing is left of what was interrupted.
func goOnBackingUp(moments []*copiedMoment) func(*simdisk.Disk, *backupRun) error {
	return func(disk *simdisk.Disk, r *backupRun) error {
		found, err := snapshotsFound(disk, r.Earlier(), moments)
		if err != nil {
			return err
		}
		for n, moment := range []int{len(moments) - 2, len(moments) - 1} {
			if err := backUp(disk, r, moments, backedUp{moment, len(r.Earlier()) + n}); err != nil {
				return err
			}
			for i, f := range r.Earlier() {
				if f.Outcome == crashtest.Unknown && n == 0 { // a name that a kill has left is durable once a backup has begun beside it
					r.Settle(i, slices.Contains(found, f.Value))
				}
			}
		}
		v, err := engine.VerifyBackup(context.Background(), backupsDir, backupOptions(disk))
		if err != nil {
			return err
		}
		if len(v.Findings) > 0 || len(v.Snapshots) != snapshotsKept || v.Unnamed > 0 || unfinished(disk) != "" {
			return crashtest.Violationf("after two more backups: %+v, unfinished %q", v, unfinished(disk))
		}
		return restores(disk, moments[len(moments)-1])
	}
}

// unfinished returns a temporary file that is left, if there is one.
func unfinished(disk *simdisk.Disk) string {
	dirs, _ := disk.List(backupsDir)
	for _, dir := range dirs {
		names, _ := disk.List(path.Join(backupsDir, dir))
		for _, name := range names {
			if strings.HasSuffix(name, vfs.TempSuffix) {
				return path.Join(dir, name)
			}
		}
	}
	return ""
}

// TestBackupCrash cuts the power at every operation of a backup.
func TestBackupCrash(t *testing.T) {
	backupTest(t, lookAtBackups(momentsOf(t))).Crashes(crashFlags.Sweep(100)).Verify(t)
}

// TestBackupCrashAgain cuts it again while the next backups are made.
func TestBackupCrashAgain(t *testing.T) {
	backupTest(t, goOnBackingUp(momentsOf(t))).CrashChains(crashFlags.Sweep(40), 3).Verify(t)
}

// TestBackupFaults has every operation of a backup fail in every way, a full disk among them.
func TestBackupFaults(t *testing.T) {
	backupTest(t, lookAtBackups(momentsOf(t))).Faults(crashFlags.Sweep(60)).Verify(t)
}

// restoreTest restores the last moment from a folder that is there. Its one fact is that this was done.
func restoreTest(t *testing.T) *crashtest.Test[backedUp] {
	t.Helper()
	moments := momentsOf(t)
	last := moments[len(moments)-1]
	restore := func(disk *simdisk.Disk, step step) error {
		_, err := engine.Restore(context.Background(), backupsDir, restoredDir, engine.RestoreWhich{}, backupOptions(disk))
		if err == nil {
			step.Acknowledge()
		}
		return err
	}
	return &crashtest.Test[backedUp]{
		Disk: simdisk.Options{BlockBytes: 512},
		Workload: func(disk *simdisk.Disk, r *backupRun) error {
			_, err := engine.Backup(context.Background(), last, backupsDir, backupOptions(disk))
			if err != nil {
				return err
			}
			return restore(disk, r.Begin(backedUp{}))
		},
		Check: func(disk *simdisk.Disk, r *backupRun) error {
			switch facts := r.Earlier(); {
			case len(facts) == 0: // not even the backup is complete
				return nil
			case facts[0].Outcome == crashtest.Acknowledged:
				return last.holds(disk, restoredDir)
			}
			if _, err := vfs.ReadFile(disk, filepath.Join(restoredDir, "store-id")); err == nil {
				return last.holds(disk, restoredDir)
			}
			if err := takenForStore(disk); err != nil {
				return err
			}
			if err := restore(disk, r.Begin(backedUp{})); err != nil {
				return err
			}
			return last.holds(disk, restoredDir)
		},
	}
}

// takenForStore returns an error if a directory that was restored to in part opens as a store. One to which nothing was restored
// yet is empty, and begins a new store.
func takenForStore(disk *simdisk.Disk) error {
	names, err := disk.List(restoredDir)
	if errors.Is(err, fs.ErrNotExist) || !slices.Contains(names, "restore.unfinished") {
		return nil
	}
	copied := disk.Snapshot().Kill()
	db, err := engine.Open(restoredDir, engine.Options{FS: copied, NoBackground: true})
	if err == nil {
		db.Abandon()
		return crashtest.Violationf("a store that was restored in part opens, with %v", names)
	}
	if !errors.Is(err, engine.ErrCorrupt) {
		return crashtest.Violationf("a store that was restored in part: %w", err)
	}
	return nil
}

// TestRestoreCrash cuts the power at every operation of a restore: what is left is the store, or none and can be restored to.
func TestRestoreCrash(t *testing.T) { restoreTest(t).Crashes(crashFlags.Sweep(100)).Verify(t) }

// TestRestoreCrashAgain cuts it again while it is restored for the second time.
func TestRestoreCrashAgain(t *testing.T) {
	restoreTest(t).CrashChains(crashFlags.Sweep(40), 3).Verify(t)
}

// TestRestoreFaults has every operation of a restore fail in every way.
func TestRestoreFaults(t *testing.T) { restoreTest(t).Faults(crashFlags.Sweep(60)).Verify(t) }

// TestMomentsRestore restores each of the moments that the crash tests are made of.
func TestMomentsRestore(t *testing.T) {
	for i, m := range momentsOf(t) {
		disk := simdisk.New(simdisk.Options{})
		done, err := engine.Backup(context.Background(), m, backupsDir, backupOptions(disk))
		require.NoError(t, err)
		require.Len(t, m.moment.Files, done.Files)
		require.NoError(t, restores(disk, m), "moment %d", i)
	}
}
