package engine

import (
	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/segment"
)

// outcome is what became of an actual.
type outcome uint8

const (
	orphaned  outcome = iota // there is no row that it is about
	joined                   // a row that it is about had none
	corrected                // all rows that it is about had one
	withdrawn                // it was taken back
)

// actualsRunMax bounds the actuals applied under one hold of a model's lock. Each may decode a block that is sealed
// and sum it anew, which takes about 50 us.
const actualsRunMax = 64

// actualWork is about the work of an actual, as [slice] counts it, where the rows are in heads.
const actualWork = 8

// publishActuals makes actuals count, those of each model in the order of the request, and remembers them for rows to
// come.
func (p *publisher) publishActuals(x *publication) (over bool, err error) {
	for a := x.record.actuals; x.group < len(a.Models); x.group, x.row = x.group+1, 0 {
		m, _ := p.db.models.Load(a.Models[x.group])
		rows := x.order[x.starts[x.group]:x.starts[x.group+1]]
		for x.row < len(rows) {
			n := min(len(rows)-x.row, actualsRunMax)
			if err := p.publishActualsRun(x, m, rows[x.row:x.row+n]); err != nil {
				return false, err
			}
			x.row += n
			p.shrinkActuals(x.record.moment()) // not at the end alone: a request may have more than the memory holds
			if p.slice.spent(n*actualWork + p.identity.takeLooks()) {
				return false, nil
			}
		}
	}
	return true, nil
}

// publishActualsRun publishes some actuals of one model, which is nil if none of its rows has come.
func (p *publisher) publishActualsRun(x *publication, m *model, rows []uint32) error {
	a, now := x.record.actuals, x.record.moment()
	p.changes = p.changes[:0]
	for _, row := range rows {
		c := idChange{HashedID: p.db.hashed(a.IDs.At(int(row))), scope: a.Scopes[a.ScopeOf[row]]}
		c.change = change{kind: withdrawActual}
		if a.Known.Get(int(row)) {
			c.change = change{kind: setActual, actual: a.Values[row], observed: orDefault(a.Observed[row], now.latest())}
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
		p.db.counters.outcomes[c.outcome()].Add(1)
		p.db.actuals.Put(p.db.hashOf(model, c.ID), &actuals.Actual{
			Model: model, ID: c.ID, Version: []byte(c.scope.Version), Environment: []byte(c.scope.Environment),
			Value: c.actual, Known: c.kind == setActual, Met: c.hit,
			Observed: a.Observed[row], Received: now.latest(), LSN: x.lsn, Line: row,
		}, p.evict(now.wall))
	}
	return nil
}

// changeByID applies the changes at hand under the model's lock.
func (p *publisher) changeByID(m *model) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	bytes, err := p.identity.changeByID(m, p.changes, func(mo *month) { p.db.noteEdited(m, mo) })
	p.db.counters.unsealed.Add(bytes)
	return err
}

// hashed returns a prediction id with its hash.
func (db *DB) hashed(id []byte) segment.HashedID { return segment.HashedID{Hash: db.hash(id), ID: id} }

// outcome tells what became of an actual that was applied.
func (c *idChange) outcome() outcome {
	switch {
	case c.kind == withdrawActual:
		return withdrawn
	case c.filled:
		return joined
	case c.hit:
		return corrected
	default:
		return orphaned
	}
}

// publishDeletion removes predictions, and the actuals that are remembered of their ids.
func (p *publisher) publishDeletion(x *publication) (over bool, err error) {
	d := x.record.deletion
	m, known := p.db.models.Load(d.model)
	model := []byte(d.model)
	for x.row < len(d.ids) {
		ids := d.ids[x.row:min(len(d.ids), x.row+actualsRunMax)]
		p.changes = p.changes[:0]
		for _, id := range ids {
			c := idChange{HashedID: p.db.hashed([]byte(id)), change: change{kind: deleteRow}}
			p.changes = append(p.changes, c)
			p.db.actuals.Forget(p.db.hashOf(model, c.ID), model, c.ID)
		}
		x.row += len(ids)
		if known {
			if err := p.changeByID(m); err != nil {
				return false, err
			}
			for i := range p.changes {
				if p.changes[i].hit {
					p.db.counters.deleted.Add(1)
				}
			}
		}
		if p.slice.spent(len(ids)*actualWork + p.identity.takeLooks()) {
			return x.row == len(d.ids), nil
		}
	}
	return true, nil
}
