package files

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/rowfile"
	"github.com/residualdb/residual/source/internal/connector"
)

// session is one run of a connector.
type session struct {
	config *Config
	feed   *connector.Feed
	place  place
	// schedule is the part under which it is stored how far the schedule is, and marked what is stored there.
	schedule, marked string
	columns          []rowfile.Column
	// known are files by their keys. What else the data source has read, from elsewhere or by another pattern, is not touched.
	known map[string]known
	// listing counts the listings, from 1.
	listing uint32
	now     func() time.Time

	buffers chan []byte
	loads   [2]*connector.Load

	// Of the pass:
	backlog backlog
	// left is how many bytes are to be read of files of which nothing is stored, and of the one that is read; oldest is the time of the last
	// change of the oldest of them.
	left   int64
	oldest time.Time
	// young is set where files may still be written; changed is what was changed while it was read, later what may be readable later.
	young          bool
	changed, later error
}

// known is a file that was read, or begun.
type known struct {
	// position is as the store has it.
	position string
	// seen is the last listing that had the file, and missed the Unix time since which listings have not.
	seen   uint32
	missed int64
}

func newSession(c *Config, feed *connector.Feed, p place) (*session, error) {
	s := &session{
		config: c, feed: feed, place: p, schedule: "schedule of " + c.Place(), now: time.Now, known: map[string]known{},
		columns: rowfile.Mapped(feed.Mapping),
		buffers: make(chan []byte, runsMax),
	}
	for range runsMax {
		s.buffers <- make([]byte, 0, runBytes)
	}
	for i := range s.loads {
		load, err := feed.NewLoad()
		if err != nil {
			return nil, err
		}
		s.loads[i] = load
	}
	pattern, root := newPattern(c.Pattern), p.name("")
	for part, value := range feed.Positions() {
		if key, ok := strings.CutPrefix(part, root); ok && pattern.matches(key) {
			s.known[key] = known{position: value}
		} else if part == s.schedule {
			s.marked = value
		}
	}
	return s, nil
}

// run does passes when the schedule says so.
func (s *session) run(ctx context.Context) error {
	switch s.config.Schedule {
	case Once:
		return s.once(ctx)
	case OnDemand:
		return s.onDemand(ctx)
	case Auto:
	}
	for asked := false; ; {
		if err := s.passes(ctx, asked); err != nil {
			return err
		}
		var err error
		if asked, err = s.wait(ctx, s.config.Poll); err != nil {
			return err
		}
	}
}

// What is marked of a schedule.
const (
	markedAsked = "asked"
	markedOnce  = "once"
)

// once reads what there is, unless that was done before. It goes on until nothing is left that can be read.
func (s *session) once(ctx context.Context) error {
	for asked := false; ; {
		if s.marked != markedOnce || asked {
			if err := s.passes(ctx, asked); err != nil {
				return err
			}
			if s.settled() {
				if err := s.mark(ctx, markedOnce); err != nil {
					return err
				}
			}
		} else {
			s.feed.Reached()
		}
		poll := s.config.Poll
		if s.marked == markedOnce {
			poll = 0 // it is waited until files are asked for
		}
		var err error
		if asked, err = s.wait(ctx, poll); err != nil {
			return err
		}
	}
}

// onDemand reads what there is when it is asked for. What was asked for is done though the process was ended meanwhile.
func (s *session) onDemand(ctx context.Context) error {
	s.feed.Reached()
	asked := s.marked == markedAsked
	for {
		if asked {
			if err := s.mark(ctx, markedAsked); err != nil {
				return err
			}
			if err := s.order(ctx); err != nil {
				return err
			}
			if err := s.mark(ctx, ""); err != nil {
				return err
			}
		}
		var err error
		if asked, err = s.wait(ctx, 0); err != nil {
			return err
		}
	}
}

// order reads what there is, until that is settled.
func (s *session) order(ctx context.Context) error {
	asked := true
	for {
		if err := s.passes(ctx, asked); err != nil || s.settled() {
			return err
		}
		var err error
		if asked, err = s.wait(ctx, s.config.Poll); err != nil {
			return err
		}
	}
}

// settled tells whether each file that the last pass has found was read, or will never be: none may still be written, was changed while it
// was read, or may be readable later.
func (s *session) settled() bool { return !s.young && s.changed == nil && s.later == nil }

// mark stores how far the schedule is.
func (s *session) mark(ctx context.Context, value string) error {
	if s.marked == value {
		return nil
	}
	load := s.loads[0]
	load.Reset()
	load.Read(s.schedule, value)
	if err := s.feed.Store(ctx, load); err != nil {
		return err
	}
	s.marked = value
	return nil
}

