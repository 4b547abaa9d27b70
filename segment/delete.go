package segment

import "sort"

// Deletion is what deleting has done to a segment.
type Deletion struct {
	// Rows were deleted, in so many Blocks.
	Rows   uint64
	Blocks int
}

// DeleteWindow deletes the rows of a series with from <= time < to. Blocks that lie in the window go by a mark and are not
// read; of at most a few at its edges the numbers are decoded, and each of their rows that goes takes a bit. The segment must
// not be read at the same time; snapshots may be.
func (s *Segment) DeleteWindow(series int, from, to int64, sc *Scratch) (done Deletion, err error) {
	e := &s.dir.series[series]
	blocks := s.dir.nodes[e.firstBlock : e.firstBlock+e.blockCount]
	first := sort.Search(len(blocks), func(i int) bool { return blocks[i].MaxTime >= from })
	end := first + sort.Search(len(blocks)-first, func(i int) bool { return blocks[first+i].MinTime >= to })
	for block := first; block < end; block++ {
		number := int(e.firstBlock) + block
		rows := s.nodes()[number].Rows
		if rows == 0 {
			continue
		}
		if blocks[block].MinTime >= from && blocks[block].MaxTime < to {
			s.ownEdits()
			s.edits[number] = wholeBlock
			s.live[number].Reset()
		} else if err := s.deletePart(series, block, from, to, sc); err != nil {
			return done, err
		}
		if left := s.nodes()[number].Rows; left < rows {
			done.Rows += rows - left
			done.Blocks++
		}
	}
	if done.Rows > 0 {
		s.sumAbove(series, first, end)
		s.forgetSketches(series, first, end)
	}
	return done, nil
}

// deletePart deletes those rows of a block that lie in a window, and leaves the nodes above it to the caller.
func (s *Segment) deletePart(series, block int, from, to int64, sc *Scratch) error {
	number := int(s.dir.series[series].firstBlock) + block
	stored, err := s.locate(series, block, Numbers|Lags, sc)
	if err != nil {
		return err
	}
	i, j := stored.between(from, to)
	was, n := s.edits[number], stored.Len()
	if i < j && was != nil {
		i = was.deleted.NextClear(i, j)
	}
	if i >= j {
		return nil
	}
	next := was.clone(n)
	for row := i; row < j; row++ {
		next.deleted.Set(row)
	}
	s.ownEdits()
	s.edits[number] = next.orWhole(n)
	s.sumBlock(number, stored, sc)
	return nil
}
