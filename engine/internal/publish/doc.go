// Package publish applies records of the log to memory, where queries see them.
//
// # Model
//
// A [Publication] is one record on its way into memory: predictions become rows of heads or replace the values of rows that
// are stored, actuals and deletions change rows by their prediction ids, and actuals are remembered for rows still to come.
// The [Publisher] works in time slices. A record that takes longer than one is deferred: a worker goes on with it, slice by
// slice, and records of other models are published in between, so that nobody waits for a large request of somebody else.
//
// # Guarantees
//
// Records that have a model in common are published one after the other, in the order of the log, so that memory is what a
// replay of the log would make of it. [Publisher.EndEpoch] parts what is published from what is not: no record is published in
// part on either side. A record that cannot be published ends the store's appends, see [Env]; it is never skipped.
//
// # Concurrency
//
// Publish and EndEpoch are for one goroutine at a time: the log's, or that of recovery. They and the worker take turns under the
// publisher's lock. Under it the lock of a model is taken for at most some hundred rows, never the other way round, so a
// query waits for these and not for a request. Limits and counters are read by anyone at any time.
//
// # Errors
//
// Errors are those of reading sealed segments, of the classes in package base.
package publish
