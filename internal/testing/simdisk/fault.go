package simdisk

import (
	"fmt"
	"syscall"
)

// FaultKind is a way for an operation to fail.
type FaultKind uint8

// The kinds of faults. Unless said otherwise the operation fails without effect, except that a Close closes.
const (
	NoFault FaultKind = iota

	// EIO fails any operation. After a Sync so failed, a later one may succeed and be right: the kinds that follow are
	// how file systems really behave.
	EIO

	// SyncClean fails a sync as ext4 and XFS do: pages not written are marked clean and stay in the cache, so reads see
	// them, and later syncs succeed without writing them. A SyncDir so failed leaves each name in any of its states.
	SyncClean

	// SyncReverted fails a sync as Btrfs does: the cache goes back to what is on the disk.
	SyncReverted

	// SyncLate fails a sync as ext4 does with data=journal: it reports success, the next sync of the file reports the
	// error, and the data of both is lost as with SyncClean. A crash in between loses nothing.
	SyncLate

	// ShortWrite writes less than asked for and reports no error.
	ShortWrite

	// ShortWriteEIO writes less than asked for and reports that and EIO.
	ShortWriteEIO

	// LostWrite reports success and changes the cache, and nothing of it ever reaches the disk.
	LostWrite

	// ENOSPC fails what needs space, syncs among it as delayed allocation may.
	ENOSPC

	// EMFILE fails what needs a file descriptor.
	EMFILE

	// PowerOff halts the machine instead of the operation: it and everything after it fails with ErrHalted.
	PowerOff

	faultKinds
)

type faultSpec struct {
	name  string
	errno syscall.Errno // returned instead of running the operation, if not 0
	hits  uint32        // by 1<<OpKind
}

const (
	hitsAll   = 1<<opKinds - 1
	hitsSync  = 1<<OpSync | 1<<OpSyncData
	hitsSpace = 1<<OpCreate | 1<<OpRename | 1<<OpMkdirAll | 1<<OpSyncDir | 1<<OpLock | 1<<OpWrite | 1<<OpAllocate | hitsSync
	hitsFiles = 1<<OpCreate | 1<<OpOpen | 1<<OpOpenRead | 1<<OpList | 1<<OpSyncDir | 1<<OpLock | 1<<OpOpenDir
)

var faultSpecs = [faultKinds]faultSpec{
	NoFault:       {"none", 0, 0},
	EIO:           {"EIO", syscall.EIO, hitsAll},
	SyncClean:     {"sync-clean", 0, hitsSync | 1<<OpSyncDir},
	SyncReverted:  {"sync-reverted", 0, hitsSync},
	SyncLate:      {"sync-late", 0, hitsSync},
	ShortWrite:    {"short-write", 0, 1 << OpWrite},
	ShortWriteEIO: {"short-write-EIO", 0, 1 << OpWrite},
	LostWrite:     {"lost-write", 0, 1 << OpWrite},
	ENOSPC:        {"ENOSPC", syscall.ENOSPC, hitsSpace},
	EMFILE:        {"EMFILE", syscall.EMFILE, hitsFiles},
	PowerOff:      {"power-off", 0, hitsAll},
}

func (k FaultKind) String() string {
	if k >= faultKinds {
		return fmt.Sprintf("fault(%d)", uint8(k))
	}
	return faultSpecs[k].name
}

// ParseFaultKind is the inverse of FaultKind.String.
func ParseFaultKind(name string) (FaultKind, error) {
	for k := NoFault + 1; k < faultKinds; k++ {
		if faultSpecs[k].name == name {
			return k, nil
		}
	}
	return NoFault, fmt.Errorf("simdisk: no fault is named %q", name)
}

// Hits reports whether the kind can strike an operation.
func (k FaultKind) Hits(op OpKind) bool { return faultSpecs[k].hits&(1<<op) != 0 }

// strikes is Hits for one operation: there is no stopping short of nothing.
func (k FaultKind) strikes(op Op) bool {
	return k.Hits(op.Kind) && (op.Len > 0 || k != ShortWrite && k != ShortWriteEIO)
}

// FaultKinds returns all kinds that are signalled to the caller, at once or late: those for which a program must show
// that it noticed. LostWrite and PowerOff are not among them.
func FaultKinds() []FaultKind {
	return []FaultKind{EIO, SyncClean, SyncReverted, SyncLate, ShortWrite, ShortWriteEIO, ENOSPC, EMFILE}
}

// Fault is a failure to come.
type Fault struct {
	// Op is the index of an operation. The fault strikes the first one from there on that Kind hits, and if Sticky
	// every later one too.
	Op     uint64
	Kind   FaultKind
	Sticky bool
}

func (f Fault) String() string {
	if f.Sticky {
		return fmt.Sprintf("%s from #%d on", f.Kind, f.Op)
	}
	return fmt.Sprintf("%s at #%d", f.Kind, f.Op)
}

// Strike is a fault that an operation met.
type Strike struct {
	Kind FaultKind
	Op   Op
}

// strike returns the fault that op meets. A fault that is not sticky is spent by it.
func (d *Disk) strike(op Op) FaultKind {
	for i, f := range d.faults {
		if op.Index < f.Op || !f.Kind.strikes(op) {
			continue
		}
		if !f.Sticky {
			d.faults = append(d.faults[:i:i], d.faults[i+1:]...)
		}
		d.strikes = append(d.strikes, Strike{f.Kind, op})
		return f.Kind
	}
	return NoFault
}
