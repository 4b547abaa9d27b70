package catalog

import (
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/segment"
)

// A row is (model, version, environment, prediction id, timestamp). Rows of a series that are later than all that is
// stored of it are new; of the others, identity tells which are stored already.

// HeldBlocks returns how many decoded blocks look-ups find again: up to heldBlocksMax, of some 128 KiB each, in a share
// of the memory of heads. Sending 3 M rows of 80 series again takes 3.4 s of processor time with 256 of them and 5.4 s
// with one.
func HeldBlocks(headBytes int64) int {
	const heldBlocksMax, blockBytes, share = 256, 128 << 10, 16
	return int(min(heldBlocksMax, headBytes/share/blockBytes))
}

// Identity finds the stored rows that rows of a batch are, and gives them their values. The publisher owns it.
type Identity struct {
	Hash   func(id []byte) uint64
	Editor SegmentEditor

	// Stored tells of each row that replace was given last whether it is stored.
	Stored []bool
	// looks is the work of looking into sealed segments since takeLooks was called last, as [slice] counts it.
	looks int

	// Scratch.
	keys    []segment.Key
	ids     []segment.HashedID
	Segment segment.Scratch
	places  []head.LeafRow
	change  head.Change
}

// Replace gives the values of the rows [from, to) of o, which are of one series and month, to the stored rows of the
// same identity, and sets p.stored. A row that is stored with the same values costs no more than the look-up. The
// publisher calls it under the model's lock.
func (p *Identity) Replace(mo *Month, series uint32, o *head.Batch, from, to int) (edits monthEdits, err error) {
	p.Stored = base.Grown(p.Stored, to-from)
	clear(p.Stored)
	edits.month = mo
	mo.Heads(func(h *head.Head) {
		if s := h.Find(series); s != nil {
			p.replaceInHead(h, s, o, from, to, &edits)
		}
	})
	for _, sd := range mo.Segments {
		if err := p.replaceInSealed(sd, series, o, from, to, &edits); err != nil {
			return edits, err
		}
	}
	return edits, nil
}

// monthEdits is what became of a month by changes of its rows.
type monthEdits struct {
	month *Month
	// Sealed is set when a sealed segment was edited, so that the next checkpoint has to fold it.
	Sealed bool
	// Bytes is about the memory that the changes take until then.
	Bytes int64
}

// apply applies what an editor has collected of a segment of the month.
func (m *monthEdits) apply(editor *SegmentEditor) error {
	bytes, err := editor.apply()
	m.Sealed = m.Sealed || bytes > 0
	m.Bytes += bytes
	return err
}

// lookWork and editWork are about the work of looking for a row in a sealed segment and of changing one, as [slice]
// counts it.
const (
	lookWork = 1
	editWork = 64
)

// TakeLooks returns the work in sealed segments since it was called last.
func (p *Identity) TakeLooks() int {
	n := p.looks
	p.looks = 0
	return n
}

// at makes row i of o the change at hand.
func (p *Identity) at(o *head.Batch, i int) *head.Change {
	p.change = head.Change{
		Kind: head.ReplaceRow, Predicted: o.Predicted[i], Actual: o.Actual[i], Known: o.Known[i],
		Features: o.Features(i),
	}
	return &p.change
}

func (p *Identity) replaceInHead(h *head.Head, s *head.Series, o *head.Batch, from, to int, edits *monthEdits) {
	defer h.Sum()
	for i := from; i < to; i++ {
		id := o.ID(i)
		p.places = h.RowsOf(p.places[:0], s, o.Times[i], id)
		for _, r := range p.places {
			p.Stored[i-from] = true
			c := p.at(o, i)
			if h.Holds(s, r, c) {
				continue
			}
			h.Change(s, r, c)
			edits.Bytes += int64(len(id) + len(c.Features))
			if h.Frozen {
				edits.month.SealRedo.Note(s.Number, o.Times[i], id, c)
			}
		}
	}
}

func (p *Identity) replaceInSealed(sd *Segment, series uint32, o *head.Batch, from, to int, edits *monthEdits) error {
	x := sd.Find(series)
	for x != nil && from < to && o.Times[to-1] > x.Stored.MaxTime {
		to--
	}
	first := from
	for x != nil && first < to && o.Times[first] < x.Stored.MinTime {
		first++
	}
	if x == nil || first == to {
		return nil
	}
	p.keys = p.keys[:0]
	for i := first; i < to; i++ {
		p.keys = append(p.keys, segment.Key{Time: o.Times[i], ID: o.ID(i)})
	}
	seg, err := sd.Open(&p.Segment)
	if err != nil {
		return err
	}
	p.looks += lookWork * len(p.keys)
	p.Editor.begin(sd)
	err = seg.FindRows(int(x.Index), p.keys, &p.Segment, func(key int, r segment.Row) error {
		i := first + key
		p.Stored[i-from] = true
		c := p.at(o, i)
		if same, err := p.Editor.holds(seg, r, c); same || err != nil {
			return err
		}
		p.looks += editWork
		edits.month.MergeRedo.Note(series, r.Time, p.keys[key].ID, c)
		p.Editor.change(r, c)
		return nil
	})
	if err != nil {
		return base.SegmentError(err)
	}
	return edits.apply(&p.Editor)
}
