// Package commit takes the record of a request to where queries see it, from the claim of its idempotency key to the answer.
//
// A [Pipeline] has a record encoded, appended to the log and published, in this order. When [Pipeline.Commit] returns nil the record is as durable
// as the log is told to make it, and the next query sees it; a record under a key that is known is not stored, and gets what became of the
// first. An error of class [base.ErrOutcomeUnknown] says that it may or may not survive a restart, any other that nothing was stored.
//
// A Pipeline is safe for concurrent use. It keeps no record longer than the call.
package commit
