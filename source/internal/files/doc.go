// Package files reads the events of files: of the objects of a bucket of S3, or of a folder of this machine.
//
// # Model
//
// A [Config] has the pattern of the files. A place (bucket or folder) lists them; each version of a file is read once, the oldest first:
// in the order of the time of its last change, then of its name. What a version is, the place says: the ETag of an object, size and time of a
// file in a folder. A file that is overwritten has a new version, and is read again from its beginning; its rows take the place of those
// of before where they have their identity.
//
// A pass lists the place and reads what is new; see pass.go. One goroutine reads a file in runs of whole lines, one decodes them, and one
// stores the rows; see pipeline.go. Small objects are fetched ahead (ahead.go). Every format becomes lines of NDJSON on the way, of which a number is known: with the rows the store
// gets the position behind the last of their lines (position.go), so that a process that was ended in the middle of a file goes on there.
//
// # Guarantees
//
// Each row of a version is stored once. Nothing of a version is mixed with another: what is read goes on by its ETag, or from the handle of
// a file, and begins anew where the version has changed.
//
// Memory does not depend on how large files are, nor on how many are new: see lines.go, blocks.go and backlog.go. Of each file that is
// there its name and position are kept, as in the store.
//
// # Errors
//
// What is wrong with a place, and what stays wrong after retries, ends [Connector.Run]. A file that cannot be read, because it is not what it
// should be, is remembered by its version and shown; it is read again when it changes, or when files are asked for. Others go on.
package files
