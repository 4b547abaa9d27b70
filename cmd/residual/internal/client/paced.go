package client

import (
	"context"
	"errors"
	"io"
	"time"
)

// errPaused is returned by a read of a stream that has brought nothing more for too long since a batch was begun.
var errPaused = errors.New("the stream pauses")

// paced reads a stream on a goroutine of its own, so that who waits for more can stop waiting. It is read by one goroutine.
type paced struct {
	pieces chan piece
	rest   []byte // of the last piece
	err    error  // that came with it
	every  time.Duration
	ctx    context.Context //nolint:containedctx // it ends the reads of a load, which is one call
	// due ends the wait for a batch that was begun; nil before its first byte.
	due *time.Timer
}

// piece is what one read of the stream returned.
type piece struct {
	bytes []byte
	err   error
}

// newPaced returns a reader of a stream that returns errPaused when every has passed since its first byte after the last pause. The
// goroutine that reads ends with the stream, or at the end of the read that it is in when ctx ends.
func newPaced(ctx context.Context, stream io.Reader, every time.Duration) *paced {
	p := &paced{pieces: make(chan piece), every: every, ctx: ctx}
	go func() {
		for {
			buf := make([]byte, readBytes)
			n, err := stream.Read(buf)
			select {
			case p.pieces <- piece{buf[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return p
}

// Read reads what has come, or waits for it.
func (p *paced) Read(to []byte) (int, error) {
	for len(p.rest) == 0 {
		if p.err != nil {
			return 0, p.err
		}
		var due <-chan time.Time
		if p.due != nil {
			due = p.due.C
		}
		select {
		case next := <-p.pieces:
			p.rest, p.err = next.bytes, next.err
		case <-due:
			p.due = nil
			return 0, errPaused
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	if p.due == nil {
		p.due = time.NewTimer(p.every)
	}
	n := copy(to, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
