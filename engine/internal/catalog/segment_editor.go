package catalog

import (
	"bytes"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/segment"
)

// segmentEditor collects the changes of those rows of a sealed segment that a look-up finds, and applies them block by
// block: a block is summed anew once for all of them. It is for one goroutine at a time.
type segmentEditor struct {
	scratch *segment.Scratch

	sealed *Segment
	edits  []blockEdit    // in the order of the segment
	rows   []segment.Edit // scratch
}

// blockEdit is the edit of a row of a block.
type blockEdit struct {
	series, block int
	segment.Edit
}

// begin readies the editor for a look-up in a segment.
func (p *segmentEditor) begin(sg *Segment) { p.sealed, p.edits = sg, p.edits[:0] }

// state returns what a row is with the changes so far; gone tells that one of them has deleted it.
func (p *segmentEditor) state(r segment.Row) (c head.Cells, gone bool) {
	if e := p.last(r); e != nil {
		return head.Cells{Predicted: e.Predicted, Actual: e.Actual, Known: e.Known, Lag: e.Lag}, e.Deleted
	}
	return head.Cells{Predicted: r.Predicted, Actual: r.Actual, Known: r.Known, Lag: r.Lag}, false
}

// last returns the edit of a row if it is the last one collected, else nil.
func (p *segmentEditor) last(r segment.Row) *blockEdit {
	if n := len(p.edits); n > 0 {
		if e := &p.edits[n-1]; e.series == r.Series && e.block == r.Block && e.Row == r.Row {
			return e
		}
	}
	return nil
}

// change has c happen to a row. Rows come in the order of the segment; one may come again.
func (p *segmentEditor) change(r segment.Row, c *head.Change) {
	state, gone := p.state(r)
	if gone {
		return
	}
	e := p.last(r)
	if e == nil {
		p.edits = append(p.edits, blockEdit{series: r.Series, block: r.Block})
		e = &p.edits[len(p.edits)-1]
		e.Row = r.Row
	}
	now := c.Apply(state, r.Time)
	e.Deleted, e.Predicted, e.Actual, e.Known, e.Lag = c.Kind == head.DeleteRow, now.Predicted, now.Actual, now.Known, now.Lag
	if c.Kind == head.ReplaceRow {
		e.Features = append([]byte{}, c.Features...)
	}
}

// What changes of sealed rows take of memory until a checkpoint folds them, about: of each row its edit, with what the
// slice of those of its block has to spare, and of each block that is looked into its part of bitmaps and sums.
const (
	editBytes      = 48
	editBlockBytes = 192
)

// apply edits the segment, and returns about how much memory that takes; 0 if there was nothing to edit.
func (p *segmentEditor) apply() (bytes int64, err error) {
	if len(p.edits) == 0 {
		return 0, nil
	}
	if err := p.sealed.keep(); err != nil {
		return 0, err
	}
	for i := 0; i < len(p.edits); {
		first := &p.edits[i]
		p.rows = p.rows[:0]
		for ; i < len(p.edits) && p.edits[i].series == first.series && p.edits[i].block == first.block; i++ {
			p.rows = append(p.rows, p.edits[i].Edit)
			bytes += editBytes + int64(len(p.edits[i].Features))
		}
		bytes += editBlockBytes
		if err := p.sealed.Kept.Edit(first.series, first.block, p.rows, p.scratch); err != nil {
			return 0, base.SegmentError(err)
		}
	}
	clear(p.edits)
	p.edits = p.edits[:0]
	return bytes, nil
}

// holds tells whether a replacement would change nothing of a row.
func (p *segmentEditor) holds(seg *segment.Segment, r segment.Row, c *head.Change) (bool, error) {
	was, gone := p.state(r)
	if gone || !c.Apply(was, r.Time).Equal(was) {
		return false, nil
	}
	features, err := seg.FeaturesOf(r, p.scratch)
	return err == nil && bytes.Equal(features, c.Features), base.SegmentError(err)
}
