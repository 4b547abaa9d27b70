package engine_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/crashtest"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

var crashFlags = crashtest.RegisterFlags(flag.CommandLine)

// script is what the crash and fault sweeps go over.
type script struct {
	name    string
	shape   shape
	options engine.Options
	run     func(s *session)

	states states
}

// scripts are the standard workloads: each does one thing a store does, with appends around it. Where actuals come to
// sealed rows these are long: a small segment stays in memory and is not read again.
func scripts() []*script {
	return []*script{
		{name: "append", run: func(s *session) { s.append(6) }},
		{name: "rotate", shape: shape{featuresBytes: 3000}, run: func(s *session) { s.append(8) }},
		{name: "checkpoint", run: func(s *session) {
			s.append(2)
			s.checkpoint()
			s.append(1)
			s.checkpoint()
			s.checkpoint() // of nothing
			s.append(2)
		}},
		{name: "merge", run: func(s *session) {
			for range 4 {
				s.append(1)
				s.checkpoint()
			}
			s.merge()
			s.append(1)
			s.checkpoint()
			s.merge()
		}},
		{name: "retention", shape: shape{old: 2}, options: engine.Options{Retention: 90 * 24 * time.Hour}, run: func(s *session) {
			s.append(2)
			s.checkpoint()
			s.expire()
			s.append(1)
			s.checkpoint()
		}},
		{name: "actuals", shape: shape{featuresBytes: 2400}, run: func(s *session) {
			s.append(2)
			s.checkpoint()
			s.actuals() // to sealed rows, waiting and not
			s.append(2)
			s.actuals()
			s.delete()
			s.checkpoint()
			s.actuals()
		}},
		{name: "delete", shape: shape{featuresBytes: 800}, run: func(s *session) {
			s.append(2)
			s.checkpoint()
			s.append(2)
			s.delete() // of sealed rows, and of rows in heads
			s.actuals()
			s.delete()
			s.checkpoint()
			s.delete()
			s.replay()
			s.merge()
			s.delete()
			s.append(1)
			s.delete()
			s.checkpoint()
			s.merge() // which empties packs
		}},
		{name: "spill", options: engine.Options{HeadBytes: 1}, run: func(s *session) {
			s.append(2)
			s.actuals()
			s.checkpoint()
			s.append(2)
			s.actuals()
			s.reopen()
			s.delete()
			s.append(1)
			s.reopen()
		}},
		{name: "replay", shape: shape{featuresBytes: 2400}, run: func(s *session) {
			s.append(2)
			s.checkpoint()
			s.replay() // of sealed rows
			s.append(1)
			s.actuals()
			s.replay() // of rows in heads too
			s.checkpoint()
			s.replay()
		}},
		{name: "positions", run: func(s *session) {
			s.read(3)
			s.checkpoint()
			s.read(4)
			s.delete()
			s.checkpoint()
			s.append(1)
			s.checkpoint() // of positions that have not changed
			s.read(3)
		}},
		{name: "restart", run: func(s *session) {
			s.reopen()
			s.append(2)
			s.reopen()
			s.append(2)
			s.reopen()
		}},
	}
}

// test returns the workload with a check that only looks, or one that goes on.
func (w *script) test(check func(*session, *run) error, blockBytes int64) *crashtest.Test[*sent] {
	return &crashtest.Test[*sent]{
		Disk: simdisk.Options{BlockBytes: blockBytes},
		Workload: func(disk *simdisk.Disk, r *run) error {
			s := newSession(w, disk, nil, beginOf(r))
			if err := s.open(); err != nil {
				return err
			}
			w.run(s)
			s.close()
			return s.err
		},
		Check: func(disk *simdisk.Disk, r *run) error {
			return check(newSession(w, disk, r.Earlier(), beginOf(r)), r)
		},
	}
}

func beginOf(r *run) func(*sent) step { return func(b *sent) step { return r.Begin(b) } }

// look opens the store and compares. The machine is switched off before it is closed, which would write.
func look(s *session, r *run) error {
	if err := s.open(); err != nil {
		return err
	}
	defer func() {
		s.disk.Kill()
		s.db.Abandon()
	}()
	_, err := s.compare(r.Earlier())
	return err
}

// goOn opens the store, compares, and goes on as the clients of a server do that came back: what has no outcome and can be
// sent again is, and then more. It ends with another restart.
func goOn(s *session, r *run) error { return s.goOn(r, s.actuals) }

func (s *session) goOn(r *run, last func()) error {
	if err := s.open(); err != nil {
		return err
	}
	known := r.Earlier()
	h, err := s.compare(known)
	if s.note(err) != nil {
		s.close()
		return err
	}
	for i, f := range known {
		if f.Outcome == crashtest.Unknown {
			r.Settle(i, h.has[i])
		}
	}
	for i, f := range known {
		isThere := slices.ContainsFunc(h.held, func(b *sent) bool { return b.name == f.Value.name })
		isLast := !slices.ContainsFunc(known[i+1:], func(later crashtest.Fact[*sent]) bool { return later.Value.name == f.Value.name })
		if b := f.Value.resent(); b.key != "" && !isThere && isLast {
			_ = s.note(s.send(b, s.begin(b)))
		}
	}
	s.append(1)
	s.checkpoint()
	last()
	s.reopen()
	s.close()
	return s.err
}

func TestCrash(t *testing.T) {
	for _, w := range scripts() {
		for _, block := range []int64{512, 4096} {
			t.Run(fmt.Sprintf("%s/block=%d", w.name, block), func(t *testing.T) {
				w.test(look, block).Crashes(crashFlags.Sweep(300)).Verify(t)
			})
		}
	}
}

// TestCrashAgain cuts the power while the store recovers and goes on, again and again.
func TestCrashAgain(t *testing.T) {
	for _, w := range scripts() {
		for _, lives := range []int{2, 5} {
			t.Run(fmt.Sprintf("%s/lives=%d", w.name, lives), func(t *testing.T) {
				w.test(goOn, 512).CrashChains(crashFlags.Sweep(60), lives).Verify(t)
			})
		}
	}
}

// TestDeterminism holds that a store without its background does the same operations every time. Only what looks up
// predictions by their id does not: the filters that say where an id may be have a seed that nobody can know beforehand,
// and now and then have a block read in vain.
func TestDeterminism(t *testing.T) {
	for _, w := range scripts() {
		if w.name == "actuals" {
			continue
		}
		check := func(s *session, r *run) error { return s.goOn(r, func() { s.append(1) }) }
		t.Run(w.name, func(t *testing.T) { w.test(check, 512).Determinism(crashFlags.Sweep(20)).Verify(t) })
	}
}
