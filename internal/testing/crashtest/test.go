package crashtest

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/residualdb/residual/internal/testing/simdisk"
)

// ErrViolation is the class of errors by which a check says that a store broke a promise. Where no fault was injected any
// error of a check is a violation; where one was, other errors mean that the store noticed it.
var ErrViolation = errors.New("violation")

// Violationf returns an error of class ErrViolation.
func Violationf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrViolation, fmt.Errorf(format, args...))
}

// Test is a store under test.
type Test[F any] struct {
	// Disk are the properties of the disk. Its seed is set by the sweeps. If NoRewrite is set, a rewrite is a violation.
	Disk simdisk.Options

	// Workload opens a store on an empty disk, asks it to keep facts, which it tells run, and closes it. It returns the first
	// error it met, and goes on or ends as it likes. No goroutine outlives it.
	Workload func(disk *simdisk.Disk, run *Run[F]) error

	// Check opens the store on a disk that an earlier life left, holds it against run.Earlier, and closes it. It may go on and
	// ask it to keep more facts, and tell what became of those whose outcome was unknown. No goroutine outlives it.
	Check func(disk *simdisk.Disk, run *Run[F]) error

	// Absorbable selects the strikes of faults that may go unnoticed: in a life in which another fault struck, Workload or
	// Check must return an error. Default: all, so that what counts is whether anything was lost.
	Absorbable func(simdisk.Strike) bool
}

// life is a life that was lived.
type life[F any] struct {
	disk    *simdisk.Disk
	run     *Run[F]
	history []*simdisk.Snapshot // if recorded; then the disk has a trace, too
	err     error
}

// live runs body as one life of a case.
func (t *Test[F]) live(
	k Case, disk *simdisk.Disk, earlier []Fact[F], faults []simdisk.Fault, record bool, body func(*simdisk.Disk, *Run[F]) error,
) *life[F] {
	if record {
		disk.StartHistory()
		disk.StartTrace()
	}
	disk.Inject(faults...)
	l := &life[F]{disk: disk, run: newRun(disk, earlier)}
	defer watch(func() { panic(fmt.Sprintf("crashtest: hangs in case %q", k)) }).stop()
	l.err = recovered(func() error { return body(disk, l.run) })
	if rewrites := disk.Rewrites(); len(rewrites) > 0 {
		l.err = errors.Join(l.err, Violationf("synced sectors were written again: %v", rewrites[0]))
	}
	if record {
		l.history = disk.History()
	}
	return l
}

// recovered makes a panic a violation.
func recovered(body func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Violationf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return body()
}

// first runs the workload.
func (t *Test[F]) first(k Case, faults ...simdisk.Fault) *life[F] {
	disk := simdisk.New(t.Disk)
	disk.Reseed(k.Seed)
	return t.live(k, disk, nil, faults, true, t.Workload)
}

// next ends life i of a case and runs the check that comes after it.
func (t *Test[F]) next(l *life[F], k Case, i int, record bool) *life[F] {
	var faults []simdisk.Fault
	if i+1 < len(k.Lives) {
		faults = k.Lives[i+1].Faults
	}
	end := k.Lives[i].Ending
	disk := end.apply(simdisk.At(l.history, end.Op))
	disk.Reseed(k.Seed + uint64(i) + 1)
	return t.live(k, disk, l.run.facts(end.Op), faults, record, t.Check)
}

// verdict is what came out of a case.
type verdict struct {
	checks    int
	violation error
	noticed   bool     // a life in which a fault struck returned an error
	struck    []string // what each fault struck first: its kind and that of the operation
}

// judge adds life i to a verdict.
func (t *Test[F]) judge(v *verdict, l *life[F], i int) {
	strikes := l.disk.Strikes()
	for _, s := range strikes {
		what := fmt.Sprintf("%s at %s", s.Kind, s.Op.Kind)
		if !slices.Contains(v.struck, what) {
			v.struck = append(v.struck, what)
		}
		if l.err == nil && t.Absorbable != nil && !t.Absorbable(s) {
			v.violation = fmt.Errorf("life %d: %w", i, Violationf("%s, and no error", what))
			return
		}
	}
	switch {
	case l.err == nil:
	case len(strikes) == 0 || errors.Is(l.err, ErrViolation):
		v.violation = fmt.Errorf("life %d: %w", i, l.err)
	default:
		v.noticed = true
	}
}

// follow goes through the lives of a case from life i on, which has been lived, and through the last check.
func (t *Test[F]) follow(l *life[F], k Case, i int) verdict {
	var v verdict
	t.judge(&v, l, i)
	for ; i < len(k.Lives) && v.violation == nil; i++ {
		l = t.next(l, k, i, i+1 < len(k.Lives))
		v.checks++
		t.judge(&v, l, i+1)
	}
	return v
}

// replay tries one case alone.
func (t *Test[F]) replay(sweep, text string) *Report {
	c := newCollector(sweep+" of one", 0)
	k, err := ParseCase(text)
	if err != nil {
		c.tried(k, verdict{violation: err})
		return c.done()
	}
	l := t.first(k, k.Lives[0].Faults...)
	c.report.Operations = l.disk.Ops()
	c.tried(k, t.follow(l, k, 0))
	return c.done()
}
