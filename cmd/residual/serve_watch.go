package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/residualdb/residual/engine"
)

// A store whose disk has failed takes no events any more and answers queries. The process ends after failLimit, so that
// whoever watches it starts another, which finds out what the disk has.
const (
	failLimit     = 5 * time.Second
	watchInterval = 100 * time.Millisecond
)

var errStoreFailed = errors.New("the store has failed and needs a restart")

// watch returns an error when the store has been failed for limit, nil when ctx ends.
func watch(ctx context.Context, db interface{ Health() engine.Health }, log *slog.Logger, limit time.Duration) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	var reason string
	var end <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-end:
			return fmt.Errorf("%w: %s", errStoreFailed, reason)
		case <-tick.C:
			if h := db.Health(); h.Failed && end == nil {
				reason, end = h.Reason, time.After(limit)
				log.Error("the store has failed; queries are answered until the process ends", "reason", reason, "after", limit)
			}
		}
	}
}
