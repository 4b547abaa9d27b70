package segment

// Node is a block of a series, or a node of the tree over its blocks, by which a reader finds the blocks that matter to it.
type Node struct {
	Series int32
	// Height is 0 for a block, and then At is its number in the series.
	Height, At uint32
}

// Root returns the node over all blocks of a series.
func (s *Segment) Root(series int) Node {
	l := s.dir.series[series].aggregates()
	for l.n > 1 {
		l = l.above()
	}
	return Node{Series: int32(series), Height: uint32(l.height)}
}

// Under yields the nodes under one that is no block, in the order of time.
func (s *Segment) Under(n Node) func(yield func(Node) bool) {
	return func(yield func(Node) bool) {
		below := s.level(n.Series, n.Height-1)
		for from, to := below.under(n.At); from < to; from++ {
			if !yield(Node{n.Series, n.Height - 1, from}) {
				return
			}
		}
	}
}

// Aggregate returns the aggregate of the rows under a node with all edits, not to be changed. Of a block all of whose rows are
// deleted it has none.
func (s *Segment) Aggregate(n Node) *Aggregate {
	l := s.level(n.Series, n.Height)
	return &s.nodes()[l.first+n.At]
}

// StoredText returns how many bytes the ids and features of a block are stored in.
func (s *Segment) StoredText(series, block int) int64 {
	lens := &s.dir.blocks[int(s.dir.series[series].firstBlock)+block].lens
	return int64(lens[chunkIDs]) + int64(lens[chunkFeatures])
}

func (s *Segment) level(series int32, height uint32) level {
	l := s.dir.series[series].aggregates()
	for range height {
		l = l.above()
	}
	return l
}
