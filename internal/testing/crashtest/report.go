package crashtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// violationsKept bounds the violations that a report has in full.
const violationsKept = 5

// Violation is a case in which the store broke a promise.
type Violation struct {
	Case Case
	Err  error
}

// Report is the result of a sweep.
type Report struct {
	// Sweep is the name of the method, Seed that of its draws.
	Sweep string
	Seed  uint64

	// Operations is how many operations of the disk the life under test has.
	Operations uint64

	// Cases is how many cases were tried, Checks how often a store was opened and checked.
	Cases, Checks int

	// Tried is how many faults, or pairs of faults, were tried, each with several endings; Possible how many faults there are.
	Tried, Possible int

	// Struck is how many cases met a fault. Of them, Absorbed counts those in which neither workload nor check
	// returned an error and nothing was lost, by kind of fault and operation.
	Struck   int
	Absorbed map[string]int

	// Violations is how many cases broke a promise; First has the first of them.
	Violations int
	First      []Violation

	Elapsed time.Duration
}

func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d cases, %d checks over %d operations, seed %d, %d violations, %.2fs (%.0f checks/s)",
		r.Sweep, r.Cases, r.Checks, r.Operations, r.Seed, r.Violations, r.Elapsed.Seconds(), float64(r.Checks)/r.Elapsed.Seconds())
	switch {
	case r.Possible > 0:
		fmt.Fprintf(&b, "; %d of %d faults,", r.Tried, r.Possible)
	case r.Tried > 0:
		fmt.Fprintf(&b, "; %d pairs,", r.Tried)
	}
	if r.Struck > 0 {
		fmt.Fprintf(&b, " %d struck, absorbed:", r.Struck)
		for _, what := range slices.Sorted(maps.Keys(r.Absorbed)) {
			fmt.Fprintf(&b, " %s %d,", what, r.Absorbed[what])
		}
	}
	return strings.TrimSuffix(b.String(), ",")
}

// Verify logs the report and fails the test if there is a violation, or if nothing was tried.
func (r *Report) Verify(tb testing.TB) {
	tb.Helper()
	tb.Log(r)
	if r.Checks == 0 {
		tb.Error("nothing was checked")
	}
	for _, v := range r.First {
		tb.Errorf("%v\n\treplay with -run '^%s$' -crash.replay '%s'", v.Err, tb.Name(), v.Case)
	}
	if r.Violations > len(r.First) {
		tb.Errorf("and %d more violations", r.Violations-len(r.First))
	}
}

// collector gathers a report from several goroutines.
type collector struct {
	began time.Time

	// Guarded by mu.
	mu     sync.Mutex
	report Report
}

func newCollector(sweep string, seed uint64) *collector {
	return &collector{began: time.Now(), report: Report{Sweep: sweep, Seed: seed, Absorbed: make(map[string]int)}}
}

// tried adds one case.
func (c *collector) tried(k Case, v verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.report
	r.Cases++
	r.Checks += v.checks
	if len(v.struck) > 0 {
		r.Struck++
	}
	if v.violation != nil {
		r.Violations++
		if len(r.First) < violationsKept {
			r.First = append(r.First, Violation{k, v.violation})
		}
	} else if !v.noticed {
		for _, what := range v.struck {
			r.Absorbed[what]++
		}
	}
}

func (c *collector) done() *Report {
	c.report.Elapsed = time.Since(c.began)
	return &c.report
}
