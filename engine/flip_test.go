package engine_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/crashtest"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// TestFlips flips single bits of every file of a small store, every one if the sweeps are scaled up. The store is refused
// and left as it is, or fails where the damage is read, or answers as if nothing had been. Verify finds what Open or a
// query finds.
func TestFlips(t *testing.T) {
	files, w, known := smallStore(t, 1)
	snapshot := files.disk(t).Snapshot()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == "LOCK" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			f := &flips{w: w, snapshot: snapshot, known: known, name: filepath.Join(storeDir, name), content: files[name]}
			f.all(t)
			t.Logf("%d flips: %d refused, %d found by queries, %d harmless", f.tried, f.refused, f.found, f.harmless)
			require.Equal(t, f.tried, f.refused+f.found+f.harmless)
			require.Positive(t, f.tried)
		})
	}
}

type flips struct {
	w        *script
	snapshot *simdisk.Snapshot
	known    facts
	name     string
	content  []byte

	mu                              sync.Mutex
	tried, refused, found, harmless int // guarded by mu
}

// all flips on every processor.
func (f *flips) all(t *testing.T) {
	t.Helper()
	var workers sync.WaitGroup
	n := runtime.GOMAXPROCS(0)
	for first := range n {
		workers.Go(func() {
			for off := first; off < len(f.content); off += n {
				for bit := range 8 {
					if !f.worthTrying(off, bit) {
						continue
					}
					if err := f.flip(int64(off), 1<<bit); err != nil {
						t.Errorf("bit %d of byte %d: %v", bit, off, err)
						return
					}
				}
			}
		})
	}
	workers.Wait()
}

// worthTrying leaves out most bits: of those that stand among zeros nearly all, of the others all but one in a byte.
func (f *flips) worthTrying(off, bit int) bool {
	if scale, err := strconv.ParseFloat(flag.Lookup("crash.scale").Value.String(), 64); err == nil && scale >= 10 {
		return true
	}
	if off%race.Share != 0 {
		return false
	}
	around := f.content[max(0, off-8):min(len(f.content), off+9)]
	if slices.ContainsFunc(around, func(b byte) bool { return b != 0 }) {
		return bit == off/8%8
	}
	return off%509 == 0 && bit == 3
}

// flip tries one flip.
func (f *flips) flip(off int64, mask byte) error {
	disk := f.snapshot.Kill()
	disk.Damage(f.name, off, mask)
	report, err := engine.Verify(storeDir, engine.Options{FS: disk})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	disk.StartTrace()
	s := newSession(f.w, disk, nil, new(ledger).begin)
	outcome := &f.refused
	err = s.open()
	if err != nil {
		err = errors.Join(declared(err), untouched(disk))
	} else {
		outcome, err = f.ask(s)
	}
	if err != nil {
		return err
	}
	isCopy := strings.HasSuffix(f.name, ".copy") // nothing reads it, and a start mends it
	if damaged := outcome != &f.harmless; (damaged || isCopy) != (len(report.Findings) > 0) {
		return fmt.Errorf("damage was noticed: %v; verify finds %v", damaged, report.Findings)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tried++
	*outcome++
	return nil
}

// ask compares what the store says. A wrong answer is an error, one of class ErrCorrupt is an outcome.
func (f *flips) ask(s *session) (outcome *int, err error) {
	defer func() {
		s.disk.Kill()
		s.db.Abandon()
	}()
	if _, err := s.compare(f.known); err != nil {
		return &f.found, declared(err)
	}
	return &f.harmless, nil
}

// declared returns err unless it is of a class for damage, and says nothing else.
func declared(err error) error {
	if !errors.Is(err, crashtest.ErrViolation) && (errors.Is(err, engine.ErrCorrupt) || errors.Is(err, engine.ErrVersion)) {
		return nil
	}
	return err
}

// untouched holds that nothing was changed since the trace began.
func untouched(disk *simdisk.Disk) error {
	for _, op := range disk.Trace() {
		switch op.Kind {
		case simdisk.OpCreate, simdisk.OpWrite, simdisk.OpRename, simdisk.OpRemove, simdisk.OpTruncate, simdisk.OpAllocate:
			return fmt.Errorf("a damaged store was changed: %s", op)
		default: // reading, locking, syncing
		}
	}
	return nil
}
