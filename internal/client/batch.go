package client

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// batch is a run of whole lines of a stream.
type batch struct {
	body []byte
	// offset of the first byte in the stream.
	offset int64
}

// batchGrowthMax is how many times the batch size a batch may grow to hold one long line.
const batchGrowthMax = 16

// splitter cuts a stream into batches. Where it cuts depends on the stream and size alone, not on how reads come in.
type splitter struct {
	stream io.Reader
	size   int
	offset int64
	carry  []byte // the start of a line that the last batch left
	ended  bool
}

// next returns the next batch in a buffer made from buf, which it may replace by a larger one; io.EOF after the last. A batch is
// at most size bytes unless its first line alone is longer.
func (s *splitter) next(buf []byte) (batch, error) {
	buf = append(buf[:0], s.carry...)
	s.carry = s.carry[:0]
	for want := s.size; ; want *= 2 {
		if want > s.size*batchGrowthMax {
			return batch{}, fmt.Errorf("%w: the line at byte %d has more than %d bytes", ErrLineTooLong, s.offset, len(buf))
		}
		var err error
		if buf, err = s.fill(buf, want); err != nil {
			return batch{}, err
		}
		// A full buffer is cut at its last newline even where the stream is known to end: not every reader tells at once.
		cut := len(buf)
		if len(buf) >= want {
			if cut = bytes.LastIndexByte(buf, '\n') + 1; cut == 0 {
				continue
			}
		}
		s.carry = append(s.carry, buf[cut:]...)
		b := batch{body: buf[:cut], offset: s.offset}
		s.offset += int64(cut)
		if cut == 0 {
			return batch{}, io.EOF
		}
		return b, nil
	}
}

// fill reads until buf holds want bytes or the stream ends.
func (s *splitter) fill(buf []byte, want int) ([]byte, error) {
	if s.ended || len(buf) >= want {
		return buf, nil
	}
	if cap(buf) < want {
		buf = append(make([]byte, 0, want), buf...)
	}
	for len(buf) < want {
		n, err := s.stream.Read(buf[len(buf):want])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			s.ended = true
			break
		}
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

// key is the batch's Idempotency-Key: its place, its length and two sums of different polynomials. Two contents that agree in
// all of them would not be taken for each other: the server compares its own hash of the body and refuses.
func (b batch) key() string {
	castagnoli := crc32.Checksum(b.body, crc32.MakeTable(crc32.Castagnoli))
	ieee := crc32.ChecksumIEEE(b.body)
	return fmt.Sprintf("load-%x-%x-%08x%08x", b.offset, len(b.body), castagnoli, ieee)
}
