// Package export stores rows that a server answers as files: one file, a stream, or a folder that is partitioned by month and
// model.
//
// An answer is stored as it comes, so a file has the bytes of the pipe, compressed if asked for, and a row takes no memory here. What
// is written to a file goes under a temporary name, is synced, and is renamed when the answer was whole: a file under its own name is
// never cut short. An answer that breaks off is asked for again, from its beginning.
//
// A folder takes one request and one file for each model and month ([Part]). Its state file says what was asked; with it an export
// that was ended goes on with the partitions that are missing, and another question is refused. A lock on it keeps two exports apart.
//
// An [Export] is for one call at a time. OnProgress is called by several goroutines.
package export
