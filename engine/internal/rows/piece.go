package rows

import (
	"github.com/residualdb/residual/segment"
)

// piece is what is read at once of a series and a source: a block, a leaf, or all that is staged or in a small segment.
type piece struct {
	series, source uint32 // their places in the snapshot
	at             uint32 // number of the block or leaf, or wholePiece
	rows           uint32 // at most
}

// wholePiece is the place of a piece that is all of its series in its source, or all of that is staged.
const wholePiece = 1<<32 - 1

// wants tells whether a query may want some of the rows of an aggregate.
func (q *Query) wants(a *segment.Aggregate) bool {
	return a.Rows > 0 && a.MinTime < q.To && a.MaxTime >= q.From &&
		(q.Actuals != WithActual || a.Actuals > 0) && (q.Actuals != Waiting || a.Actuals < a.Rows)
}

// wantsAll tells whether neither the window nor the filter by actuals rules out any of the rows of an aggregate.
func (q *Query) wantsAll(a *segment.Aggregate) bool {
	return a.MinTime >= q.From && a.MaxTime < q.To &&
		(q.Actuals != WithActual || a.Actuals == a.Rows) && (q.Actuals != Waiting || a.Actuals == 0)
}

// pieces appends what the query may want of a series in a source, in the order of time, but that what is staged comes last.
func (s *snapshot) pieces(dst []piece, series, source uint32) []piece {
	src, number := &s.sources[source], s.series[series].number
	p := piece{series: series, source: source}
	if src.head != nil {
		of := src.head.Find(number)
		if of == nil {
			return dst
		}
		for leaf := range of.Leaves() {
			if a := of.Aggregate(leaf); s.query.wants(a) {
				p.at, p.rows = uint32(leaf), uint32(a.Rows)
				dst = append(dst, p)
			}
		}
		if p.at, p.rows = wholePiece, uint32(of.Staged()); p.rows > 0 {
			dst = append(dst, p)
		}
		return dst
	}
	of := src.sealed.Find(number)
	if of == nil || !s.overlaps(of) {
		return dst
	}
	if src.kept == nil {
		p.at, p.rows = wholePiece, uint32(of.Stored.Rows)
		return append(dst, p)
	}
	return s.blocks(dst, src.kept, src.kept.Root(int(of.Index)), p)
}

// blocks appends the blocks under a node that the query may want.
func (s *snapshot) blocks(dst []piece, seg *segment.Segment, n segment.Node, p piece) []piece {
	a := seg.Aggregate(n)
	if !s.query.wants(a) {
		return dst
	}
	if n.Height == 0 {
		p.at, p.rows = n.At, uint32(a.Rows)
		return append(dst, p)
	}
	for below := range seg.Under(n) {
		dst = s.blocks(dst, seg, below, p)
	}
	return dst
}
