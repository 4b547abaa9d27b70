package simdisk

import (
	"errors"
	"slices"
	"sync"
	"syscall"

	"github.com/residualdb/residual/internal/vfs"
)

// Options are the properties of a disk. The zero Options are a disk without limits or faults.
type Options struct {
	// Seed decides what is left to chance while the machine is up: how short a short write is, and what of a failed sync
	// reached the disk. Crashes have their own Chooser.
	Seed uint64

	// Capacity is the size of the disk in bytes. Default: 0, unlimited.
	Capacity int64

	// BlockBytes is how much the drive rewrites for a write of one byte: a multiple of 512. Default: 512. With 4096, a
	// crash may damage synced sectors that share a block with unsynced ones.
	BlockBytes int64

	// Delay is called before each operation, without locks held. It may wait, for the clock of a test or for a channel.
	// Disks made by Crash and Kill have none.
	Delay func(Op)

	// NoRewrite selects files, by name, of which no sector may be written again once it was synced: see Disk.Rewrites.
	NoRewrite func(name string) bool
}

// Disk is a simulated disk with a file system on it. It is safe for concurrent use.
type Disk struct {
	names // from the root

	opts Options

	// Everything below is guarded by mu.
	mu     sync.Mutex
	halted bool

	// The content. Files and directories are replaced, never changed in place; the root is the first directory.
	files []*file
	dirs  []directory

	// stale are images of files removed since, newest last.
	stale []image

	// links counts the names of each file, opens the handles on it, locks those that share the lock of a file or directory.
	links []int32
	opens map[int32]int
	locks map[ref]int

	// gone are directories that were removed: who has one open makes no name in it.
	gone map[int32]bool

	// used are the pages allocated.
	used int64

	// version counts changes of the content.
	version uint64

	ops      uint64
	hash     traceHash
	tracing  bool
	trace    []Op
	faults   []Fault
	strikes  []Strike
	rewrites []Op
	rng      rng

	recording bool
	history   []*Snapshot
}

var _ vfs.FS = (*Disk)(nil)

// staleMax bounds the files whose content may turn up again: enough to mix generations, few enough to forget.
const staleMax = 4

// unlimited is what Free reports of a disk without a capacity.
const unlimited = 1 << 50

// New returns an empty disk: it has a root directory, "/", and relative names begin there.
func New(opts Options) *Disk {
	if opts.BlockBytes == 0 {
		opts.BlockBytes = sectorBytes
	}
	if opts.BlockBytes < 0 || opts.BlockBytes%sectorBytes != 0 {
		panic("BUG: simdisk: BlockBytes is not a multiple of the sector size")
	}
	d := &Disk{opts: opts, dirs: []directory{nil}, rng: rng(opts.Seed)}
	d.names = names{d: d}
	return d
}

// Inject adds faults. Where two would strike the same operation the first does, and the other waits for the next.
func (d *Disk) Inject(faults ...Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, faults...)
}

// Strikes returns the faults that operations met, in order.
func (d *Disk) Strikes() []Strike {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.strikes)
}

// Heal takes back all faults that have not struck, and the sticky ones.
func (d *Disk) Heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = nil
}

// SetCapacity makes the disk larger or smaller. What is allocated stays so.
func (d *Disk) SetCapacity(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opts.Capacity = bytes
}

// Reseed replaces Options.Seed from here on.
func (d *Disk) Reseed(seed uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opts.Seed, d.rng = seed, rng(seed)
}

// Ops returns the number of operations so far, which is the index of the last one.
func (d *Disk) Ops() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// OpenFiles returns how many files are open: handles that were not closed.
func (d *Disk) OpenFiles() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, handles := range d.opens {
		n += handles
	}
	return n
}

// TraceHash returns a hash over all operations so far: what, on which file, where, with which data, and whether it
// failed. The same calls in the same order on a disk of the same options give the same hash.
func (d *Disk) TraceHash() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return uint64(d.hash)
}

// StartTrace makes the disk keep its operations from now on.
func (d *Disk) StartTrace() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tracing = true
}

// Trace returns the operations since StartTrace.
func (d *Disk) Trace() []Op {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.trace)
}

// Rewrites returns the writes that touched a sector written and synced before, in files that Options.NoRewrite selects.
func (d *Disk) Rewrites() []Op {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.rewrites)
}

// do runs one operation, unless a fault forbids: counts it, traces it and records what it changed.
func (d *Disk) do(op Op, run func(fault FaultKind) error) error {
	if d.opts.Delay != nil {
		d.opts.Delay(op)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.halted {
		return op.error(ErrHalted)
	}
	d.ops++
	op.Index = d.ops
	fault := d.strike(op)
	if fault == PowerOff {
		d.halted = true
		return op.error(ErrHalted)
	}
	before := d.version
	err := d.attempt(op, fault, run)
	op.Failed = err != nil
	d.hash = d.hash.op(op)
	if d.tracing {
		d.trace = append(d.trace, op)
	}
	if d.recording && d.version != before {
		d.history = append(d.history, d.snapshot())
	}
	return op.error(err)
}

func (d *Disk) attempt(op Op, fault FaultKind, run func(fault FaultKind) error) error {
	errno := faultSpecs[fault].errno
	if errno == 0 {
		return run(fault)
	}
	if op.Kind == OpClose || op.Kind == OpUnlock {
		return errors.Join(errno, run(NoFault))
	}
	return errno
}

// setFile replaces the state of a file.
func (d *Disk) setFile(id int32, f *file) {
	old := d.files[id]
	if old == f {
		return
	}
	d.used += f.blocks.count() - old.blocks.count()
	d.files[id] = f
	d.version++
}

func (d *Disk) setName(dir int32, name string, r ref) {
	d.dirs[dir] = d.dirs[dir].with(name, r)
	d.version++
}

// unlink takes one name from a file, and the file from the disk if it was the last and nobody has it open.
func (d *Disk) unlink(id int32) {
	d.links[id]--
	d.release(id)
}

func (d *Disk) release(id int32) {
	f := d.files[id]
	if d.links[id] > 0 || d.opens[id] > 0 {
		return
	}
	d.used -= f.blocks.count()
	if len(f.durable.leaves) > 0 {
		d.stale = append(d.stale[max(0, len(d.stale)-staleMax+1):len(d.stale):len(d.stale)], f.durable)
	}
}

// room returns how many bytes of a write of n at off find space, and ENOSPC if not all do.
func (d *Disk) room(f *file, off int64, n int) (int, error) {
	if d.opts.Capacity == 0 {
		return n, nil
	}
	free := d.opts.Capacity/pageBytes - d.used
	pages := pagesOf(off, off+int64(n))
	for p := pages.from; p < pages.to; p++ {
		if f.blocks.meets(span{p, p + 1}) {
			continue
		}
		if free--; free < 0 {
			return int(max(0, p*pageBytes-off)), syscall.ENOSPC
		}
	}
	return n, nil
}
