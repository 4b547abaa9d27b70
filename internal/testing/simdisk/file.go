package simdisk

import "slices"

// file is the immutable state of one file: every operation that changes it makes another, so that a snapshot of the disk is
// a copy of pointers.
//
// What the process sees is cache and size. What the drive has for certain is durable and durableSize; pending, in order,
// is what may have reached it beyond that.
type file struct {
	cache image
	size  int64

	durable     image
	durableSize int64
	pending     []change

	// diverged tells that cache and durable differ in sectors that no pending change covers, as after a failed sync that
	// marked them clean: no later sync writes them.
	diverged bool

	// late is the state before a sync that failed without saying so yet: the data is in the journal and the write to
	// its place has failed. The next sync reports that, and the data is gone.
	late *file

	// blocks are the allocated pages, which count against the capacity of the disk.
	blocks extents

	// synced are the sectors written and synced, kept where Options.NoRewrite asks for them.
	synced extents
}

// change is one unsynced operation on a file: a write, a resize or a write that grew the file.
type change struct {
	// first and last bound the sectors written, [first, last), whose content is in after.
	first, last int64
	after       image

	// size is the size of the file afterwards, if resized.
	size    int64
	resized bool
}

// settled reports whether a crash leaves the file as it is.
func (f *file) settled() bool { return len(f.pending) == 0 && !f.diverged && f.late == nil }

// detached returns the file for a disk of its own, which appends to changes of its own.
func (f *file) detached() *file {
	if len(f.pending) == 0 {
		return f
	}
	g := *f
	g.pending = slices.Clip(f.pending)
	return &g
}

// unsynced counts what a crash decides on.
func (f *file) unsynced() int {
	n := 0
	for _, c := range f.pending {
		n += int(c.last - c.first)
		if c.resized {
			n++
		}
	}
	return n
}

// write returns the file with p at off. A lost write reaches the cache alone. Sectors are put in danger by blocks of so many.
func (f *file) write(p []byte, off, block int64, lost bool) *file {
	end := off + int64(len(p))
	g := *f
	g.cache = f.cache.writeAt(p, off)
	g.blocks, _ = f.blocks.add(pagesOf(off, end))
	c := change{after: g.cache}
	if lost {
		g.diverged = true
	} else {
		s := sectorsOf(off, end, block)
		c.first, c.last = s.from, s.to
	}
	if end > f.size {
		g.size = end
		c.size, c.resized = end, true
	}
	if c.resized || c.first < c.last {
		g.pending = append(g.pending, c)
	}
	return &g
}

// allocate returns the file with [off, off+n) reserved.
func (f *file) allocate(off, n int64) *file {
	g := *f
	g.blocks, _ = f.blocks.add(pagesOf(off, off+n))
	if off+n > f.size {
		g.size = off + n
		g.pending = append(g.pending, change{size: g.size, resized: true})
	}
	return &g
}

// truncate returns the file with another size.
func (f *file) truncate(size int64) *file {
	if size == f.size {
		return f
	}
	g := *f
	g.size = size
	if size < f.size {
		g.cache = f.cache.cut(size)
		g.blocks, _ = f.blocks.cut((size + pageBytes - 1) / pageBytes)
		g.synced, _ = f.synced.cut((size + sectorBytes - 1) / sectorBytes)
	}
	g.pending = append(g.pending, change{size: size, resized: true})
	return &g
}

// sync returns the file as it is after a sync that succeeded. A sync of the data alone leaves out sizes that no write
// came after: they are not needed to read anything back.
func (f *file) sync(dataOnly, watched bool) *file {
	n := len(f.pending)
	for dataOnly && n > 0 && f.pending[n-1].first == f.pending[n-1].last {
		n--
	}
	g := *f
	if n == len(f.pending) && !f.diverged {
		g.durable, g.durableSize = f.cache, f.size
	} else {
		g.durable, g.durableSize = f.resolve(KeepAll(), f.pending[:n], nil)
	}
	if g.pending = f.pending[n:]; len(g.pending) == 0 {
		// Without its array: a disk made of a snapshot of this file appends to its own.
		g.pending = nil
	}
	if watched {
		for _, c := range f.pending[:n] {
			g.synced, _ = g.synced.add(span{c.first, c.last})
		}
	}
	return &g
}

// syncFailed returns the file as it is after a sync that failed with the pages marked clean: c chooses what of them
// reached the disk, no later sync writes the rest, and the cache has all of it. Only the size is still to be written.
func (f *file) syncFailed(c Chooser) *file {
	g := *f
	if f.late != nil {
		g.durable, g.durableSize = f.late.durable, f.late.durableSize
		g.pending = slices.Concat(f.late.pending, f.pending)
		g.late = nil
	}
	g.durable, g.durableSize = g.resolve(c, g.pending, nil)
	g.pending, g.diverged = nil, true
	if g.durableSize != g.size {
		g.pending = []change{{size: g.size, resized: true}}
	}
	return &g
}

