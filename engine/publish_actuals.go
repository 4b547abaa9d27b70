package engine

import (
	"time"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/segment"
)

// outcome is what became of an actual.
type outcome uint8

const (
	orphaned  outcome = iota // no row of its id
	joined                   // a row of its id had none
	corrected                // all rows of its id had one
	withdrawn                // it was taken back
)

// actualsRunMax bounds the actuals applied under one hold of a model's lock. Each may decode a block that is sealed and sum
// it anew, which takes about 50 us.
const actualsRunMax = 64

// publishActuals makes actuals count, in the order of the request for each model, and remembers them for rows to come.
func (p *publisher) publishActuals(lsn uint64, r *record) error {
	begin := time.Now()
	a := r.actuals
	p.groupBy(a.ModelOf, len(a.Models))
	for i, name := range a.Models {
		rows := p.order[p.starts[i]:p.starts[i+1]]
		m, _ := p.db.models.Load(name)
		for len(rows) > 0 {
			n := min(len(rows), actualsRunMax)
			if err := p.publishActualsRun(lsn, r, name, m, rows[:n]); err != nil {
				return err
			}
			rows = rows[n:]
		}
	}
	p.db.counters.batches.Add(1)
	p.db.counters.applyNanos.Add(uint64(time.Since(begin)))
	return nil
}

// publishActualsRun publishes some actuals of one model, which is nil if none of its rows has come.
func (p *publisher) publishActualsRun(lsn uint64, r *record, name string, m *model, rows []uint32) error {
	a, now := r.actuals, r.moment()
	p.changes = p.changes[:0]
	for _, row := range rows {
		id := a.IDs.At(int(row))
		c := idChange{HashedID: segment.HashedID{Hash: p.db.hash(id), ID: id}, scope: a.Scopes[a.ScopeOf[row]]}
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
	model := []byte(name)
	for i, row := range rows {
		c := &p.changes[i]
		p.db.counters.outcomes[c.outcome()].Add(1)
		p.db.actuals.Put(p.db.hashOf(model, c.ID), &actuals.Actual{
			Model: model, ID: c.ID, Version: []byte(c.scope.Version), Environment: []byte(c.scope.Environment),
			Value: c.actual, Known: c.kind == setActual, Met: c.hit,
			Observed: a.Observed[row], Received: now.latest(), LSN: lsn, Line: row,
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

// delete removes predictions and the actuals that are remembered for them.
func (p *publisher) delete(d *deletion) error {
	m, known := p.db.models.Load(d.model)
	model := []byte(d.model)
	for len(d.ids) > 0 {
		n := min(len(d.ids), actualsRunMax)
		p.changes = p.changes[:0]
		for _, id := range d.ids[:n] {
			id := []byte(id)
			p.changes = append(p.changes, idChange{HashedID: segment.HashedID{Hash: p.db.hash(id), ID: id}, change: change{kind: deleteRow}})
			p.db.actuals.Forget(p.db.hashOf(model, id), model, id)
		}
		d.ids = d.ids[n:]
		if !known {
			continue
		}
		if err := p.changeByID(m); err != nil {
			return err
		}
		for i := range p.changes {
			if p.changes[i].hit {
				p.db.counters.deleted.Add(1)
			}
		}
	}
	return nil
}
