package engine

import (
	"errors"
	"fmt"
	"sync"

	"github.com/residualdb/residual/segment"
)

// Rows are found by their id in an index of each segment, see [segment.IDIndex], which is made when a model's first
// actual comes: most models of most stores have theirs in the predictions. From then on sealing and merging make it
// too. Who sends actuals makes the indexes that are missing before the request is logged, so that nobody else waits
// for that.
//
// Indexes may take three quarters of the memory for sealed columns, which give way to them. Where they are more, those
// of the oldest months go, and are lent to each request that needs them: it pays by decoding the ids of these months.

// indexer makes the indexes of sealed segments.
type indexer struct {
	mu sync.Mutex
	// Guarded by mu.
	scratch segment.Scratch
	held    int64 // bytes of indexes, about

	// lending is held by the one request at a time that has indexes beyond the bound.
	lending sync.Mutex
}

// indexesMax returns the bound on the memory of indexes.
func (db *DB) indexesMax() int64 { return db.opts.MemoryLimitBytes / 4 * 3 }

// indexFor makes the indexes that the models of a record which looks for rows by their id lack, and has sealing and
// merging make them from here on. release gives back those that were lent. A segment that cannot be read keeps the
// record out: an error of class [ErrUnavailable], or the end of the store if it is corrupt.
func (db *DB) indexFor(r *record) (release func(), err error) {
	if r.kind() == recordPredictions {
		return func() {}, nil
	}
	var missing []*sealed
	r.eachModel(func(name string) {
		if m, ok := db.models.Load(name); ok {
			m.asked.Store(true)
			missing = m.unindexed(missing)
		}
	})
	if release, err = db.index(missing); err != nil {
		release()
		if errors.Is(err, ErrCorrupt) {
			db.fail(err)
			return nil, db.failure()
		}
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if len(missing) > 0 {
		db.makeRoom()
	}
	return release, nil
}

// index makes the indexes of segments.
func (db *DB) index(missing []*sealed) (release func(), err error) {
	var lent []*sealed
	release = func() {
		for _, sd := range lent {
			sd.index.Store(nil)
		}
		if len(lent) > 0 {
			db.indexer.lending.Unlock()
		}
	}
	for _, sd := range missing {
		fits, err := db.indexer.index(sd, db.hash, db.indexesMax(), len(lent) > 0)
		if err != nil {
			return release, err
		}
		if fits {
			continue
		}
		if len(lent) == 0 {
			db.indexer.lending.Lock()
			_, err = db.indexer.index(sd, db.hash, db.indexesMax(), true)
		}
		if lent = append(lent, sd); err != nil {
			return release, err
		}
	}
	return release, nil
}

// unindexed appends the segments of a model that lack an index.
func (m *model) unindexed(dst []*sealed) []*sealed {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, mo := range m.months {
		for _, sd := range mo.sealed {
			if sd.index.Load() == nil && !sd.source.small() {
				dst = append(dst, sd)
			}
		}
	}
	return dst
}

// index makes the index of a segment if it has none. One that does not fit is made only if it is lent. What is read
// never changes, so that no lock of the model's is needed.
func (x *indexer) index(sd *sealed, hash func(id []byte) uint64, limit int64, lend bool) (fits bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if sd.index.Load() != nil {
		return true, nil
	}
	if bytes := segment.IDIndexBytes(sd.rows); x.held+bytes <= limit {
		x.held += bytes
		fits = true
	} else if !lend {
		return false, nil
	}
	index, err := newIDIndex(sd.source, hash, &x.scratch)
	if err == nil {
		sd.index.Store(index)
	}
	return fits, err
}

// bytes returns how much memory indexes take.
func (x *indexer) bytes() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.held
}

// hold sets how much memory indexes take.
func (x *indexer) hold(bytes int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.held = bytes
}

// newIDIndex returns the index of a segment by its bytes; nil for one so small that it needs none.
func newIDIndex(src *source, hash func(id []byte) uint64, sc *segment.Scratch) (*segment.IDIndex, error) {
	seg, err := segment.Open(src, src.size)
	if err != nil {
		return nil, segmentError(err)
	}
	defer sc.Forget()
	if !seg.WantsIndex() {
		return nil, nil
	}
	index, err := segment.NewIDIndex(seg, hash, sc)
	return index, segmentError(err)
}

// idIndex returns the segment's index, which it makes if nobody has; nil for one so small that it needs none.
func (s *sealed) idIndex(
	seg *segment.Segment, hash func(id []byte) uint64, sc *segment.Scratch,
) (*segment.IDIndex, error) {
	if x := s.index.Load(); x != nil || !seg.WantsIndex() {
		return x, nil
	}
	x, err := segment.NewIDIndex(seg, hash, sc)
	if err != nil {
		return nil, segmentError(err)
	}
	s.index.Store(x)
	return x, nil
}

// indexBytes returns the memory of the segment's index.
func (s *sealed) indexBytes() int64 {
	if x := s.index.Load(); x != nil {
		return x.Bytes()
	}
	return 0
}
