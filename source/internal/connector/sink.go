package connector

import (
	"context"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// Sink is the store of rows and positions.
type Sink interface {
	// AppendFrom stores a batch, which may be without rows, and the positions behind it: all or nothing.
	AppendFrom(ctx context.Context, b *event.Batch, o engine.Origin) (engine.Appended, error)
	AppendActualsFrom(ctx context.Context, a *event.Actuals, o engine.Origin) (engine.Appended, error)
	// Positions returns the last value of each part of a data source.
	Positions(source string) map[string]string
	Rules() event.Rules
}

// Connector reads from one place outside.
type Connector interface {
	// Run reads until ctx ends and then returns nil. After any other error it is called again.
	Run(ctx context.Context, f *Feed) error
}
