package engine

import (
	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/segment"
)

// actualsRunMax bounds the actuals applied under one hold of a model's lock. Each may decode a block that is sealed
// and sum it anew, which takes about 50 us.
const actualsRunMax = 64

// actualWork is about the work of an actual, as [slice] counts it, where the rows are in heads.
const actualWork = 8

// publishActuals makes actuals count, those of each model in the order of the request, and remembers them for rows to
// come.
func (p *publisher) publishActuals(x *publication) (over bool, err error) {
	for a := x.record.Actuals; x.group < len(a.Models); x.group, x.row = x.group+1, 0 {
		m, _ := p.db.models.Load(a.Models[x.group])
		rows := x.order[x.starts[x.group]:x.starts[x.group+1]]
		for x.row < len(rows) {
			n := min(len(rows)-x.row, actualsRunMax)
			if err := p.publishActualsRun(x, m, rows[x.row:x.row+n]); err != nil {
				return false, err
			}
			x.row += n
			p.shrinkActuals(x.record.Moment()) // not at the end alone: a request may have more than the memory holds
			if p.slice.spent(n*actualWork + p.identity.TakeLooks()) {
				return false, nil
			}
		}
	}
	return true, nil
}

// publishActualsRun publishes some actuals of one model, which is nil if none of its rows has come.
func (p *publisher) publishActualsRun(x *publication, m *catalog.Model, rows []uint32) error {
	a, now := x.record.Actuals, x.record.Moment()
	p.changes = p.changes[:0]
	for _, row := range rows {
		c := catalog.IDChange{HashedID: p.db.hashed(a.IDs.At(int(row))), Scope: a.Scopes[a.ScopeOf[row]]}
		c.Change = head.Change{Kind: head.WithdrawActual}
		if a.Known.Get(int(row)) {
			c.Change = head.Change{Kind: head.SetActual, Actual: a.Values[row], Observed: base.OrDefault(a.Observed[row], now.Latest())}
		}
		p.changes = append(p.changes, c)
	}
	if m != nil {
		if err := p.changeByID(m); err != nil {
			return err
		}
	}
	model := []byte(a.Models[x.group])
	for i, row := range rows {
		c := &p.changes[i]
		p.db.counters.outcomes[c.Outcome()].Add(1)
		p.db.actuals.Put(p.db.hashOf(model, c.ID), &actuals.Actual{
			Model: model, ID: c.ID, Version: []byte(c.Scope.Version), Environment: []byte(c.Scope.Environment),
			Value: c.Actual, Known: c.Kind == head.SetActual, Met: c.Hit,
			Observed: a.Observed[row], Received: now.Latest(), LSN: x.lsn, Line: row,
		}, p.evict(now.Wall))
	}
	return nil
}

// changeByID applies the changes at hand under the model's lock.
func (p *publisher) changeByID(m *catalog.Model) error {
	m.Mu.Lock()
	defer m.Mu.Unlock()
	bytes, err := p.identity.ChangeByID(m, p.changes, func(mo *catalog.Month) { p.db.noteEdited(m, mo) })
	p.db.counters.unsealed.Add(bytes)
	return err
}

// hashed returns a prediction id with its hash.
func (db *DB) hashed(id []byte) segment.HashedID { return segment.HashedID{Hash: db.hash(id), ID: id} }

// publishDeletion removes predictions, and the actuals that are remembered of their ids.
func (p *publisher) publishDeletion(x *publication) (over bool, err error) {
	d := x.record.Deletion
	m, known := p.db.models.Load(d.Model)
	model := []byte(d.Model)
	for x.row < len(d.IDs) {
		ids := d.IDs[x.row:min(len(d.IDs), x.row+actualsRunMax)]
		p.changes = p.changes[:0]
		for _, id := range ids {
			c := catalog.IDChange{HashedID: p.db.hashed([]byte(id)), Change: head.Change{Kind: head.DeleteRow}}
			p.changes = append(p.changes, c)
			p.db.actuals.Forget(p.db.hashOf(model, c.ID), model, c.ID)
		}
		x.row += len(ids)
		if known {
			if err := p.changeByID(m); err != nil {
				return false, err
			}
			for i := range p.changes {
				if p.changes[i].Hit {
					p.db.counters.deleted.Add(1)
				}
			}
		}
		if p.slice.spent(len(ids)*actualWork + p.identity.TakeLooks()) {
			return x.row == len(d.IDs), nil
		}
	}
	return true, nil
}
