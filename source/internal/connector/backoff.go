package connector

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff is the time between attempts: it doubles from First to Max, each with a jitter of a half.
type Backoff struct {
	First, Max time.Duration

	next time.Duration
}

// Next returns how long to wait before the next attempt.
func (b *Backoff) Next() time.Duration {
	d := min(max(b.next, b.First), b.Max)
	b.next = 2 * d
	return d/2 + rand.N(d/2+1)
}

// Reset begins anew, after an attempt that succeeded.
func (b *Backoff) Reset() { b.next = 0 }

// Wait waits for the time of Next. The error is that of ctx.
func (b *Backoff) Wait(ctx context.Context) error { return Sleep(ctx, b.Next()) }

// Sleep waits for some time. The error is that of ctx.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
