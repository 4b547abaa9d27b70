// Package segment keeps the sealed rows of one model and one month in columns, and answers for any window of them without reading the rows.
//
// It is pure data: bytes in, answers out. It does no I/O, takes no locks, starts no goroutines and reads no clock.
//
// # Sums
//
// An [Aggregate] is what is kept of a set of rows. Its sums are exact integers in bins ([Sum]), so the answer to a question does not depend on the
// order in which rows arrived, were sealed or merged: same rows, same bits. Answers are rounded once, at the end.
package segment
