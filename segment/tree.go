package segment

import (
	"bytes"
	"cmp"
	"iter"
)

const (
	// fanOut is the number of nodes under a node of the tree of aggregates of a series.
	fanOut = 32
	// sketchFan is that of the tree of sketches. It is smaller: merging sketches costs much more than merging aggregates,
	// and takes little memory.
	sketchFan = 8

	// blocksMax bounds the blocks of a segment.
	blocksMax = 1 << 30
)

// level is a level of a tree over the blocks of a series: the blocks themselves at height 0, or nodes. Node i of a level
// stands over fan nodes of the level below, from i*fan on; the highest level is a single one.
type level struct {
	fan    uint32
	height int
	first  uint32 // number of its first block among all blocks, or of its first node among all nodes
	n      uint32
	next   uint32 // number of the first node of the level above
}

// aggregates returns the blocks of a series as the lowest level of the tree of aggregates.
func (e *seriesEntry) aggregates() level {
	return level{fan: fanOut, first: e.firstBlock, n: e.blockCount, next: e.firstNode}
}

// sketches returns the blocks of a series as the lowest level of the tree of sketches.
func (e *seriesEntry) sketches() level {
	return level{fan: sketchFan, first: e.firstBlock, n: e.blockCount, next: e.firstSketch}
}

// above returns the level of the nodes over those of l.
func (l level) above() level {
	n := (l.n + l.fan - 1) / l.fan
	return level{l.fan, l.height + 1, l.next, n, l.next + n}
}

// nodesAbove returns the number of nodes of all levels above l.
func (l level) nodesAbove() (nodes uint32) {
	for l.n > 1 {
		l = l.above()
		nodes += l.n
	}
	return nodes
}

// under returns which nodes of l the node at a place of the level above stands over: [from, to).
func (l level) under(at uint32) (from, to uint32) { return at * l.fan, min((at+1)*l.fan, l.n) }

// path goes from a block up to the single node, by levels and places in them.
func (l level) path(block uint32) iter.Seq2[level, uint32] {
	return func(yield func(level, uint32) bool) {
		at := block
		for up := l; yield(up, at) && up.n > 1; up = up.above() {
			at /= up.fan
		}
	}
}

// places are a range of blocks or nodes of a level, [from, to).
type places struct{ from, to uint32 }

// pathOver goes from the blocks [from, to), of which there is at least one, up to the single node, by levels and those of
// them that stand over the blocks.
func (l level) pathOver(from, to uint32) iter.Seq2[level, places] {
	return func(yield func(level, places) bool) {
		at := places{from, to}
		for up := l; yield(up, at) && up.n > 1; up = up.above() {
			at = places{at.from / up.fan, (at.to-1)/up.fan + 1}
		}
	}
}

// cover goes through as few nodes as stand over the blocks [from, to) and no others, by levels and places in them.
func (l level) cover(from, to uint32) iter.Seq2[level, uint32] {
	return func(yield func(level, uint32) bool) {
		for up := l; ; up = up.above() {
			for ; from < to && (from%up.fan != 0 || up.n == 1); from++ {
				if !yield(up, from) {
					return
				}
			}
			for ; from < to && to%up.fan != 0 && to != up.n; to-- {
				if !yield(up, to-1) {
					return
				}
			}
			if from >= to {
				return
			}
			from, to = from/up.fan, (to+up.fan-1)/up.fan
		}
	}
}

// growTrees adds to nodes the trees of aggregates of all series. They are derived from the blocks and not stored.
func (d *directory) growTrees() {
	for i := range d.series {
		d.series[i].firstNode = uint32(len(d.nodes))
		for l := d.series[i].aggregates(); l.n > 1; l = l.above() {
			for at := range l.above().n {
				d.nodes = append(d.nodes, sumUnder(d.nodes, l, at))
			}
		}
	}
}

// sumUnder returns the sum of the nodes of l that the node at a place of the level above stands over.
func sumUnder(nodes []Aggregate, l level, at uint32) (sum Aggregate) {
	from, to := l.under(at)
	for j := from; j < to; j++ {
		sum.Merge(&nodes[l.first+j])
	}
	return sum
}

// total returns the aggregate of a whole series.
func (s *Segment) total(e *seriesEntry) *Aggregate {
	l := e.aggregates()
	for l.n > 1 {
		l = l.above()
	}
	return &s.nodes()[l.first]
}

// compareNames orders series i and j by version, then environment.
func (d *directory) compareNames(i, j int) int {
	v, e := d.seriesNames(i)
	w, f := d.seriesNames(j)
	return cmp.Or(bytes.Compare(v, w), bytes.Compare(e, f))
}

func (d *directory) seriesNames(i int) (version, environment []byte) {
	s := &d.series[i]
	return d.names[s.name:s.environment], d.names[s.environment:s.end]
}
