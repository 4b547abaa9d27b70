package segment

import (
	"slices"
	"sort"
)

// Want says how much of an [Aggregate] an answer needs.
type Want uint8

const (
	// WantErrors needs what [Aggregate.MergeErrors] takes.
	WantErrors Want = iota
	// WantAll needs everything.
	WantAll
)

// Window adds the rows of a series with from <= time < to, in Unix milliseconds, to dst. Blocks that lie in the window come from the tree; at most two,
// at the edges of the window, are decoded, and of these the numbers alone. It allocates nothing once sc has grown.
func (s *Segment) Window(dst *Aggregate, series int, from, to int64, want Want, sc *Scratch) (Read, error) {
	e := &s.dir.series[series]
	blocks := s.dir.nodes[e.firstBlock : e.firstBlock+e.blockCount]
	first := sort.Search(len(blocks), func(i int) bool { return blocks[i].MaxTime >= from })
	end := first + sort.Search(len(blocks)-first, func(i int) bool { return blocks[first+i].MinTime >= to })
	if first >= end || from >= to {
		return Read{}, nil
	}
	var read Read
	edge := func(block int) error {
		r, err := s.edge(dst, series, block, from, to, want, sc)
		read.Add(r)
		return err
	}
	inside := func(block int) bool { return blocks[block].MinTime >= from && blocks[block].MaxTime < to }
	if !inside(first) {
		if err := edge(first); err != nil {
			return Read{}, err
		}
		first++
	}
	if first < end && !inside(end-1) {
		end--
		if err := edge(end); err != nil {
			return Read{}, err
		}
	}
	merge := (*Aggregate).MergeErrors
	if want == WantAll {
		merge = (*Aggregate).Merge
	}
	s.dir.mergeBlocks(dst, s.nodes(), series, uint32(first), uint32(end), merge)
	return read, nil
}

// edge adds those rows of a block that lie in the window.
func (s *Segment) edge(dst *Aggregate, series, block int, from, to int64, want Want, sc *Scratch) (Read, error) {
	c := &sc.block
	read, err := s.ReadBlock(c, series, block, Numbers, sc)
	if err != nil {
		return Read{}, err
	}
	i, _ := slices.BinarySearch(c.Times, from)
	j, _ := slices.BinarySearch(c.Times, to)
	if want == WantAll {
		dst.AddRows(c.Times, c.Predicted, c.Actual, c.Known, i, j)
	} else {
		dst.AddErrors(c.Times, c.Predicted, c.Actual, c.Known, i, j)
	}
	return read, nil
}
