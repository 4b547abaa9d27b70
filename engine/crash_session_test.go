package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/crashtest"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

type (
	run   = crashtest.Run[*sent]
	facts = []crashtest.Fact[*sent]
)

// storeDir is not the root, so that its own name can be lost.
const storeDir = "/data/store"

// session is a process that uses a store on a simulated disk and tells what it knows of its fate. It goes on after
// errors, as a server does, and keeps the first.
type session struct {
	w     *script
	disk  *simdisk.Disk
	begin func(*sent) step
	db    *engine.DB
	now   time.Time
	// random fills the id of a new store.
	random byte
	// predictions are those sent so far, acknowledged the requests of this process that were.
	predictions  []event.Event
	acknowledged []*sent
	// next numbers the requests, process the times the store was opened.
	next, process int

	mu  sync.Mutex
	err error // guarded by mu
}

// step is a fact whose outcome is to come.
type step interface {
	Acknowledge()
	Refuse()
}

// newSession returns the session of a new process, which continues the numbers of earlier ones.
func newSession(w *script, disk *simdisk.Disk, earlier facts, begin func(*sent) step) *session {
	s := &session{w: w, disk: disk, begin: begin, now: testNow}
	for _, f := range earlier {
		s.next = max(s.next, f.Value.name.number+1)
		s.process = max(s.process, f.Value.name.process)
		s.predictions = append(s.predictions, f.Value.rows...)
	}
	return s
}

func (s *session) options() engine.Options {
	o := s.w.options
	o.FS, o.Now, o.NoBackground = s.disk, func() time.Time { return s.now }, true
	o.Random, o.Logger = constantReader(s.random), slog.New(noticing{slog.DiscardHandler, s})
	if o.LogFileBytes == 0 {
		o.LogFileBytes = 32 << 10
	}
	return o
}

// constantReader is randomness without surprises.
type constantReader byte

func (c constantReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

// noticing takes what the store logs as trouble for trouble.
type noticing struct {
	slog.Handler
	s *session
}

func (n noticing) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (n noticing) Handle(_ context.Context, r slog.Record) error {
	_ = n.s.note(errors.New(r.Message))
	return nil
}

func (s *session) note(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	return err
}

func (s *session) open() error {
	var err error
	s.process++
	s.db, err = engine.Open(storeDir, s.options())
	return s.note(err)
}

func (s *session) close() {
	if s.db != nil {
		_ = s.note(s.db.Close())
		s.db = nil
	}
}

// reopen is the end of one process and the start of the next.
func (s *session) reopen() {
	s.close()
	_ = s.open()
}

// append sends requests with predictions, one after the other.
func (s *session) append(n int) {
	for range n {
		s.post(newSent(s.next, s.process, s.w.shape))
	}
}

// actuals sends actuals of predictions that were sent before, and some to come.
func (s *session) actuals() {
	s.post(newActuals(s.next, s.process, s.w.shape, s.predictions))
}

// replay sends predictions that were sent before again.
func (s *session) replay() {
	s.post(newReplay(s.next, s.process, s.predictions[:min(len(s.predictions), 12)]))
}

// read sends predictions that a source outside has, with their positions.
func (s *session) read(n int) {
	for range n {
		s.post(newRead(s.next, s.process, s.w.shape))
	}
}

// delete deletes a prediction, or more.
func (s *session) delete() {
	s.post(newDeletion(s.next, s.process, s.predictions))
}

// post sends one request.
func (s *session) post(b *sent) {
	if s.db == nil {
		return
	}
	s.next++
	s.predictions = append(s.predictions, b.rows...)
	_ = s.note(s.send(b, s.begin(b)))
}

// send sends a request and tells its outcome. An error of a class that is not declared for it is a violation.
func (s *session) send(b *sent, step step) error {
	done, err := b.request(s.db)
	switch {
	case err == nil:
		if done.Successful != b.successful() || done.Quarantined != len(b.rejects) {
			return crashtest.Violationf("request %s is answered with %+v", b.name, done)
		}
		b.lsn = done.LSN
		s.acknowledged = append(s.acknowledged, b)
		step.Acknowledge()
	case errors.Is(err, engine.ErrOutcomeUnknown):
		if h := s.db.Health(); !h.Degraded || !h.Failed || h.Reason == "" {
			return crashtest.Violationf("after %w the store says it is well: %+v", err, h)
		}
	case errors.Is(err, engine.ErrDegraded), errors.Is(err, engine.ErrNoSpace), errors.Is(err, engine.ErrUnavailable):
		step.Refuse()
	default:
		return crashtest.Violationf("request %s: undeclared error %w", b.name, err)
	}
	return err
}

func (s *session) checkpoint() { s.do((*engine.DB).Checkpoint) }
func (s *session) merge()      { s.do((*engine.DB).Merge) }

func (s *session) do(call func(*engine.DB, context.Context) error) {
	if s.db != nil {
		_ = s.note(call(s.db, context.Background()))
	}
}

// expire drops what is past the retention.
func (s *session) expire() {
	if s.db == nil {
		return
	}
	// It is not in the log, and so neither before nor behind a request.
	step := s.begin(&sent{name: batchName{-s.process, s.next}, expired: s.acknowledged})
	s.next++
	if s.note(s.db.DropExpired()) != nil {
		return
	}
	found, err := contentOf(s.db)
	switch {
	case s.note(err) != nil:
	case found.hasOld():
		step.Refuse() // no checkpoint covers them yet
	default:
		step.Acknowledge()
	}
}
