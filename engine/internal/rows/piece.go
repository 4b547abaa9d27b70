package rows

import (
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/segment"
)

// piece is what is read at once of a series and a source: a block, a part of a leaf, or all that is staged or in a small segment.
type piece struct {
	series, source uint32 // their places in the snapshot
	at             uint32 // number of the block, leafParts times that of the leaf and that of the part, or wholePiece
	rows           uint32 // at most
}

// wholePiece is the place of a piece that is all of its series in its source, or all of that is staged.
const wholePiece = 1<<32 - 1

const leafParts = head.PartsMax

// leafPart returns which part of which leaf a piece is.
func (p piece) leafPart(v *head.View, of *head.SeriesView) head.Part {
	leaf := int(p.at / leafParts)
	return head.Part{Leaf: leaf, Part: int(p.at % leafParts), Parts: v.Parts(of, leaf)}
}

// eachLeaf calls do for the parts of the leaves that a head has of a series, with the aggregate of the leaf.
func (p piece) eachLeaf(v *head.View, of *head.SeriesView, do func(p piece, leaf *segment.Aggregate)) {
	for leaf := range of.Leaves() {
		a, parts := of.Aggregate(leaf), v.Parts(of, leaf)
		p.rows = uint32((int(a.Rows) + parts - 1) / parts)
		for part := range parts {
			p.at = uint32(leafParts*leaf + part)
			do(p, a)
		}
	}
}

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
		p.eachLeaf(src.head, of, func(p piece, leaf *segment.Aggregate) {
			if s.query.wants(leaf) {
				dst = append(dst, p)
			}
		})
		if p.at, p.rows = wholePiece, uint32(of.Staged()); p.rows > 0 {
			dst = append(dst, p)
		}
		return dst
	}
	of := src.sealed.Find(number)
	if of == nil || !s.overlaps(of) {
		return dst
	}
	if src.opened == nil {
		p.at, p.rows = wholePiece, uint32(of.Stored.Rows)
		return append(dst, p)
	}
	return s.blocks(dst, src.opened, src.opened.Root(int(of.Index)), p)
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

// storedText returns about how much ids and features of a piece take where they are stored, of pieces that are read together: texts
// that compress well may be many times as much.
func (s *snapshot) storedText(p piece) int64 {
	src, number := &s.sources[p.source], s.series[p.series].number
	switch {
	case src.head != nil && p.at == wholePiece:
		return storedTextMax / 8
	case src.head != nil:
		if p.leafPart(src.head, src.head.Find(number)).Parts > 1 {
			return storedTextMax
		}
		return storedTextMax * int64(p.rows) / batchRows
	case src.opened == nil:
		return src.sealed.Source.Size
	default:
		return src.opened.StoredText(int(src.sealed.Find(number).Index), int(p.at))
	}
}

// storedTextMax is how much stored text is read for one batch.
const storedTextMax = 128 << 10
