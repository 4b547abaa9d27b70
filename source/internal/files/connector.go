package files

import (
	"context"

	"github.com/residualdb/residual/source/internal/connector"
)

// Connector reads files.
type Connector struct {
	config  Config
	pattern *pattern
	// backlogMax is how many files are kept of a listing.
	backlogMax int
}

// New returns a connector.
func New(config Config) (*Connector, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	return &Connector{config: config.withDefaults(), pattern: newPattern(config.Pattern), backlogMax: backlogMax}, nil
}

// Run implements [connector.Connector].
func (c *Connector) Run(ctx context.Context, f *connector.Feed) error {
	var p place
	if c.config.S3 == nil {
		p = newFolder(&c.config, c.pattern)
	} else {
		b, err := newBucket(&c.config, c.pattern, f.Retry)
		if err != nil {
			return err
		}
		defer b.close()
		p = b
	}
	s, err := newSession(&c.config, f, p)
	if err != nil {
		return err
	}
	s.backlog.max = c.backlogMax
	if err := s.run(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}
