package wal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/vfs"
)

// memFS is a directory in memory that can only be read: anything else is a nil dereference. By base name.
type memFS struct {
	vfs.FS

	files map[string][]byte
}

type memFile struct {
	vfs.File

	data []byte
}

func (m memFS) List(string) ([]string, error) { return slices.Sorted(maps.Keys(m.files)), nil }

func (m memFS) OpenRead(name string) (vfs.File, error) {
	data, ok := m.files[filepath.Base(name)]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return memFile{data: data}, nil
}

func (f memFile) Size() (int64, error) { return int64(len(f.data)), nil }
func (f memFile) Close() error         { return nil }

func (f memFile) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, f.data[min(off, int64(len(f.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// with returns the directory with another content of one file.
func (m memFS) with(name string, data []byte) memFS {
	files := maps.Clone(m.files)
	files[name] = data
	return memFS{files: files}
}

// load copies a directory of a disk into memory.
func load(t testing.TB, disk *simdisk.Disk) memFS {
	t.Helper()
	names, err := disk.List("/wal")
	require.NoError(t, err)
	m := memFS{files: map[string][]byte{}}
	for _, name := range names {
		data, err := vfs.ReadFile(disk, filepath.Join("/wal", name))
		if errors.Is(err, vfs.ErrNotRegular) {
			continue
		}
		require.NoError(t, err)
		m.files[name] = data
	}
	return m
}

// equal says whether two directories hold the same files.
func (m memFS) equal(o memFS) bool { return maps.EqualFunc(m.files, o.files, bytes.Equal) }

// store copies the directory to a disk.
func (m memFS) store(t testing.TB, disk *simdisk.Disk) {
	t.Helper()
	require.NoError(t, disk.MkdirAll("/wal"))
	require.NoError(t, disk.SyncDir("/"))
	for name, data := range m.files {
		f, err := disk.Create(filepath.Join("/wal", name))
		require.NoError(t, err)
		require.NoError(t, vfs.WriteFull(f, data, 0))
		require.NoError(t, f.Sync())
		require.NoError(t, f.Close())
	}
	require.NoError(t, disk.SyncDir("/wal"))
}

var memStore = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// smallLog is a log of two files with one group per record. The second file holds records 4 to 6.
type smallLog struct {
	memFS

	payloads [][]byte
	last     int64 // offset of the group of record 6
	end      int64 // behind the last record
}

const (
	smallFirst  = "0000000001.log"
	smallSecond = "0000000002.log"
)

// makeSmallLog makes the log and closes it, or leaves it as a killed process does.
func makeSmallLog(t testing.TB, closed bool) smallLog {
	t.Helper()
	disk := simdisk.New(simdisk.Options{})
	l, _, err := Open("/wal", Options{FS: disk, StoreID: memStore, FileBytes: fileBytesMin}, nil)
	require.NoError(t, err)
	small := smallLog{payloads: [][]byte{
		[]byte("first"), {}, []byte("third record, of file 1"), []byte("fourth"), make([]byte, 500), []byte("the last"),
	}}
	for i, p := range small.payloads {
		if i == 3 {
			require.NoError(t, l.Rotate(context.Background(), nil))
		}
		require.NoError(t, l.Append(context.Background(), 1, p, nil))
	}
	killed := disk.Snapshot().Kill()
	require.NoError(t, l.Close())
	if closed {
		small.memFS = load(t, disk)
	} else {
		small.memFS = load(t, killed)
	}
	small.last = fileHeaderSize + 2*blockSize
	small.end = small.last + blockSize
	if closed {
		small.end += blockSize
	}
	return small
}

// read recovers a directory in memory and returns the payloads.
func (m memFS) read() (payloads [][]byte, r *recovery, err error) {
	r, err = recoverLog(dir{m, "/wal"}, Options{FS: m, StoreID: memStore}.withDefaults(), func(rec Record) error {
		payloads = append(payloads, slices.Clone(rec.Payload))
		return nil
	})
	return payloads, r, err
}
