package simdisk

import (
	"fmt"
	"slices"
	"sort"
)

// Snapshot is a disk at one moment, with all that may become of it. It is immutable and costs a few hundred bytes: what
// it holds of the content it shares. Any number of disks can be made of it, at the same time too.
type Snapshot struct {
	op    uint64
	opts  Options
	files []*file
	dirs  []directory
	stale []image
}

// Op returns the index of the last operation before the snapshot.
func (s *Snapshot) Op() uint64 { return s.op }

// Snapshot returns the disk as it is now.
func (d *Disk) Snapshot() *Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.snapshot()
}

// StartHistory makes the disk keep a snapshot of now, and from now on one after each operation that changed anything.
func (d *Disk) StartHistory() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.recording = true
	d.history = append(d.history[:0:0], d.snapshot())
}

// History returns the snapshots since StartHistory, in order. A crash after operation n is a crash of the last one whose
// Op is at most n: see At.
func (d *Disk) History() []*Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.history)
}

// At returns the disk as it was after operation op, from a history.
func At(history []*Snapshot, op uint64) *Snapshot {
	i := sort.Search(len(history), func(i int) bool { return history[i].op > op })
	if i == 0 {
		panic(fmt.Sprintf("BUG: simdisk: no history of operation %d", op))
	}
	return history[i-1]
}

// Crash cuts the power: the disk fails with ErrHalted from now on, and the result is what c leaves of it, with no file
// open, no lock held and no fault to come.
func (d *Disk) Crash(c Chooser) *Disk { return d.halt().Crash(c) }

// Kill ends the process while the machine runs on: as Crash, but nothing written is lost, and nothing is synced by it.
func (d *Disk) Kill() *Disk { return d.halt().Kill() }

func (d *Disk) halt() *Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.halted = true
	return d.snapshot()
}

func (d *Disk) snapshot() *Snapshot {
	return &Snapshot{
		op: d.ops, opts: d.opts,
		files: slices.Clone(d.files), dirs: slices.Clone(d.dirs), stale: d.stale,
	}
}

// Crash returns the disk after a power cut at the moment of the snapshot.
func (s *Snapshot) Crash(c Chooser) *Disk {
	d := s.disk()
	d.visit(0, func(dir directory) directory { return dir.choose(c) }, func(f *file) *file { return f.crashed(c, s.stale) })
	return d
}

// Kill returns the disk as the next process finds it when the one before was killed at the moment of the snapshot.
func (s *Snapshot) Kill() *Disk {
	d := s.disk()
	d.visit(0, func(dir directory) directory { return dir }, (*file).detached)
	return d
}

// Unsynced returns the number of things a crash would decide on: sectors, sizes and names.
func (s *Snapshot) Unsynced() int {
	n := 0
	d := s.disk()
	d.visit(0, func(dir directory) directory {
		for _, e := range dir {
			n += len(e.states) - 1
		}
		return dir
	}, func(f *file) *file {
		n += f.unsynced()
		return f
	})
	return n
}

// disk returns a running disk of the same content, of which nothing is reachable or counted yet: that is up to visit.
func (s *Snapshot) disk() *Disk {
	d := &Disk{opts: s.opts, rng: rng(s.opts.Seed), stale: s.stale}
	d.names = names{d: d}
	d.opts.Delay = nil
	d.files = make([]*file, len(s.files))
	copy(d.files, s.files)
	d.dirs = slices.Clone(s.dirs)
	d.links = make([]int32, len(s.files))
	return d
}

// visit replaces each directory from dir down, and each file once that a name in them leads to.
func (d *Disk) visit(dir int32, directoryNow func(directory) directory, fileNow func(*file) *file) {
	d.dirs[dir] = directoryNow(d.dirs[dir])
	for _, e := range d.dirs[dir] {
		switch r := e.live(); r.kind {
		case refNone:
		case refDir:
			d.visit(r.id, directoryNow, fileNow)
		case refFile:
			if d.links[r.id]++; d.links[r.id] == 1 {
				d.files[r.id] = fileNow(d.files[r.id])
				d.used += d.files[r.id].blocks.count()
			}
		}
	}
}

// Damage flips the bits of mask in one byte of a file, in the cache and on the drive alike, behind the back of whoever uses the
// disk. It counts as no operation. The byte must exist.
func (d *Disk) Damage(name string, off int64, mask byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _, r, err := d.lookup(name)
	if err != nil || r.kind != refFile || off >= d.files[r.id].size {
		panic(fmt.Sprintf("BUG: simdisk: no byte %d in %s", off, name))
	}
	f := *d.files[r.id]
	f.cache, f.durable = f.cache.flipped(off, mask), f.durable.flipped(off, mask)
	d.setFile(r.id, &f)
}

// Move gives a file or a directory another name, settled at once and behind the back of whoever uses the disk, as another
// program would. It counts as no operation. The name must exist, and the new one must be free.
func (d *Disk) Move(oldName, newName string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	oldDir, oldBase, r, err := d.lookup(oldName)
	newDir, newBase, newErr := d.resolve(newName)
	if err != nil || newErr != nil || d.dirs[newDir].lookup(newBase).kind != refNone {
		panic(fmt.Sprintf("BUG: simdisk: %s cannot become %s", oldName, newName))
	}
	d.dirs[oldDir] = d.dirs[oldDir].settle(oldBase, ref{})
	d.dirs[newDir] = d.dirs[newDir].settle(newBase, r)
	d.version++
}
