// Package clickhouse keeps predictions, actuals and all that belongs to them in ClickHouse: one server, or a cluster of shards and
// replicas. A [Store] answers what an engine.DB answers; any number of processes may have one over the same tables.
//
// # Model
//
// A model is on one shard, by the hash of its name: identity, actuals and sums are local to it. The store knows the shards from
// system.clusters and talks to each of them itself; the Distributed tables are there for people.
//
// A row of the table predictions is a version of a prediction: a ReplacingMergeTree keeps the newest one with an actual, and the newest
// without. A reader puts these together, and the actuals of the table actuals, which are all kept: the last one sent counts. Versions are
// times by the clock of the shard's first replica, which are asked for after a request has come: so what is sent after an answer is
// newer, whichever process it is sent to.
//
// Questions are answered by package engine, from series that the table series has and from sums that ClickHouse makes: verdicts and
// formulas have one home.
//
// A [Workspace] is what servers share beside rows, such as tokens: small texts, each change of which takes place as a whole and follows the
// one that it was made from.
//
// # Guarantees
//
// Requests are put together in blocks, each of one shard and month, which is one part: all of it is there or nothing. Requests that become
// several blocks are written whole to the table pending before, and marked as done in the table requests after; what a process leaves there
// without the mark, another one completes. Completing is making the same blocks of it, with the same versions, and storing them again, which
// changes nothing.
//
// When an append returns nil its rows are on disk (fsync_after_insert), or in a majority of replicas (insert_quorum), and every query
// that is begun after sees them, through any process. Where ClickHouse does not say what became of a block it is sent again, and if that
// fails the error is engine.ErrOutcomeUnknown. docs/cluster.md has what else differs from the engine.
//
// # Concurrency
//
// A Store and a Workspace are safe for concurrent use. Appends do not retain the batch. No goroutine outlives Close. Of lists of many series two
// are made at a time, since each keeps what it has of them; another one waits, for 5 s at most.
//
// # Errors
//
// Those of package engine, and the classes in errors.go.
package clickhouse
