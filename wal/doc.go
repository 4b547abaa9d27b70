// Package wal is the log: opaque records that are on disk before they are acknowledged, and are replayed at the start. It
// knows no schema.
//
// # Model
//
// A log is a directory of log files with ascending numbers. A file is preallocated and filled with records; each record has
// a log sequence number, the LSN, one more than the record before.
//
//	0000000001.log                                  0000000002.log
//	+--------+--------+-----+--------+-----+-----+  +--------+--------+----
//	| file   | record | pad | record | pad | end |  | file   | record | ...
//	| header | record |     |        |     |     |  | header |        |
//	+--------+--------+-----+--------+-----+-----+  +--------+--------+----
//	  4096     group, padded to blocks of 4096         says how file 1 ends
//	           +-----+-----+-----+----------+------+--------+------+-------+----------+---------+
//	  record = | crc | len | lsn | prev crc | file | synced | type | flags | hdr. crc | payload |
//	           +-----+-----+-----+----------+------+--------+------+-------+----------+---------+
//
// [Log.Append] queues a record. One goroutine, the writer, takes what is queued as a group, writes it and syncs it; what is
// queued meanwhile is the next group. There is no timer: a lone client waits for one sync, and a hundred share it. Another
// goroutine, the acknowledger, calls publish for each record of a synced group and then lets its Append return, while the
// writer is busy with the next group.
//
// [Log.Rotate] ends a log file at a [Position]. A caller that has stored what comes before it elsewhere gives it to later Opens
// as Options.Checkpoint and lets [Log.Truncate] delete the files before.
//
// # Guarantees
//
// A nil from Append means that the record survives the death of the process, and under [SyncAlways] that of the machine,
// on a disk that honours flushes. Under [SyncInterval] the machine may take the records of the last interval with it, under
// [SyncNever] those of the newest file. Records are published and replayed in the order of their LSNs, one at a time, and
// whole or not at all. No record is published that is not as durable as the policy has it.
//
// After a crash the newest file may end in a torn tail: what was being written. [Open] cuts it off. Each record testifies
// how far the file was synced before it, and each file header how the file before ended; so damage to what was acknowledged
// is told from a torn tail, and refused with [ErrCorrupt] before anything in the directory is changed. The exception is
// the last group, until a second of idleness, the next group or Close have put a record behind it. docs/durability.md has
// the whole argument.
//
// After a failed write or sync the log is poisoned: nothing is written or synced again before a new Open, which writes
// the newest file anew because its bytes may be in the cache alone. A full disk is no failure: a log file is allocated
// before it is used, so it shows between files, where it stops the log until there is space.
//
// # Concurrency and ownership
//
// A [Log] is safe for concurrent use. Append copies the payload before it waits; a replayed payload is valid during the
// call. The callbacks of Append and Rotate run on the acknowledger and hold up all later ones. They must not Append, Rotate
// or Close; Size, Err and Stats are allowed. The writer and the acknowledger run from Open to the end of Close. A directory
// must not be opened twice at a time: the caller locks it.
//
// # Errors
//
// Nothing was written: [ErrFull], [ErrNoSpace], [ErrUnavailable], [ErrPoisoned], [ErrClosed], [ErrTooLarge], [ErrType],
// and the context's own error. It may have been: [ErrOutcomeUnknown]. From Open: [ErrCorrupt] as a [*CorruptError],
// [ErrForeign], [ErrVersion], and errors of the file system and of replay as they are.
//
// [Verify] reads a log and reports all damage. [Salvage] makes a damaged log one that opens, without what is lost.
//
// The bytes are described in docs/format-wal.md.
package wal
