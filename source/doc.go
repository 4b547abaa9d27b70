// Package source fetches events from where they are: topics of Kafka, buckets of S3, folders.
//
// # Model
//
// A [Runner] runs a *connector* for each [Config]: it reads from one place for one data source, decodes what it reads by the mapping of
// the data source, and stores rows and rejects together with its position, in one record of the log. Positions are the store's; what a
// connector commits outside is for the eyes of others.
//
// # Guarantees
//
// What was read is stored once, whenever the process ends: the position is stored with the rows, or neither is. Nothing is lost that is
// still there to be read; messages that were gone before they were read are counted, see [Counts]. Rows of one partition or file are
// stored in their order.
//
// A connector that fails shows why ([Status]), backs off and is run again; others go on. While the store takes nothing in, a connector
// waits, and what it holds in memory is bounded.
//
// # Concurrency
//
// A Runner is safe for concurrent use. No goroutine outlives [Runner.Close].
//
// # Errors
//
// [Runner.Apply] fails for a configuration that cannot be right, with [ErrConfig]. What goes wrong later is in the Status of a
// connector: a sentence that says what is wrong, and what to do about it.
package source
