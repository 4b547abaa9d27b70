// Package positions remembers how far the parts of data sources outside were read.
//
// # Model
//
// A [Position] is the value that a source gave to one of its parts last: an offset to a partition of a topic, a version to an object.
// What part and value mean is up to the source; an empty value forgets the part. A [Memory] holds them all in the order of source and
// part, each in the bytes that it has in a list on disk (docs/format-pack.md), in leaves of some 4 KiB that never change: who sets a
// position makes a leaf anew. So a [Snapshot] copies nothing, and two snapshots share the leaves in between which nothing was set:
// what has changed from one to the other is found by looking at the leaves that they do not share.
//
// # Guarantees
//
// What a memory holds depends on the calls of [Memory.Set] alone and their order. Setting one takes some microseconds whatever the
// memory holds, but for the first one after a snapshot, which copies 24 bytes for each leaf.
//
// # Concurrency
//
// A Memory is safe for concurrent use, a Snapshot does not change.
package positions
