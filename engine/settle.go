package engine

import (
	"cmp"
	"slices"

	"github.com/residualdb/residual/segment"
)

// edit changes a prediction that is stored: its actual, or that it is there at all.
type edit struct {
	hash    uint64
	id      []byte
	actual  float64
	deleted bool
	// observed is when the actual was, in Unix milliseconds. It counts where the actual is the first of its prediction.
	observed int64
}

// lag is the time from that of a prediction to when its first actual was observed. One that was known before has none to wait.
func (e *edit) lag(ts int64) int64 { return lagOf(ts, e.observed) }

func lagOf(ts, observed int64) int64 { return max(observed-ts, 0) }

// outcome is what became of an actual.
type outcome uint8

const (
	orphaned  outcome = iota // no prediction of its id
	joined                   // its prediction waited
	corrected                // its prediction had an actual
)

// settler is what edits need beside the model. The publisher owns it.
type settler struct {
	generation uint64
	hash       func(id []byte) uint64
	// edited receives the months that the next checkpoint has to fold.
	edited func(*model, *month)

	// Scratch.
	segment segment.Scratch
	rows    []leafRow
}

// settle gives an actual to the prediction that waits for it; if none waits, it replaces the actual of every
// prediction of its id. The publisher calls it under the model's lock.
func (m *model) settle(e *edit, s *settler) (outcome, error) {
	if w, ok := m.waiting.take(e.hash); ok {
		m.join(e, w, s)
		return joined, nil
	}
	hit, err := m.edit(e, s)
	if err != nil || !hit {
		return orphaned, err
	}
	return corrected, nil
}

// join gives a waiting row its actual: in its place in the head, or as a fill if the row is sealed or on its way there.
// A head of an earlier generation is on its way: what the checkpoint makes of it must not hold an actual that only the
// log behind its cut has.
func (m *model) join(e *edit, w waitingRow, s *settler) {
	mo := m.month(monthOf(w.time))
	if mo.head != nil && mo.head.generation == s.generation && mo.head.editWaiting(e, w, s) {
		return
	}
	f, fresh := mo.writableFills(s.generation)
	if fresh {
		s.edited(m, mo)
	}
	f.add(e.hash, w, e.actual, e.lag(w.time))
}

// edit applies e to every prediction of its id and tells whether there were any.
func (m *model) edit(e *edit, s *settler) (hit bool, err error) {
	for _, mo := range m.months {
		h, err := mo.edit(e, m, s)
		if err != nil {
			return hit, err
		}
		hit = hit || h
	}
	if hit && e.deleted {
		m.resight()
	}
	return hit, nil
}

// remove deletes every prediction of an id, waiting or not.
func (m *model) remove(e *edit, s *settler) (hit bool, err error) {
	m.waiting.take(e.hash)
	return m.edit(e, s)
}

// edit applies e to the month's predictions of its id. What a sealer or a fold is reading at this moment gets the edit
// in its result as well, see the journals.
func (mo *month) edit(e *edit, m *model, s *settler) (hit bool, err error) {
	if mo.editFills(e) {
		hit = true
		mo.foldJournal.note(e, nil)
	}
	if mo.head != nil && mo.head.edit(e, s) {
		hit = true
	}
	for _, h := range mo.frozen {
		if h.edit(e, s) {
			hit = true
			mo.sealJournal.note(e, nil)
		}
	}
	for _, sd := range mo.sealed {
		h, err := sd.edit(e, &s.segment)
		if err != nil {
			return hit, err
		}
		if h {
			hit = true
			mo.foldJournal.note(e, nil)
			s.edited(m, mo)
		}
	}
	return hit, nil
}

func (mo *month) editFills(e *edit) (hit bool) {
	for _, f := range mo.fills {
		hit = f.edit(e) || hit
	}
	return hit
}

// replaceWaiting removes the row of a prediction that was sent again before its actual came.
func (m *model) replaceWaiting(hash uint64, id []byte, w waitingRow, s *settler) error {
	mo := m.month(monthOf(w.time))
	found, err := mo.removeWaiting(&edit{hash: hash, id: id, deleted: true}, m, w, s)
	if err != nil {
		return err
	}
	if !found {
		panic("BUG: a waiting row is not where the index says")
	}
	if w.time <= m.series[w.series].first {
		m.resight()
	}
	return nil
}

// removeWaiting removes the row that waits at a known place. Rows alike in series, time, prediction and id may stand
// beside it: those whose actual is in the fills look as if they still waited. Their actual came before the row was
// sent, and so it is the newest of them. Within a head and a segment that is the last; heads are frozen and sealed in
// their order. Behind each other in the list, but out of their order, stand segments that were joined: of earlier
// generations than any that fills are waiting to be folded with, since the checkpoint that saved them has folded
// theirs.
func (mo *month) removeWaiting(e *edit, m *model, w waitingRow, s *settler) (bool, error) {
	if mo.head != nil && mo.head.editWaiting(e, w, s) {
		return true, nil
	}
	for _, h := range slices.Backward(mo.frozen) {
		if h.editWaiting(e, w, s) {
			mo.sealJournal.note(e, &w)
			return true, nil
		}
	}
	for _, sd := range newestFirst(mo.sealed) {
		hit, err := sd.editWaiting(e, w, &s.segment)
		if err != nil {
			return false, err
		}
		if hit {
			mo.foldJournal.note(e, &w)
			s.edited(m, mo)
			return true, nil
		}
	}
	return false, nil
}

// newestFirst returns segments by their generation, those of one in the order in which they were sealed, the last first.
func newestFirst(segments []*sealed) []*sealed {
	s := slices.Clone(segments)
	slices.Reverse(s)
	slices.SortStableFunc(s, func(a, b *sealed) int { return cmp.Compare(b.generation, a.generation) })
	return s
}

// journal notes the edits of rows that a sealer or a fold has begun to read, to be applied again to what it makes.
type journal struct {
	entries []journalEntry
}

type journalEntry struct {
	edit
	waiting *waitingRow // the only row meant, or nil
}

// note keeps an edit, if there is a journal.
func (j *journal) note(e *edit, w *waitingRow) {
	if j == nil {
		return
	}
	entry := journalEntry{edit: *e}
	entry.id = slices.Clone(e.id)
	if w != nil {
		at := *w
		entry.waiting = &at
	}
	j.entries = append(j.entries, entry)
}

// apply applies the entries, if there is a journal, to sd, which m has in the place of what was read.
func (j *journal) apply(m *model, sd *sealed, sc *segment.Scratch) error {
	if j == nil {
		return nil
	}
	deleted := false
	for i := range j.entries {
		e := &j.entries[i]
		deleted = deleted || e.deleted
		var err error
		if e.waiting != nil {
			_, err = sd.editWaiting(&e.edit, *e.waiting, sc)
		} else {
			_, err = sd.edit(&e.edit, sc)
		}
		if err != nil {
			return err
		}
	}
	if deleted { // sd was counted with the rows it has lost now
		m.resight()
	}
	return nil
}
