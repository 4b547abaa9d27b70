package wal

import "sync"

// fileList knows the log files and how many bytes of records each holds.
type fileList struct {
	mu sync.Mutex

	// Guarded by mu.
	ended        []endedFile // in order
	current      uint32
	currentBytes int64
}

type endedFile struct {
	number uint32
	bytes  int64
}

func (l *fileList) setCurrent(number uint32, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.currentBytes = number, bytes
}

// endCurrent moves the current file, with its final size, to the ended ones.
func (l *fileList) endCurrent(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = append(l.ended, endedFile{l.current, bytes})
	l.currentBytes = 0
}

// upTo returns the ended files up to a number.
func (l *fileList) upTo(number uint32) []endedFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.ended) && l.ended[n].number <= number {
		n++
	}
	return l.ended[:n:n]
}

// drop forgets the first n ended files.
func (l *fileList) drop(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = l.ended[n:]
}

// size returns the number of files and the bytes of records in them.
func (l *fileList) size() (files int, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	bytes = l.currentBytes
	for _, f := range l.ended {
		bytes += f.bytes
	}
	files = len(l.ended)
	if l.current > 0 {
		files++
	}
	return files, bytes
}
