// Package engine is the embeddable store of Residual: predictions in, error metrics and drift out.
//
// # Model
//
// A [DB] is a directory. Its models are made of months, a month of series, one for each (version, environment), and a
// series of rows ordered by time. New rows go to the month's head, an ordered structure in memory whose leaves carry
// aggregates. Heads are sealed into segments, which a checkpoint writes to a pack; merges join segments of a month.
// Queries add up whole leaves, blocks and tree nodes by their aggregates and decode rows only at the edges of a window,
// so that an answer costs the same whatever the window's length.
//
// A row is its model, version, environment, prediction id and time. Sent again, it takes the place of the earlier one,
// see [Duplicates]. An actual is about every row of its model and id, may come before or after them, and the last one
// counts. Changes of sealed rows lie over their segment until the next checkpoint folds them in; all count at once.
// [DB.DeleteRows] deletes by names, ids and times, logged as the condition.
//
// [DB.Rows] reads the rows of a window as they were in one moment. [DB.BeginBackup] holds the store at one LSN while its
// files are copied ([Backup]); [Restore] makes a store of a copy.
//
// # Guarantees
//
// An append that returned nil is durable and visible: its record was written to the log and synced before its rows were
// published, and published before the call returned. A batch is atomic across a crash: all of its rows are there
// afterwards, or none. Nothing is visible that is not durable. A query that runs beside an append may see a part of
// that append's rows, but for [DB.Rows] and [DB.EachRows], which read what was there in one moment.
//
// Sums are exact integers, see package segment: answers are the same bits whatever order rows came in, before and after
// sealing, merging, a checkpoint and a restart.
//
// # Concurrency
//
// A DB is safe for concurrent use. Appends do not retain the batch. Batches are published in the order of the log, but
// for those that take long, which give way to those of other models; queries hold a model's lock for reading, and an append
// lets them in every few hundred rows. They wait longer where a new segment gets the changes that came while it was made, for
// which blocks are decoded, and where rows were deleted. No goroutine outlives Close.
//
// # Errors
//
// See the classes in errors.go; test them with errors.Is. Bad input is an error, a panic that begins with BUG: is a
// fault of this package.
//
// The bytes are described in docs/format-pack.md, what survives which fault in docs/durability.md, the formulas of
// reports in docs/metrics.md.
package engine
