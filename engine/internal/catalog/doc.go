// Package catalog is what the engine knows in memory: models, their series and months, and of each month the head that takes
// new rows, the frozen heads on their way to a segment, and the sealed segments. A row is in exactly one of these.
//
// # Model
//
// A [Model] has [Month] for each month of its rows, and numbers its series. A [Segment] is an immutable segment with what lies
// over it: changes of its rows, until a checkpoint folds them in, and an index of ids once one is looked for. [RowChanger] finds
// rows by series, time and id, or by id alone, and changes them. While a sealer or a merge reads without the lock, a [Redo] notes
// the changes for the segment that it makes.
//
// [Moments] show a reader all models as they were in one moment, while others go on to change them.
//
// Of the versions in an environment a model knows which one "latest" stands for (latest.go), and [Cardinality] counts models,
// months and series for the limits on them. An [Indexer] makes the indexes of ids ahead of a request with actuals, within a bound on
// their memory.
//
// # Concurrency
//
// The lock of a model, Mu, guards the model and everything below it; two models never wait for each other, and no goroutine
// holds two of these locks. The publisher adds and changes rows under it. A sealer and a merge take it to begin, when they get
// what they read and start a Redo, and to end, when they put the new segment in place and apply the Redo. Queries read under it.
// What is atomic, or says that it never changes, may be read without it. A RowChanger is the publisher's; an [Indexer] is safe for
// concurrent use.
//
// Errors are those of reading segments: of class corrupt or version.
package catalog
