package engine

import (
	"context"
	"fmt"

	"github.com/residualdb/residual/engine/internal/record"
	"github.com/residualdb/residual/event"
)

// AppendActuals stores actuals that came after their predictions, or before. When it returns nil they are durable and
// count: each is the actual of every prediction of its model, id and scope from here on, in the place of an earlier
// one, and is remembered for those still to come, within [Options.ActualsTTL] and [Options.ActualsBytes]. One that is
// not known takes the earlier one back. Otherwise it is as Append.
func (db *DB) AppendActuals(ctx context.Context, a *event.Actuals) (Appended, error) {
	return db.appendActuals(a, func(r record.Record) (Appended, error) { return db.submit(ctx, r) })
}

// AppendActualsOnce is to AppendActuals what AppendOnce is to Append.
func (db *DB) AppendActualsOnce(ctx context.Context, a *event.Actuals, key Key) (Appended, error) {
	return db.appendActuals(a, func(r record.Record) (Appended, error) { return db.submitOnce(ctx, r, key) })
}

func (db *DB) appendActuals(a *event.Actuals, submit func(record.Record) (Appended, error)) (Appended, error) {
	if err := db.begin(); err != nil {
		return Appended{}, err
	}
	defer db.end()
	if err := checkActuals(a); err != nil {
		return Appended{}, err
	}
	return submit(record.Record{Actuals: a})
}

func checkActuals(a *event.Actuals) error {
	n := a.Len()
	if len(a.ModelOf) != n || len(a.ScopeOf) != n || len(a.Known) != (n+63)/64 || len(a.Observed) != n ||
		a.IDs.Len() != n {
		return fmt.Errorf("%w: columns of different lengths", ErrBatch)
	}
	if len(a.Scopes) > n {
		return fmt.Errorf("%w: more scopes than rows", ErrBatch)
	}
	for i, v := range a.Values {
		if int(a.ModelOf[i]) >= len(a.Models) {
			return fmt.Errorf("%w: row %d is of model %d, there are %d", ErrBatch, i, a.ModelOf[i], len(a.Models))
		}
		if int(a.ScopeOf[i]) >= len(a.Scopes) {
			return fmt.Errorf("%w: row %d is of scope %d, there are %d", ErrBatch, i, a.ScopeOf[i], len(a.Scopes))
		}
		if !isFinite(v) {
			return fmt.Errorf("%w: row %d holds a value that is not finite", ErrBatch, i)
		}
		if v != 0 && !a.Known.Get(i) {
			return fmt.Errorf("%w: row %d withdraws an actual and holds one", ErrBatch, i)
		}
	}
	return nil
}

// Delete removes every prediction of the model with one of the ids, and the actuals that are remembered of them. It is
// durable and visible when it returns nil. Ids that are not there are no error.
func (db *DB) Delete(ctx context.Context, model string, ids ...string) error {
	if err := db.begin(); err != nil {
		return err
	}
	defer db.end()
	_, err := db.submit(ctx, record.Record{Deletion: &record.Deletion{Model: model, IDs: ids}})
	return err
}
