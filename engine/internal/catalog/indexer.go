package catalog

import (
	"slices"
	"sync"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/segment"
)

// Indexer makes the indexes of sealed segments. It is safe for concurrent use. It reads segments without the lock of their model:
// their bytes never change, but a merge or the retention may put a segment out of its month and remove the pack that has it.
type Indexer struct {
	mu sync.Mutex
	// Guarded by mu.
	scratch segment.Scratch
	held    int64 // bytes of indexes, about

	// lending is held by the one request at a time that has indexes beyond the bound.
	lending sync.Mutex
}

// IDIndexLoan is what a request needs to find rows by their id: the indexes that were made for it beyond the bound. Until it
// is released no other request gets such ones.
type IDIndexLoan struct {
	indexer *Indexer
	lent    []*Segment
}

// Release lets the lent indexes go.
func (l *IDIndexLoan) Release() {
	for _, sg := range l.lent {
		sg.Index.Store(nil)
	}
	if len(l.lent) > 0 {
		l.indexer.lending.Unlock()
	}
	l.lent = nil
}

// Index makes the indexes that the segments of some models lack. Those for which limit leaves no room are lent to the caller,
// who is to release the loan whatever the error is.
func (x *Indexer) Index(models []*Model, hash func(id []byte) uint64, limit int64) (*IDIndexLoan, error) {
	loan := &IDIndexLoan{indexer: x}
	for _, m := range models {
		missing := m.unindexed()
		for len(missing) > 0 {
			err := x.indexOrLend(missing[0], hash, limit, loan)
			switch {
			case err == nil:
				missing = missing[1:]
			case m.has(missing[0]):
				return loan, err
			default: // its file may be gone with it; another segment has its rows, if any has
				missing = m.unindexed()
			}
		}
	}
	return loan, nil
}

// indexOrLend makes the index of a segment if it has none, and adds it to the loan if it does not fit.
func (x *Indexer) indexOrLend(sg *Segment, hash func(id []byte) uint64, limit int64, loan *IDIndexLoan) error {
	if fits, err := x.index(sg, hash, limit, false); fits || err != nil {
		return err
	}
	return x.lend(sg, hash, limit, loan)
}

// lend adds the index of a segment to the loan, which waits for its turn if it is the first one. If another request has made the
// index meanwhile, or room for it, it stays and is not lent.
func (x *Indexer) lend(sg *Segment, hash func(id []byte) uint64, limit int64, loan *IDIndexLoan) error {
	first := len(loan.lent) == 0
	if first {
		x.lending.Lock()
	}
	fits, err := x.index(sg, hash, limit, true)
	if !fits && err == nil {
		loan.lent = append(loan.lent, sg)
	} else if first {
		x.lending.Unlock()
	}
	return err
}

// index makes the index of a segment if it has none. One that does not fit is made only if it is lent.
func (x *Indexer) index(sg *Segment, hash func(id []byte) uint64, limit int64, lend bool) (fits bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if sg.Index.Load() != nil {
		return true, nil
	}
	bytes := segment.IDIndexBytes(sg.Rows)
	fits = x.held+bytes <= limit
	if !fits && !lend {
		return false, nil
	}
	index, err := NewIDIndex(sg.Source, hash, &x.scratch)
	if err != nil || index == nil { // it is found by looking at each row
		return err == nil, err
	}
	sg.Index.Store(index)
	if fits {
		x.held += bytes
	}
	return fits, nil
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

// unindexed returns the segments of the model that lack an index.
func (m *Model) unindexed() (missing []*Segment) {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	for _, mo := range m.Months {
		for _, sg := range mo.Segments {
			if sg.Index.Load() == nil && !sg.Source.Small() {
				missing = append(missing, sg)
			}
		}
	}
	return missing
}

// has tells whether a segment is in its place still.
func (m *Model) has(sg *Segment) bool {
	m.Mu.RLock()
	defer m.Mu.RUnlock()
	return slices.ContainsFunc(m.Months, func(mo *Month) bool { return slices.Contains(mo.Segments, sg) })
}
