package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/source/internal/connector"
)

// How much is on its way: what a run of lines takes is bounded by runBytes, and what a load takes by some times Limits.LoadBytes.
const (
	runsMax   = 4
	loadParts = 1024
	// loadDelay is how long rows wait for others to be stored with.
	loadDelay = 100 * time.Millisecond
)

// run is a run of lines on its way, or the end of a file that was not read to its end.
type run struct {
	object *object
	text   []byte
	// before is how many lines come before.
	before int
	unit   string
	format event.Format
	behind position
	// raw is how many bytes of the file were read up to here.
	raw int64
	// err is of the file.
	err error
}

// pipeline reads files: one goroutine reads, the caller's decodes, and one stores.
type pipeline struct {
	session *session
	files   []object
	runs    chan run
	free    chan []byte // memory for runs
	full    chan *connector.Load
	// empty has room for all loads there are: who has stored one does not wait for a decoder that has ended.
	empty chan *connector.Load
	// rejects is how many rejects of the file rejectsOf are kept. They are of the goroutine that decodes.
	rejectsOf *object
	rejects   int
}

func newPipeline(s *session, files []object) *pipeline {
	return &pipeline{
		session: s, files: files, runs: make(chan run, runsMax), free: s.buffers,
		full: make(chan *connector.Load), empty: make(chan *connector.Load, len(s.loads)),
	}
}

// read reads files in their order, and stores their rows. The error is not one of the files.
func (s *session) read(ctx context.Context, files []object) error {
	ctx, cancel := context.WithCancelCause(ctx)
	p := newPipeline(s, files)
	read, stored := make(chan error, 1), make(chan error, 1)
	go func() {
		defer close(p.runs)
		err := p.readFiles(ctx)
		read <- err
	}()
	go func() {
		err := p.store(ctx)
		if err != nil {
			cancel(err)
		}
		stored <- err
	}()
	err := p.decode(ctx)
	close(p.full)
	storeErr := <-stored
	cancel(nil)
	for r := range p.runs {
		p.recycle(r.text)
	}
	readErr := <-read
	switch {
	case storeErr != nil:
		return storeErr
	case readErr != nil:
		return readErr
	}
	return err
}

func (p *pipeline) recycle(text []byte) {
	if text != nil {
		p.free <- text // it has room for all there are
	}
}

// readFiles reads files into runs. What was read before an error is stored all the same.
func (p *pipeline) readFiles(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	ahead := &ahead{place: p.session.place, files: p.files, fetched: map[int]*fetched{}}
	defer ahead.running.Wait()
	defer cancel()
	refused := 0
	for i := range p.files {
		file, from := &p.files[i], p.session.place
		if p.session.config.S3 != nil {
			from = ahead.of(ctx, i)
		}
		err := p.readFile(ctx, from, file)
		switch {
		case err == nil:
			refused = 0
			continue
		case ctx.Err() != nil || !ofFile(err):
			return err
		case isLater(err):
			if refused++; refused == refusedMax {
				return fmt.Errorf("%s: %w", p.session.place.name(file.key), err)
			}
		}
		if err := p.send(ctx, run{object: file, err: err}); err != nil {
			return err
		}
	}
	return nil
}

// refusedMax is how many files in a row may not be readable for now before it is not worth asking for others.
const refusedMax = 20

func (p *pipeline) readFile(ctx context.Context, from place, file *object) error {
	opening := &opening{place: from, columns: p.session.columns, format: p.session.config.Format}
	c, err := opening.open(ctx, file, file.position())
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		var buf []byte
		select {
		case buf = <-p.free:
		case <-ctx.Done():
			return ctx.Err()
		}
		before := c.lines.count
		text, behind, err := c.next(buf[:0])
		if err != nil {
			p.recycle(buf)
		}
		if errors.Is(err, io.EOF) { // of a file without lines, or of one that was read to its end before
			return p.send(ctx, run{object: file, behind: position{state: stateDone, version: file.version}})
		}
		if err != nil {
			return err
		}
		if err := p.send(ctx, run{object: file, text: text, before: before, unit: c.unit, format: c.format, behind: behind, raw: c.raw.read}); err != nil {
			return err
		}
		if behind.state == stateDone {
			return nil
		}
	}
}

// send hands a run on; it is recycled where that fails.
func (p *pipeline) send(ctx context.Context, r run) error {
	select {
	case p.runs <- r:
		return nil
	case <-ctx.Done():
		p.recycle(r.text)
		return ctx.Err()
	}
}

// decode gathers runs in loads. It returns when all of them are handed over.
func (p *pipeline) decode(ctx context.Context) error {
	load, second := p.session.loads[0], p.session.loads[1]
	load.Reset()
	second.Reset()
	p.empty <- second
	late := time.NewTimer(loadDelay)
	defer late.Stop()
	hand := func() (err error) {
		if load.Empty() {
			return nil
		}
		load, err = p.hand(ctx, load)
		return err
	}
	for {
		select {
		case r, ok := <-p.runs:
			if !ok {
				return hand()
			}
			if load.Empty() {
				late.Reset(loadDelay)
			}
			if err := p.add(load, &r); err != nil {
				return err
			}
			if load.Bytes() >= p.session.config.Limits.LoadBytes || load.Parts() >= loadParts {
				if err := hand(); err != nil {
					return err
				}
			}
		case <-late.C:
			if err := hand(); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hand hands a load over to be stored, and returns an empty one.
func (p *pipeline) hand(ctx context.Context, load *connector.Load) (*connector.Load, error) {
	select {
	case p.full <- load:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case load = <-p.empty:
		return load, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// add decodes a run into a load, with the position behind it.
func (p *pipeline) add(load *connector.Load, r *run) error {
	s := p.session
	if r.err != nil {
		s.fault(load, r.object, r.err)
		return nil //nolint:nilerr // it is of the object, which is remembered as such
	}
	if r.text != nil {
		place := func(line int) string {
			return fmt.Sprintf("%s, %s %d", s.place.name(r.object.key), r.unit, r.before+line)
		}
		if r.object != p.rejectsOf {
			p.rejectsOf, p.rejects = r.object, 0
		}
		kept, err := load.Decode(r.text, r.format, connector.RejectsMax-p.rejects, place)
		p.recycle(r.text)
		if err != nil {
			return err
		}
		p.rejects += kept
	}
	s.reached(load, r.object, r.behind, r.raw)
	return nil
}

// store stores loads, one after the other.
func (p *pipeline) store(ctx context.Context) error {
	for load := range p.full {
		if err := p.session.feed.Store(ctx, load); err != nil {
			return err
		}
		p.empty <- load
	}
	return nil
}
