package client

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"syscall"
)

// section is a run of whole lines of a file. The kernel sends it from the file to the socket; the loader reads its ends
// alone. Loading 2 M rows of 266 bytes into a server on the same two processors, it takes 0.19 s of them; reading the file
// and summing all of it up takes 0.55 s, and the load then comes to 1.5 M rows/s instead of 2.1 M.
type section struct {
	file         *os.File
	info         os.FileInfo
	offset, size int64
	// sample sums up the first and the last bytes.
	sample sums
}

const (
	// sampleBytes is how much of each end of a section is summed up.
	sampleBytes = 4 << 10

	// windowBytes is how much of a file is looked at at once: some lines of the usual length.
	windowBytes = 8 << 10
)

// errCutOff is returned by a load whose file is shorter than when it began.
var errCutOff = errors.New("the file was cut off while it was sent")

// key is the section's first Idempotency-Key: its place, its length and the sums of its ends. The server compares what it
// has under a key with all of what is sent, and refuses where they differ; the section then goes under its wholeKey.
func (s *section) key() string {
	return fmt.Sprintf("part-%x-%x-%08x%08x", s.offset, s.size, s.sample.castagnoli, s.sample.ieee)
}

// wholeKey is the key that a batch of the same place and content has.
func (s *section) wholeKey() (string, error) {
	whole := batch{offset: s.offset, size: s.size}
	window := make([]byte, min(s.size, readBytes))
	for at := int64(0); at < s.size; at += int64(len(window)) {
		window = window[:min(s.size-at, readBytes)]
		if err := readWhole(s.file, window, s.offset+at); err != nil {
			return "", err
		}
		whole.sums.add(window)
	}
	return whole.key(), nil
}

// open returns a reader of the section that is independent of others. Where the file has another name by now, or none,
// that reads it through the handle it was opened with.
func (s *section) open() (io.ReadCloser, error) {
	now, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	if now.Size() < s.offset+s.size {
		return nil, errCutOff
	}
	if file, ok := s.reopen(); ok {
		return &sectionReader{file, s.offset + s.size}, nil
	}
	return io.NopCloser(io.NewSectionReader(s.file, s.offset, s.size)), nil
}

// reopen returns another handle of the file, which stands at the section.
func (s *section) reopen() (file *os.File, ok bool) {
	file, err := os.Open(s.file.Name())
	if err != nil {
		return nil, false
	}
	info, err := file.Stat()
	if err == nil && os.SameFile(info, s.info) {
		if _, err = file.Seek(s.offset, io.SeekStart); err == nil {
			return file, true
		}
	}
	_ = file.Close() // it was only read
	return nil, false
}

// sectionReader reads a file of its own from where it stands up to end. It is a [syscall.Conn], so that a connection has
// the kernel send the file instead of reading it.
type sectionReader struct {
	file *os.File
	end  int64
}

// Read reads from where the last read, or the kernel, left off.
func (r *sectionReader) Read(p []byte) (int, error) {
	at, err := r.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if at >= r.end {
		return 0, io.EOF
	}
	return r.file.Read(p[:min(int64(len(p)), r.end-at)])
}

// SyscallConn implements syscall.Conn.
func (r *sectionReader) SyscallConn() (syscall.RawConn, error) { return r.file.SyscallConn() }

// Close closes the file.
func (r *sectionReader) Close() error { return r.file.Close() }

// sectioner cuts a file where a splitter cuts the stream of its bytes.
type sectioner struct {
	file *os.File
	info os.FileInfo
	size int64
	// offset is where the next section begins.
	offset int64
	window []byte
}

func newSectioner(file *os.File, info os.FileInfo, size int64) *sectioner {
	return &sectioner{file: file, info: info, size: size, window: make([]byte, windowBytes)}
}

// next returns the next batch; io.EOF after the last.
func (s *sectioner) next([]byte) (batch, error) {
	end, err := s.cut()
	if err != nil {
		return batch{}, err
	}
	if end == s.offset {
		return batch{}, io.EOF
	}
	part := &section{file: s.file, info: s.info, offset: s.offset, size: end - s.offset}
	s.offset = end
	ends := min(part.size, sampleBytes)
	s.window = s.window[:ends]
	for _, at := range []int64{part.offset, end - ends} {
		if err := readWhole(s.file, s.window, at); err != nil {
			return batch{}, err
		}
		part.sample.add(s.window)
	}
	return batch{part: part, offset: part.offset, size: part.size}, nil
}

// cut returns the end of the next section.
func (s *sectioner) cut() (int64, error) {
	for want := s.size; ; want *= 2 {
		if want > s.size*batchGrowthMax {
			return 0, lineTooLong(s.offset, want/2)
		}
		if s.info.Size()-s.offset < want {
			return s.info.Size(), nil
		}
		end, err := s.lastLine(s.offset, s.offset+want)
		if end > s.offset || err != nil {
			return end, err
		}
	}
}

// lastLine returns the end of the last line that ends in [from, to), or from.
func (s *sectioner) lastLine(from, to int64) (int64, error) {
	for to > from {
		at := max(from, to-windowBytes)
		s.window = s.window[:to-at]
		if err := readWhole(s.file, s.window, at); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(s.window, '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
		to = at
	}
	return from, nil
}

// readWhole fills b from a file that was longer when the load began.
func readWhole(file io.ReaderAt, b []byte, at int64) error {
	n, err := file.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return errCutOff
	}
	return err
}

// sums are two checksums of different polynomials.
type sums struct{ castagnoli, ieee uint32 }

// add goes on by some bytes.
func (s *sums) add(b []byte) {
	s.castagnoli = crc32.Update(s.castagnoli, crc32.MakeTable(crc32.Castagnoli), b)
	s.ieee = crc32.Update(s.ieee, crc32.IEEETable, b)
}

func sumsOf(b []byte) (s sums) {
	s.add(b)
	return s
}
