// Package segment keeps the sealed rows of one model and one month in columns, and answers for any window of them
// without reading the rows.
//
// It is pure data: bytes in, answers out. It does no I/O, takes no locks, starts no goroutines and reads no clock;
// scratch memory is passed in. Sketches of edited blocks, which the first reader makes, reach the others by an atomic pointer.
//
// # Model
//
// A segment holds rows grouped by series (version and environment), each series sorted by time, then prediction id.
// Rows lie in blocks of up to a thousand, which end with the hour where a series is dense. A [Builder] makes a segment
// from sorted [Columns], or [Merge] from other segments; [Open] reads its directory, and from then on a [Segment]
// fetches single blocks from a [Source]. What is stored never changes; an [Edit] lies over it in memory until a merge
// folds it in. Rows are found by series, time and id ([Segment.FindRows]), or by their id alone ([Segment.FindIDs]).
//
// Each block has an [Aggregate]: counts, bounds of time, and sums for the regression metrics. Over the blocks of a
// series stands a tree of aggregates, so [Segment.AddWindow] merges a few dozen of them, whatever its length, and decodes
// a few of the strips of 128 rows that the two blocks at its boundaries consist of. [Sketches], for quantiles, lie in a tree of
// their own, which is read only if they are wanted.
//
// # Sums and encodings
//
// Sums are exact (package segment/internal/exact), and so are the counts of sketches (segment/internal/sketch). The
// answer to a question does not depend on the order in which rows arrived, nor on how they were sealed and merged: same
// rows, same bits. Answers are rounded once, at the end. Nothing is ever subtracted from a running total.
//
// Each column of each block is stored in the cheapest of its forms, and read back to the bit (segment/internal/encoding).
// An actual that is not known is told by a bitmap; its place in the column of actuals holds zero. Numbers are finite: a
// Builder refuses others.
//
// # Concurrency and ownership
//
// Reading a Segment is safe for concurrent use, each goroutine with a [Scratch] of its own, but not beside
// [Segment.Edit]; a [Segment.Snapshot] may be read meanwhile. All other types are for one goroutine at a time. Decoded
// columns belong to the caller and alias nothing.
//
// # Errors
//
// [ErrCorrupt], [ErrVersion], [ErrInvalid]; errors of a Source come through wrapped. On an error the destination holds
// no meaning.
//
// The bytes are described in docs/format-segment.md.
package segment
