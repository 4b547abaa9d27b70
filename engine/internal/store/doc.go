// Package store has the files of a store beside its log: packs of segments, lists of what is not in segments, and the
// manifest that names them. It knows how they are written, checked, committed and removed; when that happens is the
// engine's to say.
//
// # Model
//
// A [Manifest] names every [Pack] and every list of the store, and says up to where they cover the log. The rename of its
// file is the commit point: a file that it does not name does not exist, and goes at the next [Files.Sweep]. A file's number
// is used once in the life of a store. A [Source] is where the bytes of one segment are: in memory, in a pack, or in both.
// Lists ([ListKind]) hold idempotency keys, the quarantine and the remembered actuals; here they are frames of bytes, whose
// entries belong to the packages of what they list.
//
// # Guarantees
//
// [Files.Commit] returns nil once a restart finds the new manifest. An error leaves the manifest before it in force, in
// memory and, unless [Files.Failure] says otherwise, on disk. Everything read back is held against a CRC32C and against what
// the manifest says of its size and checksum, so that a damaged, stale or swapped file is an error and never an answer.
//
// # Concurrency
//
// [Files] is for one goroutine at a time, but for [Files.Failure], [Files.NewPin], [Files.Space] and [Files.Kept]. A [Source] and the
// packs behind it are safe for concurrent reading, until a sweep removes a pack that has left the manifest. Who reads longer
// than it holds the model's lock has a [Pin]: [Pin.Hold] under that lock for single segments, [Files.PinManifest] for all files.
// A pin is released by any goroutine.
//
// # Errors
//
// Damage is of class [base.ErrCorrupt], a newer format of class [base.ErrVersion], a directory that somebody else has of class
// [base.ErrLocked], a disk of which nobody knows what it holds of class [base.ErrDegraded].
//
// The bytes are described in docs/format-pack.md, the order of steps in docs/durability.md.
package store
