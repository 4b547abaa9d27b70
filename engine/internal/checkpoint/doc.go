// Package checkpoint moves rows from the care of the log into packs, and keeps what is in packs and in memory as small as it is to be.
//
// # Model
//
// A [Checkpointer] has the files of a store. A checkpoint rotates the log, seals the heads of months that got rows before that, writes their
// segments to one pack, commits a manifest that names it, and only then truncates the log. Merges and retention change the manifest in the same
// way, without the log. A replay that brings more than memory holds spills: it writes packs that no manifest names yet. What sealed segments
// and their indexes occupy is held to its bound by letting go of the columns of the oldest months.
//
// # Guarantees
//
// The log is truncated when the manifest that covers it is durable, and not before: a crash at any moment leaves a manifest and a log that
// together have each row once. An attempt that fails loses nothing, and the next one takes over what it has done; a failure after which it is
// not known what the disk holds ends all further changes ([store.Files.Failure]). Appends and queries go on meanwhile, but that appends
// wait for a checkpoint while the rows that are not sealed take twice their share ([Checkpointer.WaitForHeads]).
//
// # Concurrency
//
// A Checkpointer is safe for concurrent use: its lock is held by one checkpoint, seal, merge or drop at a time, from its begin to its end, and is
// taken before the locks of models. Methods whose names or comments say that it is held are for who holds it; Files and Log are set before
// there is anybody else. WaitForHeads and IndexFor are for the goroutines of requests.
//
// # Errors
//
// Damage of what is read is of class [base.ErrCorrupt], an append that waited in vain gets [base.ErrUnsealed], one whose rows cannot be found
// for now [base.ErrUnavailable].
package checkpoint
