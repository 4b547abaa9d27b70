package publish

import (
	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/segment"
)

// changesMax bounds the changes by id that are applied under one hold of a model's lock. Each may decode a block that is
// sealed and sum it anew, which takes about 50 us.
const changesMax = 64

// changeWork is about the work of such a change, as [timeSlice] counts it, where the rows are in heads.
const changeWork = 8

// publishActuals applies actuals, those of each model in the order of the request, and remembers them for rows to come.
func (p *Publisher) publishActuals(x *Publication) (over bool, err error) {
	for models := x.record.Actuals.Models; x.group < len(models); x.group++ {
		m, _ := p.env.Models.Load(models[x.group])
		for end := int(x.starts[x.group+1]); x.row < end; {
			rows := x.order[x.row:min(end, x.row+changesMax)]
			if err := p.applyActuals(x, m, rows); err != nil {
				return false, err
			}
			x.row += len(rows)
			p.shrinkActuals(x.record.Moment()) // not at the end alone: a request may have more than the memory holds
			if p.slice.spent(len(rows)*changeWork + p.changer.TakeWork()) {
				return x.row == len(x.order), nil
			}
		}
	}
	return true, nil
}

// applyActuals applies some actuals of one model, which is nil if none of its rows has come.
func (p *Publisher) applyActuals(x *Publication, m *catalog.Model, rows []uint32) error {
	a, now := x.record.Actuals, x.record.Moment()
	p.changes = p.changes[:0]
	for _, row := range rows {
		c := catalog.IDChange{HashedID: p.hashed(a.IDs.At(int(row))), Scope: a.Scopes[a.ScopeOf[row]]}
		c.Change = head.Change{Kind: head.WithdrawActual}
		if a.Known.Get(int(row)) {
			c.Change = head.Change{Kind: head.SetActual, Actual: a.Values[row], Observed: base.OrDefault(a.Observed[row], now.Latest())}
		}
		p.changes = append(p.changes, c)
	}
	if err := p.applyChanges(m); err != nil {
		return err
	}
	model := []byte(a.Models[x.group])
	for i, row := range rows {
		c := &p.changes[i]
		p.Counters.Applied[c.Outcome()].Add(1)
		p.actuals.Put(p.hashOf(model, c.ID), &actuals.Actual{
			Model: model, ID: c.ID, Version: []byte(c.Scope.Version), Environment: []byte(c.Scope.Environment),
			Value: c.Actual, Known: c.Kind == head.SetActual, Met: c.Hits > 0,
			Observed: a.Observed[row], Received: now.Latest(), LSN: x.lsn, Line: row,
		}, p.evict(now.Wall))
	}
	return nil
}

// applyChanges applies the changes at hand to the rows of a model. It is nil if it has none.
func (p *Publisher) applyChanges(m *catalog.Model) error {
	if m == nil {
		return nil
	}
	m.LockToChange()
	defer m.Mu.Unlock()
	bytes, err := p.changer.ChangeByID(m, p.changes, func(mo *catalog.Month) { p.noteEdited(m, mo) })
	p.Counters.Unsealed.Add(bytes)
	return err
}

// hashed returns a prediction id with its hash.
func (p *Publisher) hashed(id []byte) segment.HashedID {
	return segment.HashedID{Hash: p.env.Hash(id), ID: id}
}

// hashOf is the hash of a model and a prediction id by which actuals are remembered.
func (p *Publisher) hashOf(model, id []byte) uint64 {
	return p.env.Hash(model)*0x9E3779B97F4A7C15 ^ p.env.Hash(id)
}