// syncReverted is syncFailed on a file system that gives up the new content in the cache, too.
func (f *file) syncReverted(c Chooser) *file {
	g := f.syncFailed(c)
	g.cache, g.size = g.durable, g.durableSize
	g.pending, g.diverged = nil, false
	return g
}

// syncLate returns the file as it is after a sync that reports success for data it is about to lose.
func (f *file) syncLate(dataOnly, watched bool) *file {
	g := f.sync(dataOnly, watched)
	g.late = f
	return g
}

// crashed returns the file that a crash leaves.
func (f *file) crashed(c Chooser, stale []image) *file {
	if f.settled() {
		return f
	}
	m, size := f.durable, f.durableSize
	if len(f.pending) > 0 {
		m, size = f.resolve(c, f.pending, stale)
	}
	g := &file{cache: m, size: size, durable: m, durableSize: size}
	g.blocks, _ = f.blocks.cut((size + pageBytes - 1) / pageBytes)
	g.synced, _ = f.synced.cut((size + sectorBytes - 1) / sectorBytes)
	return g
}

// resolve returns what the drive has once c has chosen what became of changes. Sizes take place in order, as in the
// journal of a file system; sectors each on their own.
func (f *file) resolve(c Chooser, changes []change, stale []image) (image, int64) {
	resizes, sectors := 0, 0
	for _, ch := range changes {
		sectors += int(ch.last - ch.first)
		if ch.resized {
			resizes++
		}
	}
	c.File(sectors)
	kept := 0
	if resizes > 0 {
		kept = c.Pick(resizes + 1)
	}
	e, size := f.durable.edit(), f.durableSize
	for _, ch := range changes {
		if ch.resized && kept > 0 {
			kept--
			if ch.size < size {
				e = e.cut(ch.size).edit()
			}
			size = ch.size
		}
		e.settle(ch, c, stale)
	}
	return e.cut(size), size
}

// settle applies the fates of the sectors of one write.
func (e *editor) settle(ch change, c Chooser, stale []image) {
	for s := ch.first; s < ch.last; {
		i := s / pageSectors
		end := min(ch.last, (i+1)*pageSectors)
		var fates [pageSectors]Fate
		lost, kept := int64(0), 0
		for t := s; t < end; t++ {
			fate := c.Sector()
			fates[t%pageSectors] = fate
			if fate == Lost {
				lost++
			}
			if fate == Kept {
				kept++
			}
		}
		switch {
		case lost == end-s:
		case kept == pageSectors:
			e.set(i, ch.after.page(i))
		default:
			fresh := new(page)
			if old := e.page(i); old != nil {
				*fresh = *old
			}
			for t := s; t < end; t++ {
				at := t % pageSectors * sectorBytes
				mixSector(fresh[at:at+sectorBytes], fates[t%pageSectors], ch.after.sector(t), c, stale)
			}
			e.set(i, fresh)
		}
		s = end
	}
}

// mixSector makes of dst, an old sector, what fate says. A nil fresh sector is zeros.
func mixSector(dst []byte, fate Fate, fresh []byte, c Chooser, stale []image) {
	if fresh == nil {
		fresh = zeroSector[:]
	}
	switch fate {
	case Lost:
	case Kept:
		copy(dst, fresh)
	case TornHead:
		copy(dst, fresh[:1+c.Pick(sectorBytes-1)])
	case TornTail:
		at := 1 + c.Pick(sectorBytes-1)
		copy(dst[at:], fresh[at:])
	case Garbage:
		c.Fill(dst)
	case Stale:
		staleSector(dst, c, stale)
	default:
		panic("BUG: simdisk: " + fate.String())
	}
}

// staleSector fills dst from one of the files that are gone, or with garbage where none is.
func staleSector(dst []byte, c Chooser, stale []image) {
	if len(stale) == 0 {
		c.Fill(dst)
		return
	}
	m := stale[c.Pick(len(stale))]
	sectors := len(m.leaves) * leafPages * pageSectors
	if s := m.sector(int64(c.Pick(sectors))); s != nil {
		copy(dst, s)
	} else {
		clear(dst)
	}
}

var zeroSector [sectorBytes]byte

func pagesOf(from, to int64) span { return span{from / pageBytes, (to + pageBytes - 1) / pageBytes} }

// sectorsOf returns the sectors of the blocks, of so many bytes each, that [from, to) touches.
func sectorsOf(from, to, block int64) span {
	from, to = from/block*block, (to+block-1)/block*block
	return span{from / sectorBytes, to / sectorBytes}
}
