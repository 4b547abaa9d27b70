package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/residualdb/residual/source/internal/connector"
)

// The time between two runs of a connector that fails.
const (
	retryFirst = 500 * time.Millisecond
	retryMax   = time.Minute
)

// steady is how long a connector runs before it is taken to have recovered, so that its next retry is soon again.
const steady = time.Minute

// Options are those of a [Runner].
type Options struct {
	// Refusal returns why nothing may be taken in at the moment, such as that memory is full; nil if something may. It may be nil.
	Refusal func() error
	// Log is told of errors, each text of which once a minute at most, and of connectors that run again, for which LastErr is nil. It
	// may be nil. It must not wait for the Runner.
	Log func(Status)
	// RetryFirst and RetryMax bound the time between two runs of a connector that fails. Default: 0.5 s, 1 min.
	RetryFirst, RetryMax time.Duration
}

// Runner runs connectors.
type Runner struct {
	sink Sink
	opts Options

	// changing is held while connectors are changed, which takes as long as they take to end; it goes before mu.
	changing sync.Mutex
	closed   bool // guarded by changing

	mu sync.Mutex
	// running are the connectors by name. They are changed under both mutexes, and read under either.
	running map[string]*running
	// counted are the counts of connectors that have ended, by name, for those of the same data source that take their places: counts of a
	// process go up alone. They are changed under both mutexes, and read under either.
	counted map[string]Counts
}

// running is a connector that is run by a goroutine of its own, which ends when cancel was called, and then closes done.
type running struct {
	config Config
	feed   connector.Feed
	asked  chan struct{} // has room for one
	cancel context.CancelFunc
	done   chan struct{}
}

// NewRunner returns a Runner that runs nothing yet.
func NewRunner(sink Sink, opts Options) *Runner {
	if opts.RetryFirst == 0 {
		opts.RetryFirst = retryFirst
	}
	if opts.RetryMax == 0 {
		opts.RetryMax = retryMax
	}
	return &Runner{sink: sink, opts: opts, running: map[string]*running{}, counted: map[string]Counts{}}
}

// Apply runs what configs say, and nothing else: connectors whose configuration is what it was go on undisturbed, others have ended
// before those that take their place begin, which read again what those had read and not stored. The error, of class [ErrConfig], has everything that is wrong
// with any of configs; nothing has changed then.
func (r *Runner) Apply(configs []Config) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	if r.closed {
		return errors.New("source: closed")
	}
	wanted := map[string]*running{}
	var errs []error
	for _, config := range configs {
		if wanted[config.Name] != nil {
			errs = append(errs, fmt.Errorf("%w: data source %s is there twice", ErrConfig, config.Name))
			continue
		}
		if _, err := config.connector(); err != nil {
			errs = append(errs, err)
			continue
		}
		if was := r.running[config.Name]; was != nil && was.config.equal(&config) {
			wanted[config.Name] = was
			continue
		}
		next := &running{config: config, asked: make(chan struct{}, 1), done: make(chan struct{})}
		report := new(connector.Report)
		if r.opts.Log != nil {
			report.Log = func(s Snapshot) {
				r.opts.Log(Status{Name: config.Name, Kind: config.kind(), Place: config.place(), Snapshot: s})
			}
		}
		next.feed = connector.Feed{
			Report: report, Source: config.Name, Mapping: &next.config.Mapping, Sink: r.sink, Refusal: r.opts.Refusal, Asked: next.asked,
		}
		wanted[config.Name] = next
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	r.end(func(name string, was *running) bool { return wanted[name] != was })
	for name, next := range wanted {
		if r.running[name] == nil {
			r.start(next)
		}
	}
	return nil
}

// start runs a connector. The caller holds changing.
func (r *Runner) start(c *running) {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.feed.Continue(r.counted[c.config.Name])
	r.mu.Lock()
	r.running[c.config.Name] = c
	r.mu.Unlock()
	go func() {
		defer close(c.done)
		defer c.feed.Stop()
		r.run(ctx, c)
	}()
}

// end ends the connectors that which chooses, and waits for them. The caller holds changing.
func (r *Runner) end(which func(name string, c *running) bool) {
	var ended []*running
	r.mu.Lock()
	for name, c := range r.running {
		if which(name, c) {
			c.cancel()
			ended = append(ended, c)
			delete(r.running, name)
		}
	}
	r.mu.Unlock()
	for _, c := range ended {
		<-c.done
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range ended {
		r.counted[c.config.Name] = c.feed.Snapshot().Counts
	}
}

// run runs a connector again and again, until ctx ends.
func (r *Runner) run(ctx context.Context, c *running) {
	retry := connector.Backoff{First: r.opts.RetryFirst, Max: r.opts.RetryMax}
	for {
		began := time.Now()
		c.feed.Begin()
		err := c.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > steady {
			retry.Reset()
		}
		wait := retry.Next()
		c.feed.End(err, time.Now().Add(wait))
		if connector.Sleep(ctx, wait) != nil {
			return
		}
		c.feed.Retry()
	}
}

// once runs a connector once. The error is not nil unless ctx has ended.
func (c *running) once(ctx context.Context) error {
	made, err := c.config.connector()
	if err != nil {
		return err
	}
	if err := made.Run(ctx, &c.feed); err != nil || ctx.Err() != nil {
		return err
	}
	panic("BUG: connector " + c.config.Name + " ended by itself")
}

// Close ends all connectors and waits for them. It may be called again.
func (r *Runner) Close() {
	r.changing.Lock()
	defer r.changing.Unlock()
	r.closed = true
	r.end(func(string, *running) bool { return true })
}

// Ask tells a connector of files to look for new ones now, whatever its schedule, and to try those again that it could not read. Other
// connectors have nothing to be asked for. It returns false if there is no connector of that name.
func (r *Runner) Ask(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.running[name]
	if c == nil {
		return false
	}
	select {
	case c.asked <- struct{}{}:
	default: // it was asked and has not begun
	}
	return true
}

// Status returns how each connector does, by name. It waits for no connector.
func (r *Runner) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Status, 0, len(r.running))
	for name, c := range r.running {
		all = append(all, Status{Name: name, Kind: c.config.kind(), Place: c.config.place(), Snapshot: c.feed.Snapshot()})
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return all
}
