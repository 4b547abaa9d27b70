package deployments_test

import (
	"errors"
	"flag"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/crashtest"
	"github.com/residualdb/residual/internal/testing/simdisk"
	"github.com/residualdb/residual/project/deployments"
)

var crashFlags = crashtest.RegisterFlags(flag.CommandLine)

// change is something that was done to the deployments, by the number of the files that are live then.
type change struct{ files int }

type crashRun = crashtest.Run[change]

// crashTest deploys, stages, goes back and discards, and after each crash looks at what is there and goes on.
func crashTest() *crashtest.Test[change] {
	return &crashtest.Test[change]{
		Disk: simdisk.Options{BlockBytes: 512},
		Workload: func(disk *simdisk.Disk, r *crashRun) error {
			if err := errors.Join(disk.MkdirAll(dataDir), disk.SyncDir("/")); err != nil {
				return err
			}
			s, err := deployments.Open(disk, dataDir)
			if err != nil {
				return err
			}
			var errs []error
			for n := 1; n <= 3; n++ {
				errs = append(errs, deploy(s, r, n))
			}
			errs = append(errs, stage(s, r, 4), goBack(s, r), discard(s), deploy(s, r, 5))
			return errors.Join(errs...)
		},
		Check: func(disk *simdisk.Disk, r *crashRun) error {
			if err := errors.Join(disk.MkdirAll(dataDir), disk.SyncDir("/")); err != nil {
				return err
			}
			s, err := deployments.Open(disk, dataDir)
			if err != nil {
				return err
			}
			if err := lookAt(s, r.Earlier()); err != nil {
				return err
			}
			return deploy(s, r, 100+len(r.Earlier()))
		},
	}
}

func deploy(s *deployments.Store, r *crashRun, n int) error {
	step := r.Begin(change{n})
	_, err := s.Add(deployments.Deployment{Created: testNow, Files: filesOf(n)}, true)
	if err == nil {
		step.Acknowledge()
	}
	return err
}

// stage stores what waits, and promotes it.
func stage(s *deployments.Store, r *crashRun, n int) error {
	d, err := s.Add(deployments.Deployment{Created: testNow, Files: filesOf(n)}, false)
	if err != nil {
		return err
	}
	step := r.Begin(change{n})
	if _, err = s.Promote(d.ID, testNow, ""); err == nil {
		step.Acknowledge()
	}
	return err
}

// goBack promotes the first deployment.
func goBack(s *deployments.Store, r *crashRun) error {
	d, err := s.Find(1)
	if err != nil {
		return err
	}
	n := slices.IndexFunc([]int{1, 2, 3, 4}, func(n int) bool { return slices.Equal(filesOf(n), d.Files) })
	step := r.Begin(change{n + 1})
	if _, err = s.Promote(1, testNow, ""); err == nil {
		step.Acknowledge()
	}
	return err
}

func discard(s *deployments.Store) error {
	err := s.Discard(2)
	if errors.Is(err, deployments.ErrNotFound) {
		return nil
	}
	return err
}

// lookAt holds that what is live is whole, and the last that was acknowledged or one that was asked for later.
func lookAt(s *deployments.Store, facts []crashtest.Fact[change]) error {
	last := -1
	for i, f := range facts {
		if f.Outcome == crashtest.Acknowledged {
			last = i
		}
	}
	live := s.Live()
	if live == nil {
		if last >= 0 {
			return crashtest.Violationf("nothing is live, and %d was acknowledged", facts[last].Value.files)
		}
		return nil
	}
	allowed := slices.ContainsFunc(facts[max(last, 0):], func(f crashtest.Fact[change]) bool {
		return slices.Equal(filesOf(f.Value.files), live.Files)
	})
	if !allowed {
		return crashtest.Violationf("live is %.20q, the last that was acknowledged is number %d of %v", live.Files[1].Text, last, facts)
	}
	for _, id := range s.Kept() {
		if _, err := s.Find(id); err != nil {
			return crashtest.Violationf("deployment %d: %v", id, err)
		}
	}
	return nil
}

func TestCrash(t *testing.T) {
	report := crashTest().Crashes(crashFlags.Sweep(1500))
	t.Log(report)
	require.Zero(t, report.Violations, "%v", report.First)
}

func TestCrashAgain(t *testing.T) {
	report := crashTest().CrashChains(crashFlags.Sweep(300), 3)
	t.Log(report)
	require.Zero(t, report.Violations, "%v", report.First)
}

func TestFaults(t *testing.T) {
	report := crashTest().Faults(crashFlags.Sweep(600))
	t.Log(report)
	require.Zero(t, report.Violations, "%v", report.First)
}
