package engine

import (
	"fmt"
	"sync/atomic"
)

// source is where a sealed segment's bytes are: in memory, in a pack, or in both. It implements [segment.Source].
type source struct {
	size int64
	// resident holds the whole segment, checked when it came in; nil if it must be read from its pack.
	resident atomic.Pointer[[]byte]
	// held is the segment's place in its pack; nil until a checkpoint has written it.
	held atomic.Pointer[place]
}

// place is one entry of a pack.
type place struct {
	pack  *pack
	entry int
}

func (pl *place) offset() int64 { return pl.pack.entries[pl.entry].offset }

// Bytes returns n bytes at off. Resident bytes alias memory that never changes; others are read into scratch and are
// not checked yet.
func (s *source) Bytes(off, n int64, scratch []byte) (b []byte, resident bool, err error) {
	if off < 0 || n < 0 || off > s.size-n {
		return nil, false, fmt.Errorf("%w: %d bytes at %d of a segment of %d", ErrCorrupt, n, off, s.size)
	}
	if whole := s.resident.Load(); whole != nil {
		return (*whole)[off : off+n : off+n], true, nil
	}
	pl := s.held.Load()
	if pl == nil {
		panic("BUG: a segment is neither in memory nor in a pack")
	}
	if int64(cap(scratch)) < n {
		scratch = make([]byte, n)
	}
	b = scratch[:n]
	return b, false, pl.pack.readAt(b, pl.offset()+off)
}

// small tells whether the segment stays in memory whatever the limit.
func (s *source) small() bool { return s.size <= smallBytes }

// whole returns the whole segment.
func (s *source) whole() ([]byte, error) {
	if b := s.resident.Load(); b != nil {
		return *b, nil
	}
	pl := s.held.Load()
	return pl.pack.load(pl.entry)
}

// load makes the segment resident.
func (s *source) load() error {
	pl := s.held.Load()
	if s.resident.Load() != nil || pl == nil {
		return nil
	}
	b, err := pl.pack.load(pl.entry)
	if err != nil {
		return err
	}
	s.resident.Store(&b)
	return nil
}

// evict lets go of the memory if the segment can be read back and is not small.
func (s *source) evict() {
	if s.held.Load() != nil && !s.small() {
		s.resident.Store(nil)
	}
}
