// Package head is the mutable part of a model's month: the rows that came since the last seal.
//
// A [Head] has for each series leaves of rows in the order of (time, id), each with its aggregate, so that a window adds up
// whole leaves and reads rows only at its edges. The first rows of a series are staged, many series in one container, until
// they are worth a leaf. A [Batch] is a decoded request in the order of series and time, ready to be added.
//
// A head is guarded by the lock of its model: the publisher writes, queries read. Once frozen no row is added to it any
// more; a row of it that changes then gets a copy of its leaf, because a sealer reads the leaves without the lock.
package head
