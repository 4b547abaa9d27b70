// Package query adds up windows: which series a request means, and what the rows of each window of theirs come to. Whole
// leaves, blocks and nodes of the aggregate tree are taken as they are, rows are read only at the edges of a window.
//
// A [Pattern] is the text that a request gives for a model, version or environment; a [Selection] is three of them and picks
// series. A [Plan] is a selection with its windows and what is wanted of them. A [Run] answers one plan, subject by subject: a
// [Subject] is a series, or a [Total] of several. [Rows] makes the rows of a long answer a few at a time, each few under a Run
// of its own.
//
// [Queries] is safe for concurrent use. A Run and a Rows are for one goroutine. A model is locked for reading while its rows
// are added up, one model at a time, and a loop over a Run must not lock another. Rows hands on its rows without a lock.
//
// The errors are those of the context, and of reading a segment, of class [base.ErrCorrupt] or [base.ErrVersion].
package query
