package files

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/residualdb/residual/source/internal/connector"
)

// errStalled is the cause of a request that is given up because nothing arrived.
var errStalled = errors.New("nothing arrived for too long")

// attempts repeats what fails for a reason that passes by itself.
type attempts struct {
	limits  *Limits
	retried func()
	// passes tells whether an error may pass by itself, and final is what is shown of one that does not.
	passes func(error) bool
	final  func(error) error

	failed  int
	backoff connector.Backoff
}

// progressed begins to count anew.
func (a *attempts) progressed() {
	a.failed = 0
	a.backoff.Reset()
}

// again waits for the next attempt after one that failed with err. It returns the final err if that is to count, or the error of ctx.
func (a *attempts) again(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a.failed++; a.failed >= a.limits.Attempts || !a.passes(err) {
		return a.final(err)
	}
	a.retried()
	a.backoff.First, a.backoff.Max = a.limits.RetryFirst, a.limits.RetryMax
	return a.backoff.Wait(ctx)
}

// stream reads the bytes [at, end) of a file over connections that may be cut, refused or slow: it goes on with the next byte.
type stream struct {
	ctx context.Context
	// get asks for the bytes [from, end), of which more or fewer may come.
	get      func(ctx context.Context, from, end int64) (io.ReadCloser, error)
	at, end  int64
	attempts attempts
	stall    time.Duration

	body   io.ReadCloser // nil unless connected
	cancel context.CancelCauseFunc
	timer  *time.Timer // ends the connection when nothing arrives
	reader context.Context
	err    error
}

func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for s.err == nil && s.at < s.end {
		n, err := s.once(p[:min(int64(len(p)), s.end-s.at)])
		if n > 0 {
			s.at += int64(n)
			s.attempts.progressed()
		}
		if s.at == s.end {
			s.disconnect()
		}
		if err != nil && s.at < s.end {
			s.disconnect()
			if n == 0 {
				s.err = s.attempts.again(s.ctx, err)
			}
		}
		if n > 0 {
			return n, nil
		}
	}
	if s.err != nil {
		return 0, s.err
	}
	return 0, io.EOF
}

// once reads from the connection, which it makes if there is none. Bytes may come with an error.
func (s *stream) once(p []byte) (int, error) {
	if s.body == nil {
		if s.reader, s.cancel = context.WithCancelCause(s.ctx); s.timer == nil {
			s.timer = time.AfterFunc(s.stall, func() { s.cancel(errStalled) })
		} else {
			s.timer.Reset(s.stall)
		}
		body, err := s.get(s.reader, s.at, s.end)
		if err != nil {
			return 0, s.cause(err)
		}
		s.body = body
	}
	s.timer.Reset(s.stall)
	n, err := s.body.Read(p)
	s.timer.Stop()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // it is one if bytes are missing
	}
	return n, s.cause(err)
}

// cause is the error that a request ended with, or why it was given up.
func (s *stream) cause(err error) error {
	if err != nil && errors.Is(context.Cause(s.reader), errStalled) {
		return errStalled
	}
	return err
}

func (s *stream) disconnect() {
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.cancel != nil {
		s.cancel(nil)
	}
	if s.body != nil {
		_ = s.body.Close() // it was only read
		s.body = nil
	}
}

// Close ends the connection.
func (s *stream) Close() error {
	s.disconnect()
	return nil
}
