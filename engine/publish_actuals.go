package engine

import (
	"time"

	"github.com/residualdb/residual/event"
)

// publishActuals makes actuals count, in the order of the request for each model.
func (p *publisher) publishActuals(lsn uint64, r *record) error {
	begin := time.Now()
	a := r.actuals
	p.groupBy(a.ModelOf, len(a.Models))
	for i, name := range a.Models {
		rows := p.order[p.starts[i]:p.starts[i+1]]
		m, known := p.db.models.Load(name)
		for len(rows) > 0 {
			n := min(len(rows), publishRowsMax)
			if !known {
				p.orphan(lsn, r, name, rows[:n])
			} else if err := p.settleRun(lsn, r, m, rows[:n]); err != nil {
				return err
			}
			rows = rows[n:]
		}
	}
	p.db.counters.batches.Add(1)
	p.db.counters.applyNanos.Add(uint64(time.Since(begin)))
	return nil
}

// actualBytes is what an actual takes at most until a checkpoint folds it, about: 40 bytes in a leaf of fills, the rest in
// the index that the first correction makes. Both together measured 146.
const actualBytes = 144

// settleRun settles actuals of one model under one hold of its lock.
func (p *publisher) settleRun(lsn uint64, r *record, m *model, rows []uint32) error {
	a := r.actuals
	p.settler.generation = p.db.generation
	var unmatched []uint32
	m.mu.Lock()
	for _, row := range rows {
		// INTERIM: scopes are ignored and withdrawals skipped until the engine knows them.
		if !a.Known.Get(int(row)) {
			continue
		}
		id := a.IDs.At(int(row))
		e := edit{hash: p.db.hash(id), id: id, actual: a.Values[row], observed: orDefault(a.Observed[row], r.at)}
		became, err := m.settle(&e, &p.settler)
		if err != nil {
			m.mu.Unlock()
			return err
		}
		if became == orphaned {
			unmatched = append(unmatched, row)
		} else {
			p.db.counters.settled[became].Add(1)
		}
	}
	m.mu.Unlock()
	p.db.counters.unsealed.Add(int64(len(rows)-len(unmatched)) * actualBytes)
	p.orphan(lsn, r, m.name, unmatched)
	return nil
}

// orphan keeps actuals that have no prediction.
func (p *publisher) orphan(lsn uint64, r *record, model string, rows []uint32) {
	a := r.actuals
	p.db.counters.settled[orphaned].Add(uint64(len(rows)))
	modelHash := p.db.hash([]byte(model))
	for _, row := range rows {
		if !a.Known.Get(int(row)) {
			continue // INTERIM: as in settleRun
		}
		id := a.IDs.At(int(row))
		p.db.orphans.add(orphanKey{modelHash, p.db.hash(id)}, orphan{
			model: model, id: string(id), actual: a.Values[row], observed: a.Observed[row],
			received: r.moment().latest(), lsn: lsn, line: int(row),
		})
	}
}

// expireOrphans quarantines the actuals whose time is over. Every record does it, by its own time, so that a replay comes to
// the same.
func (p *publisher) expireOrphans(now moment) {
	for _, x := range p.db.orphans.expire(now.past() - p.db.opts.ActualsTTL.Milliseconds()) {
		p.db.counters.quarantined[event.CodeOrphan].Add(1)
		p.db.quarantine.addRow(x.reject(now.wall))
	}
}

// delete removes predictions and the actuals that wait for them.
func (p *publisher) delete(d *deletion) error {
	p.settler.generation = p.db.generation
	m, known := p.db.models.Load(d.model)
	for _, id := range d.ids {
		e := edit{hash: p.db.hash([]byte(id)), id: []byte(id), deleted: true}
		p.db.orphans.take(orphanKey{p.db.hash([]byte(d.model)), e.hash})
		if !known {
			continue
		}
		if err := p.deleteOne(m, &e); err != nil {
			return err
		}
	}
	return nil
}

func (p *publisher) deleteOne(m *model, e *edit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	hit, err := m.remove(e, &p.settler)
	if hit {
		p.db.counters.deleted.Add(1)
	}
	return err
}
