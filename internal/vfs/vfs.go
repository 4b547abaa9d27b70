package vfs

import "io"

// FS is a file system. Names are full paths, made with filepath.Join.
type FS interface {
	// Create makes a new, empty file and opens it for reading and writing. An existing name is fs.ErrExist.
	Create(name string) (File, error)

	// Open opens an existing regular file for reading and writing, or for reading alone where the file or its file
	// system permits no more; writes to it then fail. A symbolic link is refused.
	Open(name string) (File, error)

	// OpenRead opens an existing regular file for reading. A symbolic link is refused.
	OpenRead(name string) (File, error)

	// OpenDir opens an existing directory.
	OpenDir(dir string) (Dir, error)

	// Rename gives a file a new name, replacing a file that has it already.
	Rename(oldName, newName string) error

	// Remove removes a file or an empty directory. Files still open keep their content until closed.
	Remove(name string) error

	// List returns the base names of the entries of dir, sorted.
	List(dir string) ([]string, error)

	// MkdirAll makes dir and those of its parents that are missing. Like any new name, each of them is durable only
	// after SyncDir of the directory above it.
	MkdirAll(dir string) error

	// SyncDir makes durable what happened to the names in dir: created, renamed, removed.
	SyncDir(dir string) error

	// Lock takes the exclusive lock of a directory, or of the file name, which it creates if missing and never removes. It
	// does not wait: a lock held elsewhere, in this process or another, is ErrLocked. Closing the result releases the
	// lock, and so does the end of the process. A file system that cannot lock directories says errors.ErrUnsupported.
	Lock(name string) (Lock, error)

	// LockShared is Lock beside others that share it. It creates nothing, and needs no permission but to read.
	LockShared(name string) (Lock, error)

	// Identify tells what a name stands for now, following symbolic links.
	Identify(name string) (Identity, error)

	// Free returns the bytes that an unprivileged process may still write to the file system of dir.
	Free(dir string) (bytes int64, err error)
}

// Dir is a directory that is open: the FS of its own path and of those below it, which lead to the directory that was
// opened, wherever it is by now. Other names are fs.ErrInvalid.
type Dir interface {
	FS

	// Hold keeps a directory in this one open too: names in it lead there from now on, wherever it is.
	Hold(dir string) error

	// Close releases the directory. Files opened in it stay open.
	io.Closer
}

// Lock is a lock that is held.
type Lock interface {
	io.Closer

	// Identity is that of what was locked, whatever its name stands for by now.
	Identity() (Identity, error)
}

// Identity tells files and directories apart as long as they exist. Its zero value is none's.
type Identity struct{ Device, Node uint64 }

// File is an open file.
type File interface {
	io.ReaderAt

	// WriteAt writes p at off and grows the file where needed. Callers check n: see [WriteFull].
	io.WriterAt

	// Close releases the file without making anything durable.
	io.Closer

	// Size returns the length of the file in bytes.
	Size() (int64, error)

	// Linked tells whether the file has a name yet. What is written to one without is gone when it is closed.
	Linked() (bool, error)

	// Sync makes the content and all metadata of the file durable.
	Sync() error

	// SyncData makes the content durable, and of the metadata what is needed to read it back, such as the size.
	SyncData() error

	// Allocate reserves disk space for [off, off+n) and grows the file to off+n if it is shorter; bytes never written
	// read as zeros. Later writes in the range do not run out of space. A failed Allocate may have grown the file.
	Allocate(off, n int64) error

	// Truncate sets the length of the file. Bytes beyond the old length read as zeros.
	Truncate(size int64) error
}
