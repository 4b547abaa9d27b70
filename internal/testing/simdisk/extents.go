package simdisk

import (
	"slices"
	"sort"
)

// span is the range [from, to).
type span struct{ from, to int64 }

// extents is an immutable set of numbers, kept as sorted spans that do not touch each other.
type extents []span

// add returns the set with s, and how many numbers that added.
func (x extents) add(s span) (extents, int64) {
	if s.from >= s.to {
		return x, 0
	}
	lo := sort.Search(len(x), func(i int) bool { return x[i].to >= s.from })
	hi := lo
	added := s.to - s.from
	joined := s
	for hi < len(x) && x[hi].from <= s.to {
		added -= max(0, min(x[hi].to, s.to)-max(x[hi].from, s.from))
		joined = span{min(joined.from, x[hi].from), max(joined.to, x[hi].to)}
		hi++
	}
	if added == 0 {
		return x, 0
	}
	return slices.Concat(x[:lo], extents{joined}, x[hi:]), added
}

// cut returns the set without the numbers from end on, and how many those were.
func (x extents) cut(end int64) (extents, int64) {
	lo := sort.Search(len(x), func(i int) bool { return x[i].to > end })
	if lo == len(x) {
		return x, 0
	}
	removed := x[lo:].count()
	kept := slices.Clone(x[:lo])
	if x[lo].from < end {
		kept = append(kept, span{x[lo].from, end})
		removed -= end - x[lo].from
	}
	return kept, removed
}

func (x extents) meets(s span) bool {
	lo := sort.Search(len(x), func(i int) bool { return x[i].to > s.from })
	return s.from < s.to && lo < len(x) && x[lo].from < s.to
}

func (x extents) count() int64 {
	n := int64(0)
	for _, s := range x {
		n += s.to - s.from
	}
	return n
}
