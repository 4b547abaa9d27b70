package wal_test

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/residualdb/residual/internal/testing/crashtest"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/wal"
)

// script is a workload: sessions of steps. A positive step appends a record of so many bytes.
type script [][]int

const (
	checkpoint = -1
	concurrent = -2 // four clients with three records each
)

// workloads are what the sweeps go over.
var workloads = map[string]struct {
	script script
	opts   wal.Options
}{
	"append":     {script{{0, 1, 100, 4000, 4056, 4057, 9000, 8}}, wal.Options{}},
	"rotate":     {script{{9000, 9000, 9000, 9000, 30, 60000, 10, 9000, 9000, 9000, 9000}}, wal.Options{}},
	"checkpoint": {script{{700, 20, checkpoint, 9000, 9000, 9000, 100, checkpoint, checkpoint, 50, checkpoint, 10}}, wal.Options{}},
	"restart":    {script{{10, 5000}, {}, {5000, 14000, 20}, {1, checkpoint}, {}, {4000}}, wal.Options{}},
	"marks":      {script{{10, 5000, 100, 3000, 9000, 9000, 9000}, {10, 4000}}, wal.Options{IdleMark: 1}},
	"concurrent": {script{{concurrent, 10, concurrent, checkpoint, concurrent}}, wal.Options{}},
}

// run runs the script, beginning with item next, and returns whatever went wrong. It goes on after errors, as clients do.
func (sc script) run(disk *simdisk.Disk, run *crashtest.Run[item], next int, opts wal.Options) error {
	var errs []error
	l := newLedger(run)
	for _, session := range sc {
		s, err := openStore(disk, l, opts)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, step := range session {
			errs = append(errs, s.step(step, &next))
		}
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

func (s *store) step(step int, next *int) error {
	switch step {
	case checkpoint:
		return s.checkpoint()
	case concurrent:
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for c := range errs {
			first := *next
			*next += 3
			wg.Go(func() {
				for i := range 3 {
					errs[c] = errors.Join(errs[c], s.append(item{first + i, 10 + 1500*((c+i)%4)}))
				}
			})
		}
		wg.Wait()
		return errors.Join(errs...)
	default:
		*next++
		return s.append(item{*next - 1, step})
	}
}

// logTest is a store with a log under test. What is checked after a crash is what the store shows, and that it goes on.
func logTest(sc script, opts wal.Options, blockBytes int64) *crashtest.Test[item] {
	return &crashtest.Test[item]{
		Disk: simdisk.Options{
			BlockBytes: blockBytes,
			NoRewrite:  func(string) bool { return true },
		},
		Workload: func(disk *simdisk.Disk, run *crashtest.Run[item]) error { return sc.run(disk, run, 0, opts) },
		Check: func(disk *simdisk.Disk, run *crashtest.Run[item]) error {
			return script{{5000, 10}}.run(disk, run, 1000+len(run.Earlier()), opts)
		},
		Absorbable: func(s simdisk.Strike) bool { return s.Kind == simdisk.SyncLate },
	}
}

func eachWorkload(t *testing.T, blockBytes []int64, check func(t *testing.T, test *crashtest.Test[item])) {
	t.Helper()
	for name, w := range workloads {
		for _, size := range blockBytes {
			t.Run(fmt.Sprintf("%s/block=%d", name, size), func(t *testing.T) { check(t, logTest(w.script, w.opts, size)) })
		}
	}
}

// TestCrash cuts the power, or kills the process, after every operation of every workload, many times with another part of
// what was not synced lost, and opens what is left.
func TestCrash(t *testing.T) {
	eachWorkload(t, []int64{512, 4096}, func(t *testing.T, test *crashtest.Test[item]) {
		t.Helper()
		test.Crashes(flags.Sweep(200)).Verify(t)
	})
}

// TestCrashInRecovery is TestCrash with further crashes in the recoveries.
func TestCrashInRecovery(t *testing.T) {
	eachWorkload(t, []int64{512}, func(t *testing.T, test *crashtest.Test[item]) {
		t.Helper()
		test.CrashChains(flags.Sweep(120), 2).Verify(t)
		test.CrashChains(flags.Sweep(40), 5).Verify(t)
	})
}

// TestFaults fails every operation of every workload, in each way it can fail, once or from there on: whoever uses the
// log must notice, and the next process must find everything that was acknowledged and nothing that was refused.
func TestFaults(t *testing.T) {
	eachWorkload(t, []int64{512}, func(t *testing.T, test *crashtest.Test[item]) {
		t.Helper()
		test.Faults(flags.Sweep(50)).Verify(t)
		test.FaultPairs(flags.Sweep(20)).Verify(t)
		test.RecoveryFaults(flags.Sweep(20)).Verify(t)
	})
}

// TestLateErrors lets every sync of a workload report its failure one call late, kills the process, and cuts the power
// after the next one has started: where the failure was reported at all, nothing is lost.
func TestLateErrors(t *testing.T) {
	test := logTest(workloads["restart"].script, workloads["restart"].opts, 512)
	last := uint64(1)
	for op := uint64(1); op <= last; op += race.Share {
		for _, sticky := range []string{"", "+"} {
			r := test.Faults(crashtest.Sweep{Replay: fmt.Sprintf("1: sync-late@%d%s end:kill / end:lose", op, sticky)})
			if r.Violations > 0 {
				r.Verify(t)
			}
			last = max(last, r.Operations)
		}
	}
}

// TestDeterminism holds that the same seed does the same operations.
func TestDeterminism(t *testing.T) {
	sequential := maps.Clone(workloads)
	delete(sequential, "concurrent")
	for name, w := range sequential {
		t.Run(name, func(t *testing.T) { logTest(w.script, w.opts, 512).Determinism(flags.Sweep(15)).Verify(t) })
	}
}
