// Package backups serves the routes by which a client copies a store while it is written.
//
// A client begins a backup, which holds a moment of the store, reads its files, and ends it. A moment whose client neither reads nor renews
// it for its lease ends by itself, because what it holds stays on the disk; so many may be held at one time. Only an admin who sees every model
// may copy a store.
//
// [Backups] is safe for concurrent use. Errors are of internal/problem, or of the store.
package backups
