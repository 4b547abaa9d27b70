// Package quarantine holds the rejected lines of a store, the newest of each source within bounds of number and bytes of all together: the
// oldest of the source that has the most go first, so that none drives the others out.
//
// A row is numbered as it comes, from the first that was restored. It is held in the bytes that it has in a list on disk
// (docs/format-pack.md), so that a checkpoint copies what came since the last one, and adding a row or dropping the oldest
// takes the same time however many there are. A [Quarantine] is safe for concurrent use.
package quarantine
