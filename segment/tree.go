package segment

import (
	"bytes"
	"cmp"
)

// fanOut is the number of nodes under a node of the tree of a series.
const fanOut = 32

// blocksMax bounds the blocks of a segment.
const blocksMax = 1 << 30

// treeNodes returns the number of nodes above so many blocks.
func treeNodes(blocks uint32) (nodes int) {
	for n := blocks; n > 1; nodes += int(n) {
		n = (n + fanOut - 1) / fanOut
	}
	return nodes
}

// growTrees adds to nodes the trees over the blocks of each series: level by level, each node the aggregate of fanOut
// nodes of the level below, up to a single one. A tree is derived from the blocks and therefore not stored.
func (d *directory) growTrees() {
	for i := range d.series {
		s := &d.series[i]
		s.firstNode = uint32(len(d.nodes))
		for first, n := s.firstBlock, s.blockCount; n > 1; {
			next := uint32(len(d.nodes))
			for at := uint32(0); at < n; at += fanOut {
				var sum Aggregate
				for j := at; j < min(at+fanOut, n); j++ {
					sum.Merge(&d.nodes[first+j])
				}
				d.nodes = append(d.nodes, sum)
			}
			first, n = next, (n+fanOut-1)/fanOut
		}
	}
}

// total returns the aggregate of a whole series among nodes.
func (d *directory) total(nodes []Aggregate, series int) *Aggregate {
	s := &d.series[series]
	root, n := s.firstBlock, s.blockCount
	for next := s.firstNode; n > 1; next += n {
		n = (n + fanOut - 1) / fanOut
		root = next
	}
	return &nodes[root]
}

// merge merges the blocks [from, to) of a series as far as want asks, from as few of the nodes as cover them.
func (s *Segment) merge(dst *Aggregate, want Want, e *seriesEntry, from, to uint32) {
	nodes := s.nodes()
	first, n, next := e.firstBlock, e.blockCount, e.firstNode
	for {
		for from < to && from%fanOut != 0 {
			dst.MergeWanted(want, &nodes[first+from])
			from++
		}
		for from < to && to%fanOut != 0 && to != n {
			to--
			dst.MergeWanted(want, &nodes[first+to])
		}
		if from >= to {
			return
		}
		if n == 1 {
			dst.MergeWanted(want, &nodes[first])
			return
		}
		from, to = from/fanOut, (to+fanOut-1)/fanOut
		first, n = next, (n+fanOut-1)/fanOut
		next += n
	}
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
