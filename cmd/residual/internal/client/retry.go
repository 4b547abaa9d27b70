package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Pauses between attempts double from the first to the longest, each shortened at random by up to half, so that clients
// refused together do not come back together.
const (
	pauseFirst   = 100 * time.Millisecond
	pauseLongest = 5 * time.Second
)

// pause returns how long to wait after attempt failed attempts. A server's Retry-After is waited for in full.
func pause(attempt int, asked time.Duration) time.Duration {
	longest := min(pauseFirst<<min(attempt, 16), pauseLongest)
	return max(asked, longest-rand.N(longest/2+1))
}

// permanent is an error that the same attempt would end in again.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error as one that ends [Client.Retry], whatever it is; nil stays nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// Retry makes attempts at something that must be safe to do again: until one succeeds, or fails in a way that the next one would, or
// Options.RetryFor has passed since the first failure. It returns the last one's error.
func (c *Client) Retry(ctx context.Context, attempt func() error) error {
	var giveUp time.Time
	for failed := 0; ; failed++ {
		err := attempt()
		if err == nil {
			return nil
		}
		if ends, ok := errors.AsType[permanent](err); ok {
			return ends.error
		}
		if failed == 0 {
			giveUp = c.opts.Now().Add(c.opts.RetryFor)
		}
		asked, again := retryable(err)
		wait := pause(failed, asked)
		if !again || ctx.Err() != nil || c.opts.Now().Add(wait).After(giveUp) || c.opts.Sleep(ctx, wait) != nil {
			return err
		}
	}
}

// retryable reports whether the same request may succeed later, and what the server asked for. A failure on the wire says
// nothing about the outcome; with an idempotency key sending again is safe.
func retryable(err error) (time.Duration, bool) {
	if refused, ok := errors.AsType[*StatusError](err); ok {
		return refused.RetryAfter, refused.Status == http.StatusTooManyRequests || refused.Status == http.StatusServiceUnavailable
	}
	return 0, !errors.Is(err, context.Canceled) && !errors.Is(err, errCutOff)
}

// retryAfter reads the header in either form: seconds, or a date.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
