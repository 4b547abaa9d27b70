package wal

import "sync"

// fileList knows the log files, how long each is and how many bytes of records it holds.
type fileList struct {
	mu sync.Mutex

	// Guarded by mu.
	files []fileSize // in order; the writer sets the last, Truncate drops those before it
}

type fileSize struct {
	number uint32
	length int64 // of the file, as it was made
	bytes  int64 // of records
}

// set notes the size of the newest file, which is another one than before after a rotation.
func (l *fileList) set(h *fileHeader, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest := fileSize{h.number, h.length, bytes}
	if n := len(l.files); n > 0 && l.files[n-1].number == h.number {
		l.files[n-1] = newest
		return
	}
	l.files = append(l.files, newest)
}

// oldest returns the oldest file, if it may be deleted: it is not behind the file last, and not the newest.
func (l *fileList) oldest(last uint32) (number uint32, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.files) < 2 || l.files[0].number > last {
		return 0, false
	}
	return l.files[0].number, true
}

// dropOldest forgets the oldest file.
func (l *fileList) dropOldest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files = l.files[1:]
}

// size returns the number of files, their length and the bytes of records in them.
func (l *fileList) size() (files int, length, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.files {
		length += f.length
		bytes += f.bytes
	}
	return len(l.files), length, bytes
}
