package simdisk

import "fmt"

// Fate is what a crash made of one sector that was written and not synced.
type Fate uint8

// The fates of a sector. "New" is what the file held there after the write in question, "old" what it held before.
const (
	Lost     Fate = iota // old, or zeros where the file had not reached yet
	Kept                 // new
	TornHead             // begins as new and ends as old
	TornTail             // begins as old and ends as new
	Garbage              // neither: the drive was writing it as the power went
	Stale                // a sector of a file removed before: the block was allocated and never written
	fates
)

var fateNames = [fates]string{"lost", "kept", "torn head", "torn tail", "garbage", "stale"}

func (f Fate) String() string {
	if f >= fates {
		return fmt.Sprintf("fate(%d)", uint8(f))
	}
	return fateNames[f]
}

// Chooser decides what a crash leaves. It is asked in an order that depends on the state of the disk alone, and serves
// one crash at a time.
type Chooser interface {
	// File begins a file that has unsynced changes, among them writes of so many sectors: Sector is asked for each.
	// A sector written twice is asked for twice.
	File(sectors int)

	// Sector chooses for the next sector written.
	Sector() Fate

	// Pick chooses one of n states that a name or a file size went through since it was last synced: 0 is the synced
	// one, n-1 the newest. It also chooses positions, where n-1 means nothing in particular. n >= 1.
	Pick(n int) int

	// Fill makes garbage.
	Fill(p []byte)
}

// KeepAll is the Chooser of the luckiest crash: everything written was on the disk.
func KeepAll() Chooser { return constant{fate: Kept} }

// LoseAll is the Chooser of the crash that leaves nothing but what was synced.
func LoseAll() Chooser { return constant{fate: Lost} }

type constant struct{ fate Fate }

func (c constant) File(int)      {}
func (c constant) Sector() Fate  { return c.fate }
func (c constant) Fill(p []byte) { clear(p) }

func (c constant) Pick(n int) int {
	if c.fate == Kept {
		return n - 1
	}
	return 0
}

// Random returns the Chooser of a seed.
//
// Independent coin flips per sector would almost never lose exactly one of many sectors, or all but one, or keep them up
// to a point, and it is such states that break recovery. So a pattern is drawn for each file first, then its sectors; and
// one file in four is drawn to have damaged sectors at all.
func Random(seed uint64) Chooser { return &random{rng: rng(mix(seed + golden))} }

type random struct {
	rng     rng
	pattern pattern

	// sector counts from 0 within the file; pivot is the sector the pattern turns on.
	sector, pivot int

	// threshold of 256 is the chance of a sector to be kept, where chance decides.
	threshold uint64

	damaged bool
}

type pattern uint8

const (
	noneKept pattern = iota
	allKept
	headKept
	tailKept
	allButOneKept
	oneKept
	halfKept
	someKept
	patterns
)

func (r *random) File(sectors int) {
	r.pattern = pattern(r.rng.below(int(patterns)))
	r.sector, r.pivot = -1, r.rng.below(max(sectors, 1))
	r.threshold = 128
	if r.pattern == someKept {
		r.threshold = r.rng.next() % 256
	}
	r.damaged = r.rng.below(4) == 0
}

func (r *random) Sector() Fate {
	r.sector++
	if r.damaged && (r.sector == r.pivot || r.rng.below(8) == 0) {
		return TornHead + Fate(r.rng.below(int(fates-TornHead)))
	}
	if r.kept() {
		return Kept
	}
	return Lost
}

func (r *random) kept() bool {
	switch r.pattern {
	case noneKept:
		return false
	case allKept:
		return true
	case headKept:
		return r.sector < r.pivot
	case tailKept:
		return r.sector >= r.pivot
	case allButOneKept:
		return r.sector != r.pivot
	case oneKept:
		return r.sector == r.pivot
	default:
		return r.rng.next()%256 < r.threshold
	}
}

func (r *random) Pick(n int) int { return r.rng.below(n) }

func (r *random) Fill(p []byte) { r.rng.fill(p) }
