//go:build faults && linux

package faults_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/vfs"
)

var shutdowns = flag.Int("faults.shutdowns", 20, "how often TestShutdown shuts a file system down, in each way")

// shutdownRequest is EXT4_IOC_SHUTDOWN, which the kernel's headers make of _IOR('X', 125, __u32).
const shutdownRequest = 0x8004587d

// shutdownFlags are the ways to shut ext4 down.
var shutdownFlags = []struct {
	name string
	flag uint32
}{{"default", 0}, {"logflush", 1}, {"nologflush", 2}}

const (
	shutdownWriters = 8
	shutdownFile    = 32 << 20
	shutdownBlock   = 4096
)

// syncedBlock is a block that was written and synced, and when its fdatasync was called and returned 0.
type syncedBlock struct {
	writer        int
	number        uint64
	began, synced time.Time
}

// shutdownRun is one life of a file system.
type shutdownRun struct {
	mu     sync.Mutex
	synced []syncedBlock // guarded by mu
	failed int           // guarded by mu: fdatasync that returned an error

	began, ended time.Time // of the call that shuts down
}

// TestShutdown shuts ext4 down under writers that write a block and sync it, one after the other, as the log does: it
// tells, of the blocks whose fdatasync had returned 0 and that are not there after the journal was recovered, when it
// returned. Blocks go to space that is allocated and was never written, as in a log file, or to space that was.
func TestShutdown(t *testing.T) {
	for _, how := range shutdownFlags {
		for _, target := range []shutdownTarget{{}, {written: true}, {store: true}} {
			t.Run(fmt.Sprintf("%s/%s", how.name, target), func(t *testing.T) {
				m := newExt4(t)
				var found [3]struct{ synced, lost int }
				for range *shutdowns {
					run := shutDown(t, m, how.flag, target)
					lost := run.lost(t, m)
					for _, b := range run.synced {
						when := run.when(b)
						found[when].synced++
						if lost[b] {
							found[when].lost++
							t.Logf("lost: fdatasync was called %s after the shutdown began, and returned 0 %s after it; the shutdown took %s",
								b.began.Sub(run.began), b.synced.Sub(run.began), run.ended.Sub(run.began))
						}
					}
				}
				t.Logf("%d shutdowns; blocks synced before the call, during it, after it, and how many of them are lost: %+v", *shutdowns, found)
				require.Zero(t, found[0].lost, "what was synced before the call is there")
				if target.store {
					require.Zero(t, found[1].lost+found[2].lost, "the store's way to sync says EIO instead")
				}
			})
		}
	}
}

// when tells whether a block was synced before, during or after the call.
func (r *shutdownRun) when(b syncedBlock) int {
	switch {
	case b.synced.Before(r.began):
		return 0
	case b.synced.Before(r.ended):
		return 1
	default:
		return 2
	}
}

// shutdownTarget is what is written to.
type shutdownTarget struct {
	written bool // space that was written before, not only allocated
	store   bool // with the file system as the store sees it
}

func (s shutdownTarget) String() string {
	switch {
	case s.store:
		return "allocated, as the store does"
	case s.written:
		return "written"
	default:
		return "allocated"
	}
}

// shutDown writes until the file system is shut down, and mounts it again.
func shutDown(t *testing.T, m *image, how uint32, target shutdownTarget) *shutdownRun {
	t.Helper()
	var run shutdownRun
	var writers sync.WaitGroup
	for w := range shutdownWriters {
		f := target.open(t, m, w)
		writers.Go(func() { run.write(f, w) })
	}
	root, err := os.Open(m.at)
	require.NoError(t, err)
	time.Sleep(time.Duration(50+rand.IntN(100)) * time.Millisecond)
	run.began = time.Now()
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, root.Fd(), shutdownRequest, uintptr(unsafe.Pointer(&how)))
	run.ended = time.Now()
	require.Zero(t, errno)
	writers.Wait()
	require.NoError(t, root.Close())
	m.unmount()
	m.mount()
	return &run
}

// open makes the file of a writer durable.
func (s shutdownTarget) open(t *testing.T, m *image, w int) vfs.File {
	t.Helper()
	name := filepath.Join(m.at, fmt.Sprint("log-", w))
	_ = os.Remove(name)
	f, err := vfs.OS().Create(name)
	require.NoError(t, err)
	if s.written {
		err = vfs.WriteFull(f, make([]byte, shutdownFile/8), 0)
	} else {
		err = f.Allocate(0, shutdownFile)
	}
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, vfs.OS().SyncDir(m.at))
	if s.store {
		return f
	}
	require.NoError(t, f.Close())
	plain, err := os.OpenFile(name, os.O_RDWR, 0)
	require.NoError(t, err)
	return plainFile{File: f, plain: plain}
}

// plainFile writes and syncs by the calls of the system alone.
type plainFile struct {
	vfs.File

	plain *os.File
}

func (f plainFile) WriteAt(p []byte, off int64) (int, error) { return f.plain.WriteAt(p, off) }
func (f plainFile) SyncData() error                          { return syscall.Fdatasync(int(f.plain.Fd())) }
func (f plainFile) Close() error                             { return f.plain.Close() }

// write writes and syncs blocks until that fails.
func (r *shutdownRun) write(f vfs.File, w int) {
	defer func() { _ = f.Close() }() // of a file system that is shut down
	for n := uint64(1); ; n++ {
		_, err := f.WriteAt(shutdownContent(w, n), int64(n)*shutdownBlock)
		if err != nil {
			return
		}
		began := time.Now()
		err = f.SyncData()
		synced := time.Now()
		r.mu.Lock()
		if err == nil {
			r.synced = append(r.synced, syncedBlock{w, n, began, synced})
		} else {
			r.failed++
		}
		r.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func shutdownContent(w int, n uint64) []byte {
	head := binary.LittleEndian.AppendUint64([]byte{byte(w + 1)}, n)
	return bytes.Repeat(append(head, make([]byte, 7)...), shutdownBlock/16)
}

// lost returns the blocks that were synced and are not there.
func (r *shutdownRun) lost(t *testing.T, m *image) map[syncedBlock]bool {
	t.Helper()
	lost := make(map[syncedBlock]bool)
	files := make([][]byte, shutdownWriters)
	for w := range files {
		data, err := os.ReadFile(filepath.Join(m.at, fmt.Sprint("log-", w)))
		require.NoError(t, err)
		files[w] = data
	}
	for _, b := range r.synced {
		at := int(b.number) * shutdownBlock
		if at+shutdownBlock > len(files[b.writer]) || !bytes.Equal(files[b.writer][at:at+shutdownBlock], shutdownContent(b.writer, b.number)) {
			lost[b] = true
		}
	}
	return lost
}
