package kafka

import (
	"context"
	"errors"

	"github.com/residualdb/residual/source/internal/connector"
)

// Connector reads a topic.
type Connector struct {
	config Config
}

// New returns a connector.
func New(config Config) (*Connector, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	return &Connector{config: config}, nil
}

// Run implements [connector.Connector].
func (c *Connector) Run(ctx context.Context, _ *connector.Feed) error {
	if ctx.Err() != nil {
		return nil
	}
	return errors.New("kafka: not read yet")
}
