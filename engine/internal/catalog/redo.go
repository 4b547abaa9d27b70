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
// makes. Both read without the model's lock, so that nobody waits for them. The publisher writes it under that lock; who
// puts the new segment in place reads it under the same. A nil journal notes nothing: nobody reads.
type Redo struct {
	Entries []journalEntry
}

// journalEntry is a change of the row, or of the copies of it, that a series has of a time and an id.
type journalEntry struct {
	series uint32
	key    segment.Key
	change head.Change
}

// Note keeps a change.
func (j *Redo) Note(series uint32, ts int64, id []byte, c *head.Change) {
	if j == nil {
		return
	}
	e := journalEntry{series, segment.Key{Time: ts, ID: slices.Clone(id)}, *c}
	e.change.Features = slices.Clone(c.Features)
	j.Entries = append(j.Entries, e)
}

// compare orders entries as their rows are in a segment.
func (e *journalEntry) compare(o *journalEntry) int {
	return cmp.Or(cmp.Compare(e.series, o.series), cmp.Compare(e.key.Time, o.key.Time), bytes.Compare(e.key.ID, o.key.ID))
}

// RedoGroup bounds the entries that are applied together, and with them the memory that this takes.
const RedoGroup = 4096

// Apply applies the changes to sd, which m has in the place of what was read. It goes through sd in the order of its rows
// and decodes each block once for each group: the model's lock is held, for which the publisher waits, and entries are as
// many as a checkpoint leaves time for.
func (j *Redo) Apply(m *Model, sd *Segment, sc *segment.Scratch) error {
	if j == nil || len(j.Entries) == 0 {
		return nil
	}
	entries := j.Entries
	slices.SortStableFunc(entries, func(a, b journalEntry) int { return a.compare(&b) })
	editor := SegmentEditor{Scratch: sc}
	for rest := entries; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].series == rest[0].series && (n < RedoGroup || rest[n].compare(&rest[n-1]) == 0) {
			n++
		}
		if err := applyEntries(sd, rest[:n], &editor); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if slices.ContainsFunc(entries, func(e journalEntry) bool { return e.change.Kind == head.DeleteRow }) {
		m.RecountFirst() // sd was counted with the rows it has lost
	}
	return nil
}

// applyEntries applies sorted entries of one series. All changes of a row happen to it when it is found, in their order.
func applyEntries(sd *Segment, entries []journalEntry, editor *SegmentEditor) error {
	x := sd.Find(entries[0].series)
	if x == nil {
		return nil
	}
	seg, err := sd.Open(editor.Scratch)
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
	editor.begin(sd)
	err = seg.FindRows(int(x.Index), keys, editor.Scratch, func(key int, r segment.Row) error {
		first := 0
		if key > 0 {
			first = ends[key-1]
		}
		for i := first; i < ends[key]; i++ {
			editor.change(r, &entries[i].change)
		}
		return nil
	})
	if err == nil {
		_, err = editor.apply()
	}
	return base.SegmentError(err)
}
