// Package backup copies a store to a place of backups and back. What it promises is documented with engine.Backup, engine.Restore
// and engine.VerifyBackup; docs/durability.md has the order of steps, docs/format-backup.md the bytes.
//
// # Model
//
// A [Moment] is a store at one LSN: its manifest, the packs and lists that this names, and the log behind it. A [Source] has a
// moment and its files: [Held] is one on this machine, of an open store or, by [HoldClosed], of a closed one, and a client of a
// server may be another. A [Place] keeps objects, which are files that never change, and snapshots, each of which is a moment and
// what is known of its files. A snapshot is written when all of its objects are there, and removed before any of them is.
//
// # Concurrency
//
// [Held] is safe for concurrent use. Everything else is for one goroutine; that of a place has it to itself, by a lock, unless it
// only reads.
//
// # Errors
//
// Damage is of class [base.ErrCorrupt], a newer format of class [base.ErrVersion], a place or directory that somebody else has of
// class [base.ErrLocked], one that is not for this store of class [base.ErrDestination].
package backup
