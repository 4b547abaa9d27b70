// Package idempotency remembers the keys of appends, so that a retry within the [Window] is answered with the outcome of the
// first append and stores nothing.
//
// Of the appends under one key one is under way at a time: [Window.Begin] claims the key, and others wait for [Window.End]. An
// outcome is remembered from [Window.Add] on, until its own time is over or there are too many; so what is remembered depends on
// the calls alone. A Window is safe for concurrent use. The error of a key that comes with another body is of class conflict.
package idempotency
