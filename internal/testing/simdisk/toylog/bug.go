package toylog

// Bug is a mistake to make.
type Bug uint8

// The bugs. Each is one that real logs have had.
const (
	None             Bug = iota
	NoSync               // acknowledge what is only in the cache
	NoDirSync            // do not sync the directory after creating a file
	NoParentSync         // do not sync the parent after creating the directory
	NoPadding            // let records share sectors: what is written next endangers what was acknowledged
	NoChecksum           // believe any record that has a plausible length
	IgnoreSyncError      // acknowledge after a failed sync
	RetrySync            // believe the second sync where the first failed
	IgnoreShortWrite     // acknowledge after a write that stopped short
	TrustCache           // start without rewriting the tail: what was read may never have been on the disk
	LeaveTail            // start a new file behind one that ends badly
	RenameUnsynced       // rename the rewritten tail into place before it is synced
	bugs
)

var bugNames = [bugs]string{
	"none", "no sync", "no directory sync", "no parent sync", "no padding", "no checksum", "ignore sync error", "retry sync",
	"ignore short write", "trust cache", "leave tail", "rename unsynced",
}

func (b Bug) String() string { return bugNames[b] }

// Bugs returns all bugs.
func Bugs() []Bug {
	all := make([]Bug, 0, bugs-1)
	for b := None + 1; b < bugs; b++ {
		all = append(all, b)
	}
	return all
}
