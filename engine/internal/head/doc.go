// Package head is the mutable part of a model's month: the rows that came since the last seal.
//
// # Model
//
// A [Head] has for each series leaves of rows in the order of time and prediction id, each with its aggregate, so that a window
// adds up whole leaves and reads rows only at its edges. The first rows of a series are staged ([Staging]), those of many series
// in one container, until a flush moves them to a leaf. A [Batch] is a request in the order of series and time, ready to be
// added. A stored row is a [Row], which a [Change] changes. A [View] is what a head has of some series in one moment. A [RowMerger]
// brings the rows of several heads into one order.
//
// # Guarantees
//
// What a head answers depends on its rows alone, not on how they came: sums are exact. A row comes behind those of the same
// time and id that came before it.
//
// # Concurrency
//
// A head is guarded by the lock of its model: the publisher writes, queries read. A View, and the [Snapshot] of a sealer, are read
// without the lock, by any number of goroutines: from then on rows go behind those that it has, in the same arrays, and whatever else
// changes does so in a copy, of lists or of a leaf, that is made once. Generations tell what is the head's alone. A Staging
// is written by the publisher alone; rows of it never change, so that they too are read without a lock by whoever learned of them
// under one. A Batch is for one goroutine at a time.
//
// Nothing fails. What cannot be is a panic that says BUG.
package head
