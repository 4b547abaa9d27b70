package crashtest_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/residualdb/residual/internal/testing/crashtest"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/internal/testing/simdisk/toylog"
)

var flags = crashtest.RegisterFlags(flag.CommandLine)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	toyRecords   = 16
	toyFileBytes = 4000
)

// payload is the record of the i-th fact.
func payload(i int) []byte { return bytes.Repeat([]byte{byte(i + 1)}, 1+i*397%1700) }

// toyTest is the toy log with a bug as a store under test. Its facts are numbers.
func toyTest(bug toylog.Bug) *crashtest.Test[int] {
	return &crashtest.Test[int]{
		Workload: func(disk *simdisk.Disk, run *crashtest.Run[int]) error {
			l, _, err := toylog.Open(disk, "/log", toyFileBytes, bug)
			if err != nil {
				return err
			}
			for i := range toyRecords {
				if err := appendFact(l, run, i); err != nil {
					return errors.Join(err, l.Close())
				}
			}
			return l.Close()
		},
		Check: func(disk *simdisk.Disk, run *crashtest.Run[int]) error {
			l, records, err := toylog.Open(disk, "/log", toyFileBytes, bug)
			if err != nil {
				return err
			}
			if err := compare(run, records); err != nil {
				return errors.Join(err, l.Close())
			}
			return errors.Join(appendFact(l, run, len(run.Earlier())), l.Close())
		},
		Absorbable: func(s simdisk.Strike) bool { return s.Kind == simdisk.SyncLate },
	}
}

func appendFact(l *toylog.Log, run *crashtest.Run[int], i int) error {
	step := run.Begin(i)
	if err := l.Append(payload(i)); err != nil {
		return err
	}
	step.Acknowledge()
	return nil
}

// compare holds records against the facts: in order, each acknowledged one among them, no refused one, and nothing else.
func compare(run *crashtest.Run[int], records [][]byte) error {
	for i, fact := range run.Earlier() {
		has := len(records) > 0 && bytes.Equal(records[0], payload(fact.Value))
		if has {
			records = records[1:]
		}
		if has && fact.Outcome == crashtest.Refused || !has && fact.Outcome == crashtest.Acknowledged {
			return crashtest.Violationf("record %d is %s, found: %v", fact.Value, fact.Outcome, has)
		}
		run.Settle(i, has)
	}
	if len(records) > 0 {
		return crashtest.Violationf("%d records that nobody wrote", len(records))
	}
	return nil
}

// sweeps are all sweeps, each of about so many cases.
func sweeps(t *crashtest.Test[int], cases int) map[string]func() *crashtest.Report {
	s := flags.Sweep(0)
	s.Cases, s.Every = cases, 0 // a bug is to be found under the race detector too
	return map[string]func() *crashtest.Report{
		"Crashes":        func() *crashtest.Report { return t.Crashes(s) },
		"CrashChains":    func() *crashtest.Report { return t.CrashChains(s, 2) },
		"LongChains":     func() *crashtest.Report { return t.CrashChains(s, 5) },
		"Faults":         func() *crashtest.Report { return t.Faults(s) },
		"FaultPairs":     func() *crashtest.Report { return t.FaultPairs(s) },
		"RecoveryFaults": func() *crashtest.Report { return t.RecoveryFaults(s) },
	}
}

func TestToyLog(t *testing.T) {
	for name, sweep := range sweeps(toyTest(toylog.None), race.Cases(1000)) {
		t.Run(name, func(t *testing.T) { sweep().Verify(t) })
	}
}

// TestToyLogBugs holds that each bug is found, by crashes alone where it takes no fault to show, and that what is found can
// be replayed.
func TestToyLogBugs(t *testing.T) {
	needsFault := map[toylog.Bug]bool{
		toylog.IgnoreSyncError: true, toylog.RetrySync: true, toylog.IgnoreShortWrite: true,
	}
	for _, bug := range toylog.Bugs() {
		t.Run(bug.String(), func(t *testing.T) {
			test := toyTest(bug)
			found := make(map[string]int)
			for name, sweep := range sweeps(test, 200) {
				if r := sweep(); r.Violations > 0 {
					found[name] = r.Violations
					again := test.Crashes(crashtest.Sweep{Replay: r.First[0].Case.String()})
					require.Equal(t, 1, again.Violations, "%s", r.First[0].Case)
					require.Equal(t, strings.Split(r.First[0].Err.Error(), "\n")[0], strings.Split(again.First[0].Err.Error(), "\n")[0])
				}
			}
			t.Log(found)
			require.NotEmpty(t, found)
			require.Equal(t, needsFault[bug], found["Crashes"]+found["CrashChains"]+found["LongChains"] == 0)
		})
	}
}

// TestSweepsAreDeterministic holds that a sweep tries the same cases with the same result, whatever the number of workers.
func TestSweepsAreDeterministic(t *testing.T) {
	test := toyTest(toylog.NoPadding)
	run := func(workers int) map[string]string {
		results := make(map[string]string)
		for name, sweep := range map[string]func(crashtest.Sweep) *crashtest.Report{
			"crashes": test.Crashes, "pairs": test.FaultPairs, "recovery": test.RecoveryFaults, "faults": test.Faults,
		} {
			r := sweep(crashtest.Sweep{Seed: 7, Cases: race.Cases(200), Workers: workers})
			results[name] = fmt.Sprint(r.Cases, r.Checks, r.Struck, r.Violations)
		}
		return results
	}
	require.Equal(t, run(1), run(3))
}

func TestToyLogIsDeterministic(t *testing.T) {
	toyTest(toylog.None).Determinism(flags.Sweep(100)).Verify(t)
	var lives atomic.Uint64
	drifting := toyTest(toylog.None)
	workload := drifting.Workload
	drifting.Workload = func(disk *simdisk.Disk, run *crashtest.Run[int]) error {
		if lives.Add(1)%5 == 0 {
			_, _ = disk.Free("/")
		}
		return workload(disk, run)
	}
	require.Positive(t, drifting.Determinism(crashtest.Sweep{Cases: 100}).Violations)
}

// TestHarnessFailures holds that what goes wrong in a check, or in a workload without a fault, is reported as a violation.
func TestHarnessFailures(t *testing.T) {
	sound := toyTest(toylog.None)
	for name, test := range map[string]crashtest.Test[int]{
		"panic in the check": {Workload: sound.Workload, Check: func(*simdisk.Disk, *crashtest.Run[int]) error { panic("at the disco") }},
		"error of the check": {Workload: sound.Workload, Check: func(*simdisk.Disk, *crashtest.Run[int]) error { return io.EOF }},
		"error of the workload": {
			Workload: func(*simdisk.Disk, *crashtest.Run[int]) error { return io.EOF }, Check: sound.Check,
		},
		"a synced sector written again": {
			Disk:     simdisk.Options{NoRewrite: func(string) bool { return true }},
			Workload: sound.Workload,
			Check: func(disk *simdisk.Disk, _ *crashtest.Run[int]) error {
				f, err := disk.Open("/log/00000001")
				if errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				_, err = f.WriteAt([]byte("x"), 0)
				return errors.Join(err, f.Close())
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, sweep := range sweeps(&test, 20) {
				r := sweep()
				require.Positive(t, r.Violations)
				require.LessOrEqual(t, len(r.First), 5)
				require.Contains(t, r.String(), "violations")
			}
		})
	}
}
