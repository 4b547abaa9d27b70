package store

import (
	"fmt"
	"sync/atomic"

	"github.com/residualdb/residual/engine/internal/base"
)

// Source is where a sealed segment's bytes are: in memory, in a pack, or in both. It implements [segment.Source].
type Source struct {
	Size int64
	// Resident holds the whole segment, checked when it came in; nil if it must be read from its pack.
	Resident atomic.Pointer[[]byte]
	// Place is the segment's place in its pack; nil until a checkpoint has written it.
	Place atomic.Pointer[Place]

	// held counts the pins of a reader that came before there was a place: what they read must stay in memory.
	held atomic.Int32
}

// Place is one entry of a pack.
type Place struct {
	Pack  *Pack
	Entry int
}

func (pl *Place) offset() int64 { return pl.Pack.Entries[pl.Entry].Offset }

// Bytes returns n bytes at off. Resident bytes alias memory that never changes; others are read into scratch and are
// not checked yet.
func (s *Source) Bytes(off, n int64, scratch []byte) (b []byte, resident bool, err error) {
	if off < 0 || n < 0 || off > s.Size-n {
		return nil, false, fmt.Errorf("%w: %d bytes at %d of a segment of %d", base.ErrCorrupt, n, off, s.Size)
	}
	if whole := s.Resident.Load(); whole != nil {
		return (*whole)[off : off+n : off+n], true, nil
	}
	pl := s.Place.Load()
	if pl == nil {
		panic("BUG: a segment is neither in memory nor in a pack")
	}
	if int64(cap(scratch)) < n {
		scratch = make([]byte, n)
	}
	b = scratch[:n]
	return b, false, pl.Pack.readAt(b, pl.offset()+off)
}

// InPack tells whether a checkpoint has written the segment to a pack.
func (s *Source) InPack() bool { return s.Place.Load() != nil }

// Small tells whether the segment stays in memory whatever the limit.
func (s *Source) Small() bool { return s.Size <= smallBytes }

// Whole returns the whole segment.
func (s *Source) Whole() ([]byte, error) {
	if b := s.Resident.Load(); b != nil {
		return *b, nil
	}
	pl := s.Place.Load()
	return pl.Pack.Load(pl.Entry)
}

// Load makes the segment resident.
func (s *Source) Load() error {
	pl := s.Place.Load()
	if s.Resident.Load() != nil || pl == nil {
		return nil
	}
	b, err := pl.Pack.Load(pl.Entry)
	if err != nil {
		return err
	}
	s.Resident.Store(&b)
	return nil
}

// Evict lets go of the memory if the segment can be read back and is not small. The place is looked at before the pins, see
// [Pin.Hold].
func (s *Source) Evict() {
	if s.InPack() && !s.Small() && s.held.Load() == 0 {
		s.Resident.Store(nil)
	}
}

// smallBytes is the size up to which a segment stays in memory as the bytes that it is, and is opened for each question,
// which takes a microsecond or two. Kept open, its few rows would take several times as much: a hundred thousand idle
// models would not fit.
const smallBytes = 2 << 10
