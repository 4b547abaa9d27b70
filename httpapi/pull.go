package httpapi

import (
	"context"
	"iter"

	"github.com/residualdb/residual/engine"
)

// pullBytes is what a query takes whose rows come one by one: those that the store makes at one time, and a stack.
const pullBytes = 256 << 10

// each hands on the rows of an answer one by one, until yield returns false.
type each[R any] func(ctx context.Context, yield func(row *R) bool) (engine.Read, error)

// pull answers with the rows of rows, as many as a batch holds; the table gets the others when these are written. Where
// the query is wide, about any number of series, it is charged like a long answer, because it may come to be one.
//
// ctx bounds the time to the first batch. The time of what comes later is bounded by Limits.AnswerTimeout.
func pull[R any](ctx context.Context, c *call, wide bool, rows each[R], add func(t *table, row *R)) error {
	streams, charged := &c.server.streams, int64(0)
	if wide {
		if charged = pullBytes; !streams.charge(charged) {
			return c.server.overAnswers(charged)
		}
	}
	limits := &c.server.limits
	own, cancel := context.WithTimeout(context.Background(), limits.QueryTimeout+limits.AnswerTimeout)
	release := context.AfterFunc(ctx, cancel)
	var read engine.Read
	var err error
	next, stop := iter.Pull(func(yield func(*R) bool) { read, err = rows(own, yield) })
	c.table.more = func(t *table) error {
		for !t.full() {
			row, ok := next()
			if !ok {
				t.more = nil
				t.read(read)
				return err
			}
			add(t, row)
		}
		return nil
	}
	c.table.done = func() {
		stop()
		cancel()
		streams.budget.give(charged)
		charged = 0
	}
	failed := c.table.more(&c.table)
	if !release() && ctx.Err() != nil {
		return ctx.Err()
	}
	return failed
}
