package catalog

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/segment"
)

// Redo notes the changes of rows that a sealer or a merge has begun to read, to be applied again to the segment that it
// makes. Both read without the model's lock, so that nobody waits for them. The publisher notes changes under that lock, and
// the segment is put in place under the same. A nil Redo notes nothing: nobody reads.
type Redo struct {
	entries []redoEntry
}

// redoEntry is a change of the row, or of the copies of it, that a series has of a time and an id; or the deletion of rows, all
// of which are gone.
type redoEntry struct {
	series  uint32
	key     segment.Key
	change  head.Change
	deleted *RowSet
}

// note keeps a change.
func (r *Redo) note(series uint32, ts int64, id []byte, c *head.Change) {
	if r == nil {
		return
	}
	e := redoEntry{series: series, key: segment.Key{Time: ts, ID: slices.Clone(id)}, change: *c}
	e.change.Features = slices.Clone(c.Features)
	r.entries = append(r.entries, e)
}

// noteDeletion keeps the deletion of rows in a window, which may take several calls, with no change between them.
func (r *Redo) noteDeletion(rows *RowSet) {
	if r == nil || len(r.entries) > 0 && r.entries[len(r.entries)-1].deleted == rows {
		return
	}
	r.entries = append(r.entries, redoEntry{deleted: rows})
}

// compare orders entries as their rows are in a segment.
func (e *redoEntry) compare(o *redoEntry) int {
	return cmp.Or(cmp.Compare(e.series, o.series), cmp.Compare(e.key.Time, o.key.Time), bytes.Compare(e.key.ID, o.key.ID))
}

// Apply applies the changes to sg, which the month has in the place of what was read, or had, if none of its rows is left. It goes
// through sg in the order of its rows and decodes each block once between two deletions: the model's lock is held, for which the
// publisher waits, and entries are as many as a checkpoint leaves time for.
func (r *Redo) Apply(of ModelMonth, sg *Segment, sc *segment.Scratch) error {
	if r == nil || len(r.entries) == 0 {
		return nil
	}
	deleted := false
	for rest := r.entries; len(rest) > 0 && !sg.Dropped; {
		n := slices.IndexFunc(rest, func(e redoEntry) bool { return e.deleted != nil })
		if n == 0 {
			d := monthDeletion{ModelMonth: of, rows: rest[0].deleted, scratch: sc, most: math.MaxInt}
			if _, err := d.inSegment(&MonthCursor{sealed: sg}); err != nil {
				return err
			}
			rest, deleted = rest[1:], true
			continue
		}
		if n < 0 {
			n = len(rest)
		}
		if err := redoChanges(sg, rest[:n], sc); err != nil {
			return err
		}
		deleted = deleted || slices.ContainsFunc(rest[:n], func(e redoEntry) bool { return e.change.Kind == head.DeleteRow })
		rest = rest[n:]
	}
	if deleted {
		of.Model.RecountFirst() // sg was counted with the rows it has lost
	}
	return nil
}

// redoChanges applies changes of single rows, series by series.
func redoChanges(sg *Segment, entries []redoEntry, sc *segment.Scratch) error {
	slices.SortStableFunc(entries, func(a, b redoEntry) int { return a.compare(&b) })
	editor := segmentEditor{scratch: sc}
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].series == entries[0].series {
			n++
		}
		if err := redoSeries(sg, entries[:n], &editor); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

// redoSeries applies sorted entries of one series. All changes of a row happen to it when it is found, in their order.
func redoSeries(sg *Segment, entries []redoEntry, editor *segmentEditor) error {
	x := sg.Find(entries[0].series)
	if x == nil {
		return nil
	}
	seg, err := sg.Open(editor.scratch)
	if err != nil {
		return err
	}
	var keys []segment.Key
	var ends []int // of the entries of each key
	for i := range entries {
		if i == 0 || entries[i].compare(&entries[i-1]) != 0 {
			keys, ends = append(keys, entries[i].key), append(ends, i)
		}
		ends[len(ends)-1] = i + 1
	}
	editor.begin(sg)
	err = seg.FindRows(int(x.Index), keys, editor.scratch, func(key int, r segment.Row) error {
		first := 0
		if key > 0 {
			first = ends[key-1]
		}
		for i := first; i < ends[key]; i++ {
			editor.collect(r, &entries[i].change)
		}
		return nil
	})
	if err == nil {
		_, err = editor.apply()
	}
	return base.SegmentError(err)
}
