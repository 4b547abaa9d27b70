package pipes

import (
	"context"
	"iter"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi/internal/encode"
)

const (
	// pullBytes is what a query takes whose rows come one by one: those that the store makes at one time, and a stack.
	pullBytes = 256 << 10
)

// each hands on the rows of an answer to q one by one, until yield returns false.
type each[Q, R any] func(ctx context.Context, q Q, yield func(row *R) bool) (engine.Read, error)

// pull answers with the rows of rows, as many as a batch holds; the table gets the others when these are written. What the
// question holds meanwhile is charged like a long answer, because it may come to be one.
//
// ctx bounds the time to the first batch. The time of what comes later is bounded by Limits.AnswerTimeout, unless the
// answer is unending.
func pull[Q, R any](ctx context.Context, ask *Question, rows each[Q, R], q Q, add func(t *encode.Table, row *R)) error {
	streams, within, charged, told := ask.Streams, ask.Within, ask.holds, ask.tell
	if charged > 0 {
		if err := streams.Charge(charged); err != nil {
			return err
		}
	}
	own, cancel := context.WithCancel(context.Background())
	if !ask.Unending {
		own, cancel = context.WithTimeout(context.Background(), ask.Longest)
	}
	release := context.AfterFunc(ctx, cancel)
	var read engine.Read
	var err error
	next, stop := iter.Pull(func(yield func(*R) bool) { read, err = rows(own, q, yield) })
	ask.Table.More = func(t *encode.Table) error {
		for !t.Full() {
			row, ok := next()
			if !ok {
				t.More = nil
				tellRead(t, read, within)
				if told != nil {
					told(t)
				}
				return err
			}
			add(t, row)
		}
		return nil
	}
	ask.Table.Done = func() {
		stop()
		cancel()
		streams.Give(charged)
		charged = 0
	}
	failed := ask.Table.More(ask.Table)
	if !release() && ctx.Err() != nil {
		return ctx.Err()
	}
	return failed
}
