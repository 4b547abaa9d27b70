package segment

import "sort"

// Want says how much of an [Aggregate] an answer needs.
type Want uint8

const (
	// WantErrors needs what [Aggregate.MergeErrors] takes.
	WantErrors Want = iota
	// WantSpread needs the sum of e^4 as well.
	WantSpread
	// WantAll needs everything, and the sketches.
	WantAll
)

// merges add as much of an Aggregate to another as is wanted.
var merges = [...]func(dst, o *Aggregate){
	WantErrors: (*Aggregate).MergeErrors,
	WantSpread: (*Aggregate).mergeSpread,
	WantAll:    (*Aggregate).Merge,
}

// MergeWanted adds the rows of o, as far as want asks. The rest of a is then meaningless.
func (a *Aggregate) MergeWanted(want Want, o *Aggregate) { merges[want](a, o) }

// Window adds the rows of a series with from <= time < to, in Unix milliseconds, to dst. Blocks that lie in the window
// come from the tree; at most two, at the edges of the window, are decoded, of these the numbers alone, and of those
// but a few strips, except for WantAll. It allocates nothing once sc has grown. With WantAll the rows are added to
// sketches too, which is otherwise not used.
func (s *Segment) Window(dst *Aggregate, sketches *Sketches, series int, from, to int64, want Want, sc *Scratch) (Read, error) {
	e := &s.dir.series[series]
	blocks := s.dir.nodes[e.firstBlock : e.firstBlock+e.blockCount]
	reaches := func(i int) bool { return blocks[i].MaxTime >= from }
	first := 0
	if near := sc.lastEnd - 1; near > 0 && near < len(blocks) && !reaches(near-1) {
		first = near
	}
	first = search(first, len(blocks), reaches)
	end := search(first, len(blocks), func(i int) bool { return blocks[i].MinTime >= to })
	sc.lastEnd = end
	if first >= end || from >= to {
		return Read{}, nil
	}
	var read Read
	edge := func(block int) error {
		r, err := s.edge(dst, sketches, series, block, from, to, want, sc)
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
	if want == WantAll {
		if err := s.mergeSketches(sketches, series, uint32(first), uint32(end), sc); err != nil {
			return Read{}, err
		}
	}
	s.dir.mergeBlocks(dst, s.nodes(), series, uint32(first), uint32(end), merges[want])
	return read, nil
}

// search is sort.Search in [from, to), for an answer that is likely to be near from.
func search(from, to int, is func(int) bool) int {
	for step := 1; step < to-from; step *= 2 {
		if at := from + step - 1; is(at) {
			to = at
			break
		}
		from += step
	}
	return from + sort.Search(to-from, func(i int) bool { return is(from + i) })
}
