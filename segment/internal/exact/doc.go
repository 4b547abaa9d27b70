// Package exact adds numbers without rounding, and rounds once when it is asked.
//
// A [Sum] keeps the leading bits of a sum of non-negative numbers as an integer. Its state depends on the numbers alone,
// not on the order in which they came nor on how they were grouped, so answers made of it are the same bits after every
// merge, replay and late row. [Moments] are the three sums that mean, size and spread of a column of numbers are made
// of; [Errors] are those of the differences between two columns; [Quotients] add what is a ratio in each row. A [Batch]
// adds many rows at once and leaves the same state as row by row.
//
// Numbers must be finite, and at most 2^32 of them fit into a Sum. Nothing here is safe for concurrent use. Reading a
// stored Sum is the only thing that can fail: the fault is in the [columns.Cursor].
package exact
