package connector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// Feed is the way of one connector into the store. Its fields are immutable.
type Feed struct {
	*Report

	// Source is the name of the data source.
	Source string
	// Mapping says where in an event the columns are.
	Mapping *event.Mapping
	// Sink is the store.
	Sink Sink
	// Refusal returns why nothing may be taken in at the moment, nil if something may. It may be nil.
	Refusal func() error
	// Asked tells a connector that reads on demand to read; it may be nil.
	Asked <-chan struct{}
}

// The time between two attempts to store what the store refuses for a while.
const (
	refusedFirst = 20 * time.Millisecond
	refusedMax   = 2 * time.Second
)

// Positions returns how far each part was read, as it is stored.
func (f *Feed) Positions() map[string]string { return f.Sink.Positions(f.Source) }

// Store stores a load, and empties it. While the store takes nothing in for a reason that passes by itself, such as a lack of memory,
// it waits, and the connector is [Paused]. The error is that of ctx, or one that does not pass without a restart.
func (f *Feed) Store(ctx context.Context, l *Load) error {
	pause := Backoff{First: refusedFirst, Max: refusedMax}
	for {
		done, err := f.append(ctx, l)
		if err == nil {
			f.stored(done, l)
			l.Reset()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !passes(err) {
			return Advise(fmt.Errorf("store rows: %w", err), adviceOf(err))
		}
		f.paused(err)
		if err := pause.Wait(ctx); err != nil {
			return err
		}
	}
}

func (f *Feed) append(ctx context.Context, l *Load) (engine.Appended, error) {
	if f.Refusal != nil {
		if err := f.Refusal(); err != nil {
			return engine.Appended{}, refusal{err}
		}
	}
	origin := engine.Origin{Source: f.Source, Positions: l.positions}
	if f.Mapping.Actuals {
		return f.Sink.AppendActualsFrom(ctx, &l.actuals, origin)
	}
	return f.Sink.AppendFrom(ctx, &l.batch, origin)
}

// refusal is an error of Feed.Refusal.
type refusal struct{ error }

// passes tells whether nothing was stored for a reason that passes by itself.
func passes(err error) bool {
	_, refused := errors.AsType[refusal](err)
	return refused || errors.Is(err, engine.ErrFull) || errors.Is(err, engine.ErrNoSpace) || errors.Is(err, engine.ErrUnavailable)
}

// adviceOf is what to do about an error of the store that does not pass by itself.
func adviceOf(err error) string {
	switch {
	case errors.Is(err, engine.ErrPositionsFull):
		return "give the server a larger --memory-limit, of which positions have a share, or remove files that were read: they are forgotten after a day"
	case errors.Is(err, engine.ErrBatch):
		return "this is a bug: report it with this text; what comes before it is stored"
	}
	return "look at the log of the server, and start it again"
}
