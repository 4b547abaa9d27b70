package engine

import (
	"slices"

	"github.com/residualdb/residual/segment"
)

// journal notes the changes of rows that a sealer or a merge has begun to read, to be applied again to the segment that
// it makes. Both read without the model's lock, so that nobody waits for them. The publisher writes the journal under
// that lock; who puts the new segment in place reads it under the same. A nil journal, that of a month which nobody
// reads, notes nothing.
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

// apply applies the changes to sd, which m has in the place of what was read. m's lock is held.
func (j *journal) apply(m *model, sd *sealed, sc *segment.Scratch) error {
	if j == nil || len(j.entries) == 0 {
		return nil
	}
	editor := sealedEditor{scratch: sc}
	deleted := false
	for i := range j.entries {
		e := &j.entries[i]
		deleted = deleted || e.change.kind == deleteRow
		x := sd.find(e.series)
		if x == nil {
			continue
		}
		seg, err := sd.open(sc)
		if err != nil {
			return err
		}
		editor.begin(sd)
		err = seg.FindRows(int(x.index), []segment.Key{e.key}, sc, func(_ int, r segment.Row) error {
			editor.change(r, &e.change)
			return nil
		})
		if err == nil {
			_, err = editor.apply()
		}
		if err != nil {
			return segmentError(err)
		}
	}
	if deleted { // newSealed told the model of first timestamps with rows that are gone
		m.resight()
	}
	return nil
}
