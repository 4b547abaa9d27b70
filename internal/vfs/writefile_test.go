package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

func TestWriteFileAtomic(t *testing.T) {
	eachFS(t, func(s subject) {
		t, disk, dir := s.t, s.disk, s.dir
		name := filepath.Join(dir, "a")
		for _, content := range []string{"one", "", "longer than before"} {
			require.NoError(t, vfs.WriteFileAtomic(disk, dir, "a", []byte(content)))
			require.Equal(t, content, read(t, disk, name))
		}
		require.NoError(t, create(t, disk, name+vfs.TempSuffix, "of a crash").Close())
		require.NoError(t, vfs.WriteFileAtomic(disk, dir, "a", []byte("two")))
		require.Equal(t, "two", read(t, disk, name))
		names, err := disk.List(dir)
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, names)

		require.ErrorIs(t, vfs.WriteFileAtomic(disk, filepath.Join(dir, "missing"), "a", nil), iofs.ErrNotExist)
		_, err = vfs.ReadFile(disk, filepath.Join(dir, "missing"))
		require.ErrorIs(t, err, iofs.ErrNotExist)
	})
}

var (
	before = bytes.Repeat([]byte("before"), 300)
	after  = bytes.Repeat([]byte("after!!"), 400)
)

// replacing returns a disk on which the file /d/a has the old content for good.
func replacing(t *testing.T, seed uint64) *simdisk.Disk {
	t.Helper()
	d := simdisk.New(simdisk.Options{Seed: seed})
	require.NoError(t, d.MkdirAll("/d"))
	require.NoError(t, d.SyncDir("/"))
	require.NoError(t, vfs.WriteFileAtomic(d, "/d", "a", before))
	return d
}

// TestWriteFileAtomicCrash crashes a replacement after each operation and holds that the file has all of its old content or all
// of its new, and the new once the call has returned.
func TestWriteFileAtomicCrash(t *testing.T) {
	d := replacing(t, 0)
	d.StartHistory()
	require.NoError(t, vfs.WriteFileAtomic(d, "/d", "a", after))
	history := d.History()
	require.Len(t, history, 6, "start, create, write, sync, rename, sync of the directory")
	for i, s := range history {
		for seed := range uint64(300) {
			got, err := vfs.ReadFile(s.Crash(simdisk.Random(seed)), "/d/a")
			require.NoError(t, err, "operation %d, seed %d", i, seed)
			if i == len(history)-1 || !bytes.Equal(got, before) {
				require.True(t, bytes.Equal(got, after), "operation %d, seed %d", i, seed)
			}
		}
	}
}

// TestWriteFileAtomicFaults strikes each operation of a replacement with each kind of fault and holds that either an error is
// returned or the new content is durable, and that the file is whole in any case.
func TestWriteFileAtomicFaults(t *testing.T) {
	struck := 0
	for _, kind := range simdisk.FaultKinds() {
		for _, sticky := range []bool{false, true} {
			for op := range uint64(9) {
				for seed := range uint64(5) {
					name := fmt.Sprintf("%s op %d sticky %v seed %d", kind, op, sticky, seed)
					d := replacing(t, seed)
					d.Inject(simdisk.Fault{Op: d.Ops() + 1 + op, Kind: kind, Sticky: sticky})
					err := vfs.WriteFileAtomic(d, "/d", "a", after)
					if len(d.Strikes()) > 0 && kind != simdisk.SyncLate {
						require.Error(t, err, name)
						struck++
					}
					d.Heal()
					got, readErr := vfs.ReadFile(d, "/d/a")
					require.NoError(t, readErr, name)
					require.True(t, bytes.Equal(got, before) || bytes.Equal(got, after), name)
					if err == nil {
						require.True(t, bytes.Equal(got, after), name)
						got, readErr = vfs.ReadFile(d.Crash(simdisk.LoseAll()), "/d/a")
						require.NoError(t, readErr, name)
						require.True(t, bytes.Equal(got, after), name)
					}
				}
			}
		}
	}
	require.Greater(t, struck, 250)
}

// TestReadFileFaults holds that a file is read whole or with an error.
func TestReadFileFaults(t *testing.T) {
	for _, kind := range []simdisk.FaultKind{simdisk.EIO, simdisk.EMFILE} {
		for op := range uint64(5) {
			d := replacing(t, 0)
			d.Inject(simdisk.Fault{Op: d.Ops() + 1 + op, Kind: kind})
			got, err := vfs.ReadFile(d, "/d/a")
			require.Equal(t, len(d.Strikes()) > 0, err != nil)
			if err == nil {
				require.Equal(t, before, got)
			}
		}
	}
}

func TestReadFileOfEmptyFileFails(t *testing.T) {
	d := replacing(t, 0)
	require.NoError(t, vfs.WriteFileAtomic(d, "/d", "a", nil))
	d.Inject(simdisk.Fault{Op: d.Ops() + 3, Kind: simdisk.EIO})
	_, err := vfs.ReadFile(d, "/d/a")
	require.ErrorIs(t, err, syscall.EIO)
}

type shrinkingFS struct{ vfs.FS }

type shrinkingFile struct{ vfs.File }

func (s shrinkingFS) OpenRead(name string) (vfs.File, error) {
	f, err := s.FS.OpenRead(name)
	return shrinkingFile{f}, err
}

func (s shrinkingFile) Size() (int64, error) {
	size, err := s.File.Size()
	return size + 1, err
}

func TestReadFileOfShrinkingFile(t *testing.T) {
	_, err := vfs.ReadFile(shrinkingFS{replacing(t, 0)}, "/d/a")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestWriteFull(t *testing.T) {
	failure := errors.New("failure")
	for _, test := range []struct {
		n    int
		err  error
		want error
	}{{3, nil, nil}, {2, nil, io.ErrShortWrite}, {2, failure, failure}} {
		err := vfs.WriteFull(writer{test.n, test.err}, []byte("abc"), 0)
		require.Equal(t, test.want, err)
	}
}

type writer struct {
	n   int
	err error
}

func (w writer) WriteAt([]byte, int64) (int, error) { return w.n, w.err }
