package crashtest

import (
	"fmt"
	"sync"

	"github.com/residualdb/residual/internal/testing/simdisk"
)

// Outcome is what is known of a fact.
type Outcome uint8

// The outcomes. An operation that failed leaves its fact Unknown, unless the store promised that nothing happened.
const (
	Unknown Outcome = iota
	Acknowledged
	Refused
)

func (o Outcome) String() string {
	switch o {
	case Unknown:
		return "unknown"
	case Acknowledged:
		return "acknowledged"
	case Refused:
		return "refused"
	default:
		return fmt.Sprintf("outcome(%d)", uint8(o))
	}
}

// Fact is something that the store was asked to keep.
type Fact[F any] struct {
	Value   F
	Outcome Outcome
}

// Run is the record of one life.
type Run[F any] struct {
	disk    *simdisk.Disk
	earlier []Fact[F]

	// Guarded by mu. The first steps are those of the earlier facts.
	mu    sync.Mutex
	steps []*Step[F]
}

// Step is a fact in the making.
type Step[F any] struct {
	run   *Run[F]
	value F
	begun uint64 // the operation after which it began

	// Guarded by run.mu.
	outcome Outcome
	known   uint64 // the operation after which the outcome was known
}

func newRun[F any](disk *simdisk.Disk, earlier []Fact[F]) *Run[F] {
	r := &Run[F]{disk: disk, earlier: earlier, steps: make([]*Step[F], len(earlier))}
	steps := make([]Step[F], len(earlier))
	for i, f := range earlier {
		steps[i] = Step[F]{run: r, value: f.Value, outcome: f.Outcome}
		r.steps[i] = &steps[i]
	}
	return r
}

// Earlier returns the facts of earlier lives in the order in which they began. The caller must not change them.
func (r *Run[F]) Earlier() []Fact[F] { return r.earlier }

// Begin tells that the store is about to be asked to keep value. From now on the store may have it.
func (r *Run[F]) Begin(value F) *Step[F] {
	s := &Step[F]{run: r, value: value, begun: r.disk.Ops()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, s)
	return s
}

// Acknowledge tells that the store has promised to keep the fact: from now on it must have it.
func (s *Step[F]) Acknowledge() { s.settle(Acknowledged) }

// Refuse tells that the store has promised that it does not keep the fact: from now on it must not have it.
func (s *Step[F]) Refuse() { s.settle(Refused) }

// Settle tells of an earlier fact, by its index, whose outcome was unknown and whether the store turned out to have it.
// What a store has shown after a crash it must go on showing after the next. That is too much to ask of a store which
// came up unable to write, if it says so: what it shows may be in the cache alone.
func (r *Run[F]) Settle(i int, has bool) {
	r.mu.Lock()
	s := r.steps[i]
	r.mu.Unlock()
	if has {
		s.Acknowledge()
	} else {
		s.Refuse()
	}
}

// settle makes an outcome known. The first one stays.
func (s *Step[F]) settle(o Outcome) {
	op := s.run.disk.Ops()
	s.run.mu.Lock()
	defer s.run.mu.Unlock()
	if s.outcome == Unknown {
		s.outcome, s.known = o, op
	}
}

// facts returns the facts that had begun when operation op was done, with what was known of them before the next.
func (r *Run[F]) facts(op uint64) []Fact[F] {
	r.mu.Lock()
	defer r.mu.Unlock()
	facts := make([]Fact[F], 0, len(r.steps))
	for _, s := range r.steps {
		if s.begun > op {
			continue
		}
		f := Fact[F]{Value: s.value}
		if s.known <= op {
			f.Outcome = s.outcome
		}
		facts = append(facts, f)
	}
	return facts
}
