package simdisk

import (
	"fmt"
	"hash/crc32"
	"io/fs"
)

// OpKind tells what an operation does.
type OpKind uint8

// The operations of vfs.FS, of its locks and of vfs.File.
const (
	OpCreate OpKind = iota
	OpOpen
	OpOpenRead
	OpRename
	OpRemove
	OpList
	OpMkdirAll
	OpSyncDir
	OpLock
	OpUnlock
	OpFree
	OpRead
	OpWrite
	OpSize
	OpSync
	OpSyncData
	OpAllocate
	OpTruncate
	OpClose
	OpOpenDir
	OpIdentify
	opKinds
)

var opNames = [opKinds]string{
	"create", "open", "openread", "rename", "remove", "list", "mkdirall", "syncdir", "lock", "unlock", "free",
	"read", "write", "size", "sync", "syncdata", "allocate", "truncate", "close", "opendir", "identify",
}

func (k OpKind) String() string {
	if k >= opKinds {
		return fmt.Sprintf("op(%d)", uint8(k))
	}
	return opNames[k]
}

// Op is one operation of the trace.
type Op struct {
	// Index counts the operations of the disk from 1. It is 0 in Options.Delay, which runs before the operation is numbered.
	Index uint64

	Kind OpKind

	// Name is the file as it was named when opened, or the name operated on; To is the new name of a rename.
	Name, To string

	// Off and Len are the range of a read, write or allocate; Len is the new size of a truncate.
	Off, Len int64

	// Data is the CRC-32C of the bytes of a write.
	Data uint32

	// Failed tells that the caller got an error.
	Failed bool
}

func (op Op) String() string {
	s := fmt.Sprintf("#%d %s %s", op.Index, op.Kind, op.Name)
	if op.To != "" {
		s += " -> " + op.To
	}
	if op.Off != 0 || op.Len != 0 {
		s += fmt.Sprintf(" [%d,+%d)", op.Off, op.Len)
	}
	if op.Data != 0 {
		s += fmt.Sprintf(" %08x", op.Data)
	}
	if op.Failed {
		s += " failed"
	}
	return s
}

// error wraps the cause of a failure as the os package does. It is nil for nil.
func (op Op) error(err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op.Kind.String(), Path: op.Name, Err: err}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(p []byte) uint32 { return crc32.Checksum(p, castagnoli) }

// traceHash is a running hash over operations.
type traceHash uint64

func (h traceHash) op(op Op) traceHash {
	failed := uint64(0)
	if op.Failed {
		failed = 1
	}
	return h.word(uint64(op.Kind)<<1 | failed).text(op.Name).text(op.To).
		word(uint64(op.Off)).word(uint64(op.Len)).word(uint64(op.Data))
}

func (h traceHash) word(v uint64) traceHash { return traceHash(mix(uint64(h) ^ mix(v))) }

// text folds in a string by FNV-1a.
func (h traceHash) text(s string) traceHash {
	v := uint64(14695981039346656037)
	for i := range len(s) {
		v = (v ^ uint64(s[i])) * 1099511628211
	}
	return h.word(v)
}
