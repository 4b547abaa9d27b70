package engine

import (
	"github.com/residualdb/residual/segment"
)

// A row is (model, version, environment, prediction id, timestamp). Rows of a series that are later than all that is
// stored of it are new; of the others, identity tells which are stored already.

// heldBlocks returns how many decoded blocks look-ups find again: up to heldBlocksMax, of some 128 KiB each, in a share
// of the memory of heads. Sending 3 M rows of 80 series again takes 3.4 s of processor time with 256 of them and 5.4 s
// with one.
func heldBlocks(headBytes int64) int {
	const heldBlocksMax, blockBytes, share = 256, 128 << 10, 16
	return int(min(heldBlocksMax, headBytes/share/blockBytes))
}

// identity finds the stored rows that rows of a batch are, and gives them their values. The publisher owns it.
type identity struct {
	hash   func(id []byte) uint64
	editor sealedEditor

	// stored tells of each row that replace was given last whether it is stored.
	stored []bool
	// looks is the work of looking into sealed segments since takeLooks was called last, as [slice] counts it.
	looks int

	// Scratch.
	keys    []segment.Key
	ids     []segment.HashedID
	segment segment.Scratch
	places  []leafRow
	change  change
}

// replace gives the values of the rows [from, to) of o, which are of one series and month, to the stored rows of the
// same identity, and sets p.stored. A row that is stored with the same values costs no more than the look-up. The
// publisher calls it under the model's lock.
func (p *identity) replace(mo *month, series uint32, o *bySeries, from, to int) (edits monthEdits, err error) {
	p.stored = grown(p.stored, to-from)
	clear(p.stored)
	edits.month = mo
	mo.heads(func(h *head) {
		if s := h.find(series); s != nil {
			p.replaceInHead(h, s, o, from, to, &edits)
		}
	})
	for _, sd := range mo.sealed {
		if err := p.replaceInSealed(sd, series, o, from, to, &edits); err != nil {
			return edits, err
		}
	}
	return edits, nil
}

// monthEdits is what became of a month by changes of its rows.
type monthEdits struct {
	month *month
	// sealed is set when a sealed segment was edited, so that the next checkpoint has to fold it.
	sealed bool
	// bytes is about the memory that the changes take until then.
	bytes int64
}

// apply applies what an editor has collected of a segment of the month.
func (m *monthEdits) apply(editor *sealedEditor) error {
	bytes, err := editor.apply()
	m.sealed = m.sealed || bytes > 0
	m.bytes += bytes
	return err
}

// lookWork and editWork are about the work of looking for a row in a sealed segment and of changing one, as [slice]
// counts it.
const (
	lookWork = 1
	editWork = 64
)

// takeLooks returns the work in sealed segments since it was called last.
func (p *identity) takeLooks() int {
	n := p.looks
	p.looks = 0
	return n
}

// at makes row i of o the change at hand.
func (p *identity) at(o *bySeries, i int) *change {
	p.change = change{
		kind: replaceRow, predicted: o.predicted[i], actual: o.actual[i], known: o.known[i],
		features: o.texts.features.At(i),
	}
	return &p.change
}

func (p *identity) replaceInHead(h *head, s *headSeries, o *bySeries, from, to int, edits *monthEdits) {
	defer h.sum()
	for i := from; i < to; i++ {
		id := o.texts.ids.At(i)
		p.places = h.rowsOf(p.places[:0], s, o.times[i], id)
		for _, r := range p.places {
			p.stored[i-from] = true
			c := p.at(o, i)
			if h.holds(s, r, c) {
				continue
			}
			h.change(s, r, c)
			edits.bytes += int64(len(id) + len(c.features))
			if h.frozen {
				edits.month.sealJournal.note(s.number, o.times[i], id, c)
			}
		}
	}
}

func (p *identity) replaceInSealed(sd *sealed, series uint32, o *bySeries, from, to int, edits *monthEdits) error {
	x := sd.find(series)
	for x != nil && from < to && o.times[to-1] > x.stored.MaxTime {
		to--
	}
	first := from
	for x != nil && first < to && o.times[first] < x.stored.MinTime {
		first++
	}
	if x == nil || first == to {
		return nil
	}
	p.keys = p.keys[:0]
	for i := first; i < to; i++ {
		p.keys = append(p.keys, segment.Key{Time: o.times[i], ID: o.texts.ids.At(i)})
	}
	seg, err := sd.open(&p.segment)
	if err != nil {
		return err
	}
	p.looks += lookWork * len(p.keys)
	p.editor.begin(sd)
	err = seg.FindRows(int(x.index), p.keys, &p.segment, func(key int, r segment.Row) error {
		i := first + key
		p.stored[i-from] = true
		c := p.at(o, i)
		if same, err := p.editor.holds(seg, r, c); same || err != nil {
			return err
		}
		p.looks += editWork
		edits.month.foldJournal.note(series, r.Time, p.keys[key].ID, c)
		p.editor.change(r, c)
		return nil
	})
	if err != nil {
		return segmentError(err)
	}
	return edits.apply(&p.editor)
}
