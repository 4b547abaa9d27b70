package kafka

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/residualdb/residual/source/internal/connector"
)

// Connector reads a topic.
type Connector struct {
	config Config
}

// What counts where the configuration does not say.
const (
	lookInterval = 5 * time.Second
	timeout      = 10 * time.Second
)

// New returns a connector.
func New(config Config) (*Connector, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	config.Look = cmp.Or(config.Look, lookInterval)
	config.Timeout = cmp.Or(config.Timeout, timeout)
	return &Connector{config: config}, nil
}

// errAnew ends a session whose topic is not the one that it began with.
var errAnew = errors.New("the topic is another one")

// Run implements [connector.Connector].
func (c *Connector) Run(ctx context.Context, f *connector.Feed) error {
	for {
		err := c.session(ctx, f)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the error is that the run ends
		case errors.Is(err, errAnew):
		default:
			return c.config.explain(err)
		}
	}
}

// session runs a session until ctx ends or something fails.
func (c *Connector) session(ctx context.Context, f *connector.Feed) error {
	client, err := c.config.client()
	if err != nil {
		return err
	}
	defer client.Close()
	s := newSession(&c.config, f, client)
	return s.run(ctx)
}
