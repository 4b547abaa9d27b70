package engine_test

import (
	"strings"
	"testing"

	"github.com/residualdb/residual/internal/testing/crashtest"
)

// mayPass are the faults that a store may get over without a word: a file that could not be removed is garbage for the
// next sweep, and a pack that a merge has emptied may fail to close. A pack for which there is no descriptor is tried again
// when others were closed. A sync that fails late says so at the next sync of the file, if there is one; until then nothing
// is lost.
var mayPass = []string{"at remove", "at close", "EMFILE at openread", "sync-late at"}

// verify fails the test if a fault passed unnoticed that may not.
func verify(t *testing.T, r *crashtest.Report) {
	t.Helper()
	r.Verify(t)
absorbed:
	for what, n := range r.Absorbed {
		for _, allowed := range mayPass {
			if strings.Contains(what, allowed) {
				continue absorbed
			}
		}
		t.Errorf("%s went unnoticed %d times", what, n)
	}
}

// TestFaults strikes every operation with every kind of fault: whoever uses the store must notice, and the next process
// must find everything that was acknowledged and nothing that was refused.
func TestFaults(t *testing.T) {
	for _, w := range scripts() {
		t.Run(w.name, func(t *testing.T) { verify(t, w.test(goOn, 512).Faults(crashFlags.Sweep(60))) })
	}
}

// TestFaultPairs is TestFaults with two faults in one run.
func TestFaultPairs(t *testing.T) {
	for _, w := range scripts() {
		t.Run(w.name, func(t *testing.T) { verify(t, w.test(goOn, 512).FaultPairs(crashFlags.Sweep(30))) })
	}
}

// TestRecoveryFaults strikes the recovery after a crash.
func TestRecoveryFaults(t *testing.T) {
	for _, w := range scripts() {
		t.Run(w.name, func(t *testing.T) { verify(t, w.test(goOn, 512).RecoveryFaults(crashFlags.Sweep(30))) })
	}
}
