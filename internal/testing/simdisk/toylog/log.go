package toylog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/residualdb/residual/internal/vfs"
)

const (
	sectorBytes = 512
	headerBytes = 16
	recordMax   = 1 << 16
)

// ErrCorrupt is returned when a log that was durable cannot be read back.
var ErrCorrupt = errors.New("toylog: corrupt")

// Log is an open log. It is for one goroutine.
type Log struct {
	fs        vfs.FS
	dir       string
	fileBytes int64
	bug       Bug

	file   vfs.File
	number uint32
	off    int64
	seq    uint64
}

// Open opens or makes the log in dir, and returns it with the payloads in it. A file ends once it has fileBytes.
func Open(disk vfs.FS, dir string, fileBytes int64, bug Bug) (*Log, [][]byte, error) {
	l := &Log{fs: disk, dir: dir, fileBytes: fileBytes, bug: bug}
	if err := disk.MkdirAll(dir); err != nil {
		return nil, nil, err
	}
	if bug != NoParentSync {
		if err := disk.SyncDir(filepath.Dir(dir)); err != nil {
			return nil, nil, err
		}
	}
	records, err := l.recover()
	if err != nil {
		return nil, nil, err
	}
	if err := l.rotate(); err != nil {
		return nil, nil, err
	}
	return l, records, nil
}

// Append makes p durable.
func (l *Log) Append(p []byte) error {
	if l.off >= l.fileBytes {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	record := l.encode(p)
	n, err := l.file.WriteAt(record, l.off)
	if err != nil {
		return err
	}
	if n < len(record) && l.bug != IgnoreShortWrite {
		return fmt.Errorf("wrote %d bytes of %d", n, len(record))
	}
	if err := l.sync(); err != nil {
		return err
	}
	l.off += int64(len(record))
	l.seq++
	return nil
}

// Close closes the log.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func (l *Log) sync() error {
	if l.bug == NoSync {
		return nil
	}
	err := l.file.SyncData()
	switch {
	case err != nil && l.bug == IgnoreSyncError:
		return nil
	case err != nil && l.bug == RetrySync:
		return l.file.SyncData()
	}
	return err
}

// rotate begins the next file.
func (l *Log) rotate() error {
	if err := l.Close(); err != nil {
		return err
	}
	var err error
	l.number++
	if l.file, err = l.fs.Create(l.path(l.number)); err != nil {
		return err
	}
	l.off = 0
	if l.bug == NoDirSync {
		return nil
	}
	return l.fs.SyncDir(l.dir)
}

func (l *Log) path(number uint32) string { return filepath.Join(l.dir, fmt.Sprintf("%08d", number)) }

// recover reads all files. What the last one has beyond its good records was never acknowledged and is cut off.
func (l *Log) recover() ([][]byte, error) {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, vfs.TempSuffix) })
	var records [][]byte
	for i, name := range names {
		if _, err := fmt.Sscanf(name, "%08d", &l.number); err != nil {
			return nil, fmt.Errorf("%w: file name %q", ErrCorrupt, name)
		}
		data, err := vfs.ReadFile(l.fs, l.path(l.number))
		if err != nil {
			return nil, err
		}
		rest := data
		for {
			p, tail, ok := l.decode(rest)
			if !ok {
				break
			}
			records, rest = append(records, p), tail
			l.seq++
		}
		if i < len(names)-1 {
			if len(rest) > 0 {
				return nil, fmt.Errorf("%w: file %s has %d bad bytes at its end", ErrCorrupt, name, len(rest))
			}
			continue
		}
		if err := l.rewrite(name, data[:len(data)-len(rest)], len(rest) == 0); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// rewrite replaces the last file by its good part. It does so even if all is good: the file may have been read from a
// cache that lost its way to the disk.
func (l *Log) rewrite(name string, good []byte, whole bool) error {
	switch {
	case l.bug == LeaveTail, l.bug == TrustCache && whole:
		return nil
	case l.bug == RenameUnsynced:
		return l.renameUnsynced(name, good)
	}
	return vfs.WriteFileAtomic(l.fs, l.dir, name, good)
}

func (l *Log) renameUnsynced(name string, good []byte) error {
	temp := filepath.Join(l.dir, name+vfs.TempSuffix)
	if err := l.fs.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := l.fs.Create(temp)
	if err != nil {
		return err
	}
	if err := errors.Join(vfs.WriteFull(f, good, 0), f.Close()); err != nil {
		return err
	}
	if err := l.fs.Rename(temp, filepath.Join(l.dir, name)); err != nil {
		return err
	}
	return l.fs.SyncDir(l.dir)
}

func (l *Log) encode(p []byte) []byte {
	b := make([]byte, headerBytes, headerBytes+len(p))
	binary.LittleEndian.PutUint32(b, uint32(len(p)))
	binary.LittleEndian.PutUint64(b[8:], l.seq)
	b = append(b, p...)
	binary.LittleEndian.PutUint32(b[4:], l.checksum(b))
	return append(b, make([]byte, l.padded(len(b))-len(b))...)
}

// padded returns the bytes that a record of n takes: whole sectors, so that none holds bytes of two records.
func (l *Log) padded(n int) int {
	if l.bug == NoPadding {
		return n
	}
	return (n + sectorBytes - 1) / sectorBytes * sectorBytes
}

// decode returns the first record of b if it is the next of the log.
func (l *Log) decode(b []byte) (p, rest []byte, ok bool) {
	if len(b) < headerBytes {
		return nil, nil, false
	}
	n := headerBytes + int64(binary.LittleEndian.Uint32(b))
	if n > recordMax || l.padded(int(n)) > len(b) {
		return nil, nil, false
	}
	record, rest := b[:n], b[l.padded(int(n)):]
	if l.bug == NoChecksum {
		return record[headerBytes:], rest, n > headerBytes
	}
	ok = binary.LittleEndian.Uint32(b[4:]) == l.checksum(record) && binary.LittleEndian.Uint64(b[8:]) == l.seq
	return record[headerBytes:], rest, ok
}

func (l *Log) checksum(record []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	number := binary.LittleEndian.AppendUint32(nil, l.number)
	return crc32.Update(crc32.Update(crc32.Checksum(number, table), table, record[:4]), table, record[8:])
}
