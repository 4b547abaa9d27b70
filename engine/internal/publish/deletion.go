package publish

import (
	"cmp"
	"slices"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/segment"
)

// Aim says what a deletion means, in the form in which models, rows and actuals are held against it.
type Aim struct {
	*record.Deletion

	Rows   catalog.RowSet
	models map[string]bool
	within func(model string) bool
}

// NewAim returns the aim of a deletion. within reads a pattern of models.
func NewAim(d *record.Deletion, within func(pattern string) func(model string) bool) *Aim {
	a := &Aim{Deletion: d, models: setOf(d.Models), within: func(string) bool { return true }}
	if d.Within != "" {
		a.within = within(d.Within)
	}
	a.Rows = catalog.RowSet{
		Versions: setOf(d.Versions), Environments: setOf(d.Environments), IDs: setOf(d.IDs), Window: d.Window,
	}
	return a
}

// setOf returns the set of some names; nil for none, which stands for all.
func setOf(names []string) map[string]bool {
	if len(names) == 0 {
		return nil
	}
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// HasModel tells whether rows of a model are meant.
func (a *Aim) HasModel(name string) bool {
	return (a.models == nil || a.models[name]) && a.within(name)
}

// Fate is what becomes of an actual that is remembered. One is forgotten with the rows of its model, or of its id, all of them: then
// it is about nothing that may ever come. A deletion of some of the rows leaves it to those that are sent again, and it counts as
// met: what it had met may be gone, so that nobody is told that there was nothing. Where actuals themselves are deleted, those go
// that were sent for a version or an environment, if it is named.
func (a *Aim) Fate(x *actuals.Actual) actuals.Fate {
	r := &a.Rows
	if !a.HasModel(string(x.Model)) || r.IDs != nil && !r.IDs[string(x.ID)] {
		return actuals.Kept
	}
	if a.Target == record.TargetActuals {
		if r.HasSeries(catalog.SeriesName{Version: string(x.Version), Environment: string(x.Environment)}) {
			return actuals.Forgotten
		}
		return actuals.Kept
	}
	if r.IsOfAll() {
		return actuals.Forgotten
	}
	overlaps := func(names map[string]bool, name []byte) bool {
		return names == nil || len(name) == 0 || names[string(name)]
	}
	if overlaps(r.Versions, x.Version) && overlaps(r.Environments, x.Environment) {
		return actuals.Settled
	}
	return actuals.Kept
}

// deletion is how far the publication of a deletion is: first come the actuals that are remembered, then rows, model by model.
type deletion struct {
	*Aim

	// judged is set once the actuals have their fate.
	judged bool
	// targets are the models that have to lose rows still, once the actuals are judged.
	targets []*catalog.Model
	ids     []segment.HashedID
	// number and cursor say where in the first of targets it is: the month, and the place there. row is that among ids.
	number base.MonthNumber
	cursor catalog.MonthCursor
	// rows were deleted, and so many actuals forgotten, or rejected lines removed.
	rows, actuals, rejects int
	// found is set once the first of targets has lost a row.
	found bool
}

// publishDeletion deletes what a record says.
func (p *Publisher) publishDeletion(x *Publication) (over bool, err error) {
	d := x.deletion
	if d.Target == record.TargetRejects {
		d.rejects = p.env.EmptyQuarantine(d.Source)
		p.emptied = true
		return true, nil
	}
	if !d.judged {
		if !p.judgeActuals(x) {
			return false, nil
		}
		d.judged = true
		if d.Target == record.TargetActuals {
			return true, nil
		}
		p.deleted.Add(d.Aim)
		p.aim(x)
	}
	for len(d.targets) > 0 {
		step := p.deleteWindow
		if d.Rows.IDs != nil {
			step = p.deleteIDs
		}
		if over, err := step(x, d.targets[0]); err != nil {
			return false, err
		} else if over {
			p.reached(x)
		}
		if p.slice.spent(p.changer.TakeWork()) {
			return len(d.targets) == 0, nil
		}
	}
	return true, nil
}

// judgeActuals gives remembered actuals their fate, those that came before the record.
func (p *Publisher) judgeActuals(x *Publication) (over bool) {
	d := x.deletion
	fate := func(a *actuals.Actual) actuals.Fate {
		if a.LSN >= x.lsn {
			return actuals.Kept
		}
		return d.Fate(a)
	}
	if all, _ := p.actuals.Len(); all == 0 {
		return true
	}
	if len(d.Models) > 0 && len(d.IDs) > 0 { // by their names
		for end := len(d.Models) * len(d.IDs); x.row < end; x.row++ {
			model, id := []byte(d.Models[x.row/len(d.IDs)]), []byte(d.IDs[x.row%len(d.IDs)])
			d.actuals += p.actuals.Judge(p.hashOf(model, id), model, id, fate)
			if p.slice.spent(1) {
				x.row++
				return x.row == end
			}
		}
		return true
	}
	for {
		next, forgotten := p.actuals.JudgeSome(uint32(x.row), fate)
		x.row = int(next)
		d.actuals += forgotten
		if next == 0 {
			return true
		}
		if p.slice.spent(sliceWork) {
			return false
		}
	}
}

// aim finds the models that a deletion is to reach. From here on records of others need not wait for it.
func (p *Publisher) aim(x *Publication) {
	d := x.deletion
	x.row = 0
	if x.done != nil {
		p.deferred.count(x, -1)
		defer p.deferred.count(x, 1)
	}
	d.targets = []*catalog.Model{}
	if d.models != nil {
		for _, name := range slices.Compact(slices.Sorted(slices.Values(d.Models))) {
			if m, ok := p.env.Models.Load(name); ok && d.within(name) {
				d.targets = append(d.targets, m)
			}
		}
	} else {
		p.env.Models.Range(func(name string, m *catalog.Model) bool {
			if d.within(name) {
				d.targets = append(d.targets, m)
			}
			return true
		})
		slices.SortFunc(d.targets, func(a, b *catalog.Model) int { return cmp.Compare(a.Name, b.Name) })
	}
	for _, id := range d.IDs {
		d.ids = append(d.ids, p.hashed([]byte(id)))
	}
	d.beginModel()
}

// beginModel readies the deletion for the first of its targets.
func (d *deletion) beginModel() { d.number, d.cursor, d.found = 0, catalog.MonthCursor{}, false }

// reached lets go of the first of the targets, which has lost its rows.
func (p *Publisher) reached(x *Publication) {
	d := x.deletion
	if x.done != nil {
		countName(&p.deferred.models, d.targets[0].Name, -1)
	}
	d.targets[0] = nil
	d.targets = d.targets[1:]
	x.row = 0
	d.beginModel()
}

// deleteIDs deletes rows of a model by some of the ids.
func (p *Publisher) deleteIDs(x *Publication, m *catalog.Model) (over bool, err error) {
	d := x.deletion
	ids := d.ids[x.row:min(len(d.ids), x.row+changesMax)]
	p.changes = p.changes[:0]
	for _, id := range ids {
		p.changes = append(p.changes, catalog.IDChange{HashedID: id, Of: &d.Rows, Change: head.Change{Kind: head.DeleteRow}})
	}
	if err := p.applyChanges(m); err != nil {
		return false, err
	}
	for i := range p.changes {
		d.rows += p.changes[i].Hits
	}
	x.row += len(ids)
	p.slice.work += len(ids) * changeWork
	return x.row == len(d.ids), nil
}

// deleteWork bounds the work under one hold of a model's lock, in rows that are new: some 50 us, as [runMax] does.
const deleteWork = runMax

// deleteWindow deletes rows of a model that lie in the window, for about as long as the model's lock may be held.
func (p *Publisher) deleteWindow(x *Publication, m *catalog.Model) (over bool, err error) {
	d := x.deletion
	m.LockToChange()
	defer m.Mu.Unlock()
	for i, _ := m.FindMonth(d.number); i < len(m.Months); {
		mo := m.Months[i]
		if d.number != mo.Number {
			d.number, d.cursor = mo.Number, catalog.MonthCursor{}
		}
		if mo.Overlaps(d.Window) {
			done, over, err := p.changer.DeleteWindow(catalog.ModelMonth{Model: m, Month: mo}, &d.Rows, &d.cursor, deleteWork)
			if err != nil {
				return false, err
			}
			d.rows += int(done.Rows)
			d.found = d.found || done.Rows > 0
			p.Counters.Unsealed.Add(done.Bytes)
			p.dropped = append(p.dropped, done.Dropped...)
			if done.Sealed {
				p.noteEdited(m, mo)
			}
			if !over {
				return false, nil
			}
		}
		d.number, d.cursor = mo.Number+1, catalog.MonthCursor{}
		if i++; i < len(m.Months) && p.changer.Work() >= deleteWork {
			return false, nil
		}
	}
	if d.found {
		m.RecountFirst()
	}
	return true, nil
}
