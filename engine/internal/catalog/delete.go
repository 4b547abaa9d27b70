package catalog

import (
	"math"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/segment"
)

// MonthCursor is how far a deletion has come in a month: to a series of a head or of a segment. The zero MonthCursor is the
// begin. Between two calls a seal or a merge may have put that place away: then the month begins anew, which finds little left.
type MonthCursor struct {
	head   *head.Head
	sealed *Segment
	series int
}

// isIn tells whether the place is still in a month.
func (at *MonthCursor) isIn(mo *Month) bool {
	if at.sealed != nil {
		return slices.Contains(mo.Segments, at.sealed)
	}
	return at.head != nil && (at.head == mo.Head || slices.Contains(mo.Frozen, at.head))
}

// Deleted is what a deletion has done to a month.
type Deleted struct {
	EditTally

	Rows uint64
	// Dropped are segments of which no row is left. They are no longer in the month.
	Dropped []*Segment
}

// DeleteWindow deletes the rows of a month that rows means, whatever their ids, beginning at the place at. It stops there once it
// has done the work most; over tells whether it came to the end of the month. A month that a sealer or a merge is reading is gone
// through at once, whatever most says: what the redo deletes again is not counted, because it was counted here. The publisher
// calls it under the model's lock. Once the model is through, [Model.RecountFirst] is due.
func (rc *RowChanger) DeleteWindow(of ModelMonth, rows *RowSet, at *MonthCursor, most int) (done Deleted, over bool, err error) {
	mo := of.Month
	if mo.SealRedo != nil || mo.MergeRedo != nil {
		most = math.MaxInt
		mo.SealRedo.noteDeletion(rows)
		mo.MergeRedo.noteDeletion(rows)
	}
	if !at.isIn(mo) {
		*at = MonthCursor{}
	}
	d := monthDeletion{ModelMonth: of, rows: rows, scratch: &rc.scratch, most: most}
	d.done.month = mo
	if over = at.sealed != nil || d.inHeads(at); over {
		over, err = d.inSegments(at)
	}
	rc.work += d.work
	return d.done, over, err
}

// monthDeletion is a deletion of the rows of a month that a window has.
type monthDeletion struct {
	ModelMonth
	rows    *RowSet
	scratch *segment.Scratch
	// work is what was done, of most that may be.
	work, most int
	done       Deleted
}

// What deleting in a series costs, in rows that are new: to look at it, and to sum the two blocks at the edges of a window anew.
const (
	seriesLookWork  = 1
	deleteEdgesWork = 512
)

func (d *monthDeletion) inHeads(at *MonthCursor) (over bool) {
	for h := range d.Month.Heads {
		if at.head != nil && at.head != h {
			continue
		}
		for ; at.series < len(h.Series); at.series++ {
			if at.head = h; d.work >= d.most {
				return false
			}
			d.work += seriesLookWork
			s := h.Series[at.series]
			if !d.rows.HasSeries(d.Model.Series[s.Number].SeriesName) {
				continue
			}
			if n := h.DeleteWindow(s, d.rows.Window); n > 0 {
				d.done.Rows += uint64(n)
				d.work += deleteEdgesWork
			}
		}
		*at = MonthCursor{}
	}
	return true
}

func (d *monthDeletion) inSegments(at *MonthCursor) (over bool, err error) {
	for _, sg := range d.Month.Segments {
		if at.sealed != nil && at.sealed != sg {
			continue
		}
		at.sealed = sg
		if over, err := d.inSegment(at); !over || err != nil {
			return false, err
		}
		*at = MonthCursor{}
	}
	return true, nil
}

// inSegment deletes rows of the segment of a cursor, series by series. A segment of which the window has all rows is dropped
// unread: should the process end before a checkpoint covers the deletion, a restart finds the segment again, and the deletion that
// drops it. A segment that loses its last rows to several deletions stays until the fold.
func (d *monthDeletion) inSegment(at *MonthCursor) (over bool, err error) {
	sg := at.sealed
	if d.meansAll(sg) {
		d.drop(sg)
		return true, nil
	}
	for ; at.series < len(sg.Series); at.series++ {
		if d.work >= d.most {
			return false, nil
		}
		d.work += seriesLookWork
		x := &sg.Series[at.series]
		w := d.rows.Window
		if !d.rows.HasSeries(d.Model.Series[x.number].SeriesName) || x.Stored.MaxTime < w.From || x.Stored.MinTime >= w.To {
			continue
		}
		if err := sg.keep(); err != nil {
			return false, err
		}
		deleted, err := sg.Opened.DeleteWindow(int(x.Index), w.From, w.To, d.scratch)
		if err != nil {
			return false, base.SegmentError(err)
		}
		if deleted.Rows > 0 {
			d.done.Rows += deleted.Rows
			d.done.Sealed = true
			d.done.Bytes += int64(deleted.Blocks) * editBlockBytes
			d.work += deleteEdgesWork + deleted.Blocks
		}
	}
	return true, nil
}

// meansAll tells whether all rows of a segment are meant.
func (d *monthDeletion) meansAll(sg *Segment) bool {
	return !slices.ContainsFunc(sg.Series, func(x SegmentSeries) bool {
		return !d.rows.HasTimes(x.Stored.MinTime, x.Stored.MaxTime) || !d.rows.HasSeries(d.Model.Series[x.number].SeriesName)
	})
}

// drop takes a segment out of the month.
func (d *monthDeletion) drop(sg *Segment) {
	d.done.Rows += sg.left()
	d.work += len(sg.Series)
	d.done.Dropped = append(d.done.Dropped, sg)
	sg.Dropped = true
	d.Month.Segments = slices.DeleteFunc(slices.Clone(d.Month.Segments), func(s *Segment) bool { return s == sg })
}
