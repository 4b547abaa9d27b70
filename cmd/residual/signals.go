package main

import (
	"context"
	"os/signal"
	"syscall"
)

// untilInterrupt returns a context that ends with SIGINT or SIGTERM.
func untilInterrupt(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
}
