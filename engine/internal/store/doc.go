// Package store is the files of a store's directory beside its log: packs of segments, lists of what is not in segments, and
// the manifest that names them.
//
// The rename of a manifest is the commit point: what it does not name does not exist, and goes at the next sweep. A file's
// number is used once in the life of a store. Bytes are read back under their checks; damage is an error of class corrupt.
// [Files] is for one goroutine at a time; a [Source] and the packs behind it are safe for concurrent reading. The bytes are
// described in docs/format-pack.md, the order of steps in docs/durability.md.
package store
