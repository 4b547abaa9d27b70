package engine

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/residualdb/residual/segment"
)

// journal notes the changes of rows that a sealer or a merge has begun to read, to be applied again to the segment that it
// makes. Both read without the model's lock, so that nobody waits for them. The publisher writes it under that lock; who
// puts the new segment in place reads it under the same. A nil journal notes nothing: nobody reads.
type journal struct {
	entries []journalEntry
}

// journalEntry is a change of the row, or of the copies of it, that a series has of a time and an id.
type journalEntry struct {
	series uint32
	key    segment.Key
	change change
}

// note keeps a change.
func (j *journal) note(series uint32, ts int64, id []byte, c *change) {
	if j == nil {
		return
	}
	e := journalEntry{series, segment.Key{Time: ts, ID: slices.Clone(id)}, *c}
	e.change.features = slices.Clone(c.features)
	j.entries = append(j.entries, e)
}

// compare orders entries as their rows are in a segment.
func (e *journalEntry) compare(o *journalEntry) int {
	return cmp.Or(cmp.Compare(e.series, o.series), cmp.Compare(e.key.Time, o.key.Time), bytes.Compare(e.key.ID, o.key.ID))
}

// journalGroup bounds the entries that are applied together, and with them the memory that this takes.
const journalGroup = 4096

// apply applies the changes to sd, which m has in the place of what was read. It goes through sd in the order of its rows
// and decodes each block once for each group: the model's lock is held, for which the publisher waits, and entries are as
// many as a checkpoint leaves time for.
func (j *journal) apply(m *model, sd *sealed, sc *segment.Scratch) error {
	if j == nil || len(j.entries) == 0 {
		return nil
	}
	entries := j.entries
	slices.SortStableFunc(entries, func(a, b journalEntry) int { return a.compare(&b) })
	editor := sealedEditor{scratch: sc}
	for rest := entries; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].series == rest[0].series && (n < journalGroup || rest[n].compare(&rest[n-1]) == 0) {
			n++
		}
		if err := applyEntries(sd, rest[:n], &editor); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if slices.ContainsFunc(entries, func(e journalEntry) bool { return e.change.kind == deleteRow }) {
		m.resight() // sd was counted with the rows it has lost
	}
	return nil
}

// applyEntries applies sorted entries of one series. All changes of a row happen to it when it is found, in their order.
func applyEntries(sd *sealed, entries []journalEntry, editor *sealedEditor) error {
	x := sd.find(entries[0].series)
	if x == nil {
		return nil
	}
	seg, err := sd.open(editor.scratch)
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
	err = seg.FindRows(int(x.index), keys, editor.scratch, func(key int, r segment.Row) error {
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
	return segmentError(err)
}
