// Package idempotency remembers the keys of appends, so that a retry within the window is answered with the outcome of the
// first append and stores nothing. The window is bounded in keys and in time. A Window is safe for concurrent use. The error
// of a key that comes with another body is of class conflict.
package idempotency
