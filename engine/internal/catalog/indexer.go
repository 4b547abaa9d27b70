package catalog

import (
	"sync"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/segment"
)

// Indexer makes the indexes of sealed segments. It is safe for concurrent use, and needs no lock of a model: what it reads
// of a segment never changes.
type Indexer struct {
	mu sync.Mutex
	// Guarded by mu.
	scratch segment.Scratch
	held    int64 // bytes of indexes, about

	// lending is held by the one request at a time that has indexes beyond the bound.
	lending sync.Mutex
}

// Index makes the indexes that segments lack. Those for which limit leaves no room are lent to the caller, one at a time,
// until release, which is to be called whatever the error is.
func (x *Indexer) Index(missing []*Segment, hash func(id []byte) uint64, limit int64) (release func(), err error) {
	var lent []*Segment
	release = func() {
		for _, sg := range lent {
			sg.Index.Store(nil)
		}
		if len(lent) > 0 {
			x.lending.Unlock()
		}
	}
	for _, sg := range missing {
		fits, err := x.index(sg, hash, limit, len(lent) > 0)
		if err != nil {
			return release, err
		}
		if fits {
			continue
		}
		if len(lent) == 0 {
			x.lending.Lock()
			_, err = x.index(sg, hash, limit, true)
		}
		if lent = append(lent, sg); err != nil {
			return release, err
		}
	}
	return release, nil
}

// index makes the index of a segment if it has none. One that does not fit is made only if it is lent.
func (x *Indexer) index(sg *Segment, hash func(id []byte) uint64, limit int64, lend bool) (fits bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if sg.Index.Load() != nil {
		return true, nil
	}
	if bytes := segment.IDIndexBytes(sg.Rows); x.held+bytes <= limit {
		x.held += bytes
		fits = true
	} else if !lend {
		return false, nil
	}
	index, err := NewIDIndex(sg.Source, hash, &x.scratch)
	if err == nil {
		sg.Index.Store(index)
	}
	return fits, err
}

// Bytes returns how much memory indexes take.
func (x *Indexer) Bytes() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.held
}

// Hold sets how much memory indexes take.
func (x *Indexer) Hold(bytes int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.held = bytes
}

// NewIDIndex returns the index of a segment by its bytes; nil for one so small that it needs none.
func NewIDIndex(src *store.Source, hash func(id []byte) uint64, sc *segment.Scratch) (*segment.IDIndex, error) {
	seg, err := segment.Open(src, src.Size)
	if err != nil {
		return nil, base.SegmentError(err)
	}
	defer sc.Forget()
	if !seg.WantsIndex() {
		return nil, nil
	}
	index, err := segment.NewIDIndex(seg, hash, sc)
	return index, base.SegmentError(err)
}

// idIndex returns the segment's index, which it makes if nobody has; nil for one so small that it needs none.
func (s *Segment) idIndex(
	seg *segment.Segment, hash func(id []byte) uint64, sc *segment.Scratch,
) (*segment.IDIndex, error) {
	if x := s.Index.Load(); x != nil || !seg.WantsIndex() {
		return x, nil
	}
	x, err := segment.NewIDIndex(seg, hash, sc)
	if err != nil {
		return nil, base.SegmentError(err)
	}
	s.Index.Store(x)
	return x, nil
}

// IndexBytes returns the memory of the segment's index.
func (s *Segment) IndexBytes() int64 {
	if x := s.Index.Load(); x != nil {
		return x.Bytes()
	}
	return 0
}

// Unindexed appends the segments of a model that lack an index.
func (m *Model) Unindexed(dst []*Segment) []*Segment {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	for _, mo := range m.Months {
		for _, sg := range mo.Segments {
			if sg.Index.Load() == nil && !sg.Source.Small() {
				dst = append(dst, sg)
			}
		}
	}
	return dst
}
