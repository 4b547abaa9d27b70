package engine_test

import "testing"

// TestFaults strikes every operation with every kind of fault: whoever uses the store must notice, and the next process
// must find everything that was acknowledged and nothing that was refused.
func TestFaults(t *testing.T) {
	for _, w := range scripts() {
		t.Run(w.name, func(t *testing.T) { w.test(goOn, 512).Faults(crashFlags.Sweep(500)).Verify(t) })
	}
}

// TestFaultPairs is TestFaults with two faults in one run.
func TestFaultPairs(t *testing.T) {
	for _, w := range scripts() {
		t.Run(w.name, func(t *testing.T) { w.test(goOn, 512).FaultPairs(crashFlags.Sweep(200)).Verify(t) })
	}
}

// TestRecoveryFaults strikes the recovery after a crash.
func TestRecoveryFaults(t *testing.T) {
	for _, w := range scripts() {
		t.Run(w.name, func(t *testing.T) { w.test(goOn, 512).RecoveryFaults(crashFlags.Sweep(200)).Verify(t) })
	}
}
