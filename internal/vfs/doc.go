// Package vfs is the seam between Residual and the file system.
//
// An [FS] creates, opens, renames and removes files by full path; a [File] is read and written at offsets. [OS] is the
// real file system; package simdisk, below this one, is a simulated disk that loses power, fails and fills up on
// command, so that everything written through this seam can be tested against such a disk.
//
// # Guarantees
//
// The seam promises what POSIX file systems have in common and no more:
//
//   - Bytes written are durable once [File.Sync] or [File.SyncData] has returned nil. Until then each sector of them may
//     survive a crash, or not, or half, in any order.
//   - A created, renamed or removed name, file or directory, is durable once [FS.SyncDir] of its directory has returned
//     nil, whatever was done to the file itself.
//   - Rename replaces an existing target: no reader of a running system ever sees the target absent. After a crash
//     before SyncDir, the old name, the new name, both, or neither may be found.
//   - After a failed Sync or SyncData nothing is known about the bytes it covered. The kernel may have marked them clean:
//     calling it again and seeing nil proves nothing, and reading them back shows the cache, not the disk.
//   - An error of Close counts: it may be the only report of a failed write.
//
// # Concurrency
//
// An FS and its Files are safe for concurrent use. Writes to overlapping ranges of one file are not ordered.
//
// # Errors
//
// Errors carry operation and path, and satisfy errors.Is with fs.ErrNotExist, fs.ErrExist, fs.ErrPermission and
// fs.ErrClosed. A full disk or quota is told by [IsNoSpace], a lock held by somebody else by [ErrLocked].
package vfs
