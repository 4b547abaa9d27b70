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
	edits  []pendingEdit  // in the order of the segment
	rows   []segment.Edit // scratch
}

// pendingEdit is the edit of a row of a block.
type pendingEdit struct {
	series, block int
	segment.Edit
}

// begin readies the editor for a look-up in a segment.
func (ed *segmentEditor) begin(sg *Segment) { ed.sealed, ed.edits = sg, ed.edits[:0] }

// state returns what a row is with the changes so far; gone tells that one of them has deleted it.
func (ed *segmentEditor) state(r segment.Row) (c head.Cells, gone bool) {
	if e := ed.last(r); e != nil {
		return head.Cells{Predicted: e.Predicted, Actual: e.Actual, Known: e.Known, Lag: e.Lag}, e.Deleted
	}
	return head.Cells{Predicted: r.Predicted, Actual: r.Actual, Known: r.Known, Lag: r.Lag}, false
}

// last returns the edit of a row if it is the last one collected, else nil.
func (ed *segmentEditor) last(r segment.Row) *pendingEdit {
	if n := len(ed.edits); n > 0 {
		if e := &ed.edits[n-1]; e.series == r.Series && e.block == r.Block && e.Row == r.Row {
			return e
		}
	}
	return nil
}

// collect has c happen to a row. Rows come in the order of the segment; one may come again.
func (ed *segmentEditor) collect(r segment.Row, c *head.Change) {
	state, gone := ed.state(r)
	if gone {
		return
	}
	e := ed.last(r)
	if e == nil {
		ed.edits = append(ed.edits, pendingEdit{series: r.Series, block: r.Block})
		e = &ed.edits[len(ed.edits)-1]
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
func (ed *segmentEditor) apply() (bytes int64, err error) {
	if len(ed.edits) == 0 {
		return 0, nil
	}
	if err := ed.sealed.keep(); err != nil {
		return 0, err
	}
	for i := 0; i < len(ed.edits); {
		first := &ed.edits[i]
		ed.rows = ed.rows[:0]
		for ; i < len(ed.edits) && ed.edits[i].series == first.series && ed.edits[i].block == first.block; i++ {
			ed.rows = append(ed.rows, ed.edits[i].Edit)
			bytes += editBytes + int64(len(ed.edits[i].Features))
		}
		bytes += editBlockBytes
		if err := ed.sealed.Opened.Edit(first.series, first.block, ed.rows, ed.scratch); err != nil {
			return 0, base.SegmentError(err)
		}
	}
	clear(ed.edits)
	ed.edits = ed.edits[:0]
	return bytes, nil
}

// holds tells whether a replacement would change nothing of a row.
func (ed *segmentEditor) holds(seg *segment.Segment, r segment.Row, c *head.Change) (bool, error) {
	was, gone := ed.state(r)
	if gone || !c.Apply(was, r.Time).Equal(was) {
		return false, nil
	}
	features, err := seg.FeaturesOf(r, ed.scratch)
	return err == nil && bytes.Equal(features, c.Features), base.SegmentError(err)
}
