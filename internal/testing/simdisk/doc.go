// Package simdisk is a simulated disk with a file system on it, for tests: it loses power at any operation, fails in the
// ways in which disks and file systems do, fills up, and tells what was done to it. It implements vfs.FS in memory.
//
// # Model
//
// A [Disk] holds, for each file, what the process sees (the cache), what the drive has for certain, and the unsynced changes
// between them, in order. Directories likewise hold the states that each name went through since the directory was
// synced. A [Snapshot] is all that at one moment. Of a snapshot any number of disks can be made:
//
//   - [Snapshot.Crash] is a power cut. A [Chooser] decides for each unsynced 512 B sector whether it is lost, kept, torn at some
//     byte, garbage, or left over from a file removed before; for each size which of those the file had; for each name which
//     of the things it stood for. Sectors and names are decided one by one, in no order; the sizes of one file take place
//     in order. So a rename may be found with the old name, the new, both or neither, but a target that was
//     replaced is never missing. What was synced stays, without exception, unless Options.BlockBytes says that the
//     drive rewrites more than a sector.
//   - [Snapshot.Kill] is the end of the process: the cache stays as it is, unsynced.
//
// Disk.Crash and Disk.Kill do that to a running disk, whose files then fail with [ErrHalted].
//
// Images of files are sparse and share what they have in common, so that a snapshot after every operation
// ([Disk.StartHistory]) and a disk for every crash state cost microseconds, whatever the files' size.
//
// # Faults
//
// A [Fault] strikes an operation by its index, once or from there on. [FaultKind] lists the kinds: errors, full disk, short
// writes, lost writes, and the three ways in which file systems fail a sync. Disk.Damage flips bits.
//
// # Determinism
//
// The same calls in the same order on disks of the same Options give the same results, the same [Disk.TraceHash] and,
// crashed with the same seed, the same bytes. Time does not exist; Options.Delay brings it in.
//
// # Concurrency
//
// A Disk is safe for concurrent use; operations take place one at a time. A Snapshot is immutable. A Chooser serves one
// crash at a time.
//
// # Errors
//
// Errors are *fs.PathError, as those of the os package, with the system's error numbers inside.
package simdisk
