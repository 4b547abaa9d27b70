// Package rows reads the rows of a window: those of one moment, filtered, in an order, in batches of columns.
//
// # Model
//
// A [Query] names series, a window, filters, columns and an order. A snapshot is what the store has of it in one moment of publication:
// views of heads, segments with their edits. It is read in pieces: a block, a part of a leaf, what is staged. What the aggregate of a
// piece, or of a node above it, rules out is not looked at; of a piece the columns that rule out most are read first, and the others
// only if a row is left. A [Condition] looks into the features as the JSON text that they are.
//
// Without an order pieces are read one behind the other. In an order, a ranking reads them in the order of the best row that each may
// have, by numbers alone, until enough rows are found; a gathering then reads ids and features of these. An answer that is longer than
// what is held is made in rounds, each behind the last row of the one before.
//
// Each makes a snapshot (snapshot.go); unordered.go walks its pieces, ranking.go and gathering.go find the first in an order; both
// have them read by a pipeline (pipeline.go) of readers (reader.go).
//
// # Guarantees
//
// The rows of a request are in a snapshot all or not at all, and nothing that happens later is seen. Files that are read are pinned.
// Rows that an order leaves equal come in the order of time, series and prediction id. Memory does not grow with the rows of the
// window, with two exceptions: the snapshot takes about 100 bytes for each series and 50 for each of its months; the order of errors
// takes some 20 bytes for each thousand rows.
//
// # Concurrency
//
// An [Env] is safe for concurrent use. The caller's goroutine makes the snapshot, fills tasks with pieces and hands on batches; as many
// goroutines as there are processors read tasks, while there are some, and end before Each returns. The lock of a model is held, for
// writing, while the snapshot notes where its rows are, by the reader or by who is about to change them ([catalog.Moments]); none is
// held while rows are read or handed on. The store is kept open for each task by itself, so that its end waits for no reader.
//
// # Errors
//
// Those of the context and of the end of the store, and those of reading a segment, of class [base.ErrCorrupt] or [base.ErrVersion],
// with the name of the model.
package rows