// wait waits for some time, or without end for 0, or until files are asked for.
func (s *session) wait(ctx context.Context, d time.Duration) (asked bool, err error) {
	var late <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-late:
		return false, nil
	case <-s.feed.Asked:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// changesMax is how many passes in a row may be for files that changed: a file that changes all the time is left to the next poll.
const changesMax = 3

// passes lists and reads until nothing new is there. Files that could not be read are tried again where they were asked for.
func (s *session) passes(ctx context.Context, asked bool) error {
	for changes := 0; ; asked = false {
		if err := s.pass(ctx, asked); err != nil {
			return err
		}
		if s.changed != nil {
			changes++
		}
		if !s.backlog.more && (s.changed == nil || changes == changesMax) {
			s.feed.Trouble("changed", s.changed)
			return nil
		}
	}
}

// pass lists the place once, and reads what is new.
func (s *session) pass(ctx context.Context, asked bool) error {
	s.changed, s.young, s.later, s.oldest = nil, false, nil, time.Time{}
	s.backlog = backlog{max: s.backlog.max}
	s.listing++
	found := 0
	var long error
	skipped, err := s.place.list(ctx, func(o object) {
		if found++; len(o.key) > engine.PositionBytesMax/2 {
			long = fmt.Errorf("%.100s...: its name has %d bytes, %d are allowed; it is left out", s.place.name(o.key), len(o.key), engine.PositionBytesMax/2)
			return
		}
		s.find(o, asked)
	})
	if err != nil {
		return err
	}
	s.feed.Reached()
	s.feed.Trouble("left out", skipped)
	s.feed.Trouble("long", long)
	if found > 0 && skipped == nil {
		if err := s.forget(ctx); err != nil {
			return err
		}
	}
	files := s.backlog.take()
	s.left = s.backlog.bytes
	if len(files) > 0 {
		s.oldest = files[0].modified
	}
	s.lag(0)
	err = s.read(ctx, files)
	if err == nil {
		s.feed.Trouble("later", s.later)
	}
	return err
}

// find looks at a file that is listed.
func (s *session) find(o object, asked bool) {
	k, ok := s.known[o.key]
	if ok {
		k.seen, k.missed = s.listing, 0
		s.known[o.key] = k
	}
	p := parsePosition(k.position)
	same := p.version == o.version
	switch {
	case o.young:
		s.young = true
	case same && (p.state == stateDone || p.state == stateFailed && !asked):
	case !same && o.modified.Before(s.config.From):
	default:
		o.begun = k.position
		s.backlog.add(o)
	}
}

// forgetParts is how many files are forgotten in one record.
const forgetParts = 10_000

// forget forgets files that are gone for a while.
func (s *session) forget(ctx context.Context) error {
	now := s.now().Unix()
	load := s.loads[0]
	load.Reset()
	for key, k := range s.known {
		switch {
		case k.seen == s.listing:
		case k.missed == 0:
			k.missed = now
			s.known[key] = k
		case now-k.missed >= int64(s.config.Limits.Forget/time.Second):
			load.Read(s.place.name(key), "")
			delete(s.known, key)
		}
		if load.Parts() == forgetParts {
			if err := s.feed.Store(ctx, load); err != nil {
				return err
			}
		}
	}
	if load.Empty() {
		return nil
	}
	return s.feed.Store(ctx, load)
}

// position is that behind what was read before of the version of a file; the zero position, if nothing was.
func (o *object) position() position {
	if p := parsePosition(o.begun); p.state == stateReading && p.version == o.version {
		return p
	}
	return position{}
}

// reached says in a load how far a file was read.
func (s *session) reached(load *connector.Load, o *object, behind position, raw int64) {
	s.know(load, o, behind)
	if behind.state == stateDone {
		s.left, raw = s.left-o.size, 0
	}
	s.lag(raw)
}

func (s *session) know(load *connector.Load, o *object, at position) {
	text := at.String()
	load.Read(s.place.name(o.key), text)
	s.known[o.key] = known{position: text, seen: s.listing}
}

// lag reports what is left to be read, of which so many bytes are read already.
func (s *session) lag(read int64) {
	lag := connector.Lag{Messages: connector.Unknown, Bytes: max(s.left-read, 0)}
	if lag.Bytes > 0 {
		lag.Seconds = max(s.now().Sub(s.oldest).Seconds(), 0)
	}
	s.feed.Lagging(lag)
}

// fault says what is wrong with a file. One that cannot be read is remembered as that.
func (s *session) fault(load *connector.Load, o *object, err error) {
	shown := fmt.Errorf("%s: %w", s.place.name(o.key), err)
	s.left -= o.size
	switch {
	case errors.Is(err, errUnreadable):
		failed := position{state: stateFailed, version: o.version}
		s.know(load, o, failed)
		s.feed.Warn(shown)
		if o.begun != failed.String() { // of one that was asked for again it is known
			load.RejectFile(s.place.name(o.key), err)
			s.feed.Fail()
		}
	case isLater(err):
		s.later = shown
	case errors.Is(err, errChanged):
		s.changed = shown
		s.feed.Warn(shown)
	default: // it is gone
		s.feed.Warn(shown)
	}
	s.lag(0)
}
