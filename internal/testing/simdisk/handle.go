package simdisk

import (
	"io"
	"io/fs"
	"syscall"

	"github.com/residualdb/residual/internal/vfs"
)

// fileBytesMax keeps a wild offset from becoming a wild allocation.
const fileBytesMax = 1 << 36

// handle is an open file.
type handle struct {
	d        *Disk
	id       int32
	name     string
	writable bool

	// Guarded by d.mu.
	closed bool
}

var _ vfs.File = (*handle)(nil)

func (d *Disk) open(id int32, name string, writable bool) *handle {
	if d.opens == nil {
		d.opens = make(map[int32]int)
	}
	d.opens[id]++
	return &handle{d: d, id: id, name: name, writable: writable}
}

// orError returns the handle, or a nil interface and the error.
func (h *handle) orError(err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return h, nil
}

// change runs an operation that replaces the state of the file. What next returns holds even beside an error.
func (h *handle) change(op Op, next func(f *file, fault FaultKind) (*file, error)) error {
	return h.d.do(op, func(fault FaultKind) error {
		f, err := h.file()
		if err != nil {
			return err
		}
		if !h.writable {
			return syscall.EBADF
		}
		if op.Off < 0 || op.Len < 0 {
			return syscall.EINVAL
		}
		if op.Off > fileBytesMax || op.Len > fileBytesMax-op.Off {
			return syscall.EFBIG
		}
		g, err := next(f, fault)
		h.d.setFile(h.id, g)
		return err
	})
}

func (h *handle) file() (*file, error) {
	if h.closed {
		return nil, fs.ErrClosed
	}
	return h.d.files[h.id], nil
}

func (h *handle) watched() bool { return h.d.opts.NoRewrite != nil && h.d.opts.NoRewrite(h.name) }

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	err := h.d.do(Op{Kind: OpRead, Name: h.name, Off: off, Len: int64(len(p))}, func(FaultKind) error {
		f, err := h.file()
		if err != nil {
			return err
		}
		if off < 0 {
			return syscall.EINVAL
		}
		n = int(max(0, min(int64(len(p)), f.size-off)))
		f.cache.readAt(p[:n], off)
		return nil
	})
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	var n int
	op := Op{Kind: OpWrite, Name: h.name, Off: off, Len: int64(len(p)), Data: checksum(p)}
	err := h.change(op, func(f *file, fault FaultKind) (*file, error) {
		var failure error
		n, failure = h.d.shorten(len(p), fault)
		if room, err := h.d.room(f, off, n); err != nil {
			n, failure = room, err
		}
		if n == 0 {
			return f, failure
		}
		block := h.d.opts.BlockBytes
		if h.watched() && f.synced.meets(sectorsOf(off, off+int64(n), block)) {
			op.Index = h.d.ops
			h.d.rewrites = append(h.d.rewrites, op)
		}
		return f.write(p[:n], off, block, fault == LostWrite), failure
	})
	return n, err
}

// shorten returns how many bytes of n a write writes, and the error it reports.
func (d *Disk) shorten(n int, fault FaultKind) (int, error) {
	switch fault {
	case ShortWrite:
		return d.rng.below(n), nil
	case ShortWriteEIO:
		return d.rng.below(n), syscall.EIO
	default:
		return n, nil
	}
}

func (h *handle) Size() (int64, error) {
	var size int64
	err := h.d.do(Op{Kind: OpSize, Name: h.name}, func(FaultKind) error {
		f, err := h.file()
		if err == nil {
			size = f.size
		}
		return err
	})
	return size, err
}

// Linked is part of vfs.File. Like Identify it costs no operation.
func (h *handle) Linked() (bool, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	_, err := h.file()
	if h.d.halted {
		err = ErrHalted
	}
	return h.d.links[h.id] > 0, Op{Kind: OpIdentify, Name: h.name}.error(err)
}

func (h *handle) Sync() error { return h.sync(OpSync) }

func (h *handle) SyncData() error { return h.sync(OpSyncData) }

func (h *handle) sync(kind OpKind) error {
	return h.d.do(Op{Kind: kind, Name: h.name}, func(fault FaultKind) error {
		f, err := h.file()
		if err != nil {
			return err
		}
		dataOnly := kind == OpSyncData
		switch {
		case fault == SyncReverted:
			h.d.setFile(h.id, f.syncReverted(Random(h.d.rng.next())))
			return syscall.EIO
		case fault == SyncClean, f.late != nil:
			h.d.setFile(h.id, f.syncFailed(Random(h.d.rng.next())))
			return syscall.EIO
		case fault == SyncLate:
			h.d.setFile(h.id, f.syncLate(dataOnly, h.watched()))
		case len(f.pending) > 0:
			h.d.setFile(h.id, f.sync(dataOnly, h.watched()))
		}
		return nil
	})
}

func (h *handle) Allocate(off, n int64) error {
	return h.change(Op{Kind: OpAllocate, Name: h.name, Off: off, Len: n}, func(f *file, _ FaultKind) (*file, error) {
		if n == 0 {
			return f, syscall.EINVAL
		}
		g := f.allocate(off, n)
		if h.d.opts.Capacity > 0 && h.d.used+g.blocks.count()-f.blocks.count() > h.d.opts.Capacity/pageBytes {
			return f, syscall.ENOSPC
		}
		return g, nil
	})
}

func (h *handle) Truncate(size int64) error {
	return h.change(Op{Kind: OpTruncate, Name: h.name, Len: size}, func(f *file, _ FaultKind) (*file, error) {
		return f.truncate(size), nil
	})
}

func (h *handle) Close() error {
	return h.d.do(Op{Kind: OpClose, Name: h.name}, func(FaultKind) error {
		if h.closed {
			return fs.ErrClosed
		}
		h.closed = true
		h.d.opens[h.id]--
		h.d.release(h.id)
		return nil
	})
}
