package catalog

import (
	"bytes"
	"cmp"
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

// redoEntry is a change of the row, or of the copies of it, that a series has of a time and an id.
type redoEntry struct {
	series uint32
	key    segment.Key
	change head.Change
}

// note keeps a change.
func (r *Redo) note(series uint32, ts int64, id []byte, c *head.Change) {
	if r == nil {
		return
	}
	e := redoEntry{series, segment.Key{Time: ts, ID: slices.Clone(id)}, *c}
	e.change.Features = slices.Clone(c.Features)
	r.entries = append(r.entries, e)
}

// compare orders entries as their rows are in a segment.
func (e *redoEntry) compare(o *redoEntry) int {
	return cmp.Or(cmp.Compare(e.series, o.series), cmp.Compare(e.key.Time, o.key.Time), bytes.Compare(e.key.ID, o.key.ID))
}

// Apply applies the changes to sg, which m has in the place of what was read. It goes through sg in the order of its rows
// and decodes each block once: the model's lock is held, for which the publisher waits, and entries are as many as a
// checkpoint leaves time for.
func (r *Redo) Apply(m *Model, sg *Segment, sc *segment.Scratch) error {
	if r == nil || len(r.entries) == 0 {
		return nil
	}
	slices.SortStableFunc(r.entries, func(a, b redoEntry) int { return a.compare(&b) })
	editor := segmentEditor{scratch: sc}
	for rest := r.entries; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].series == rest[0].series {
			n++
		}
		if err := redoSeries(sg, rest[:n], &editor); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if slices.ContainsFunc(r.entries, func(e redoEntry) bool { return e.change.Kind == head.DeleteRow }) {
		m.recountFirst() // sg was counted with the rows it has lost
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
