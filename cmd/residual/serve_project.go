package main

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/source"
)

// projectOf is the project that a server serves. It is an [httpapi.Connectors]. Its methods but for these are called by one goroutine.
type projectOf struct {
	flags *projectFlags
	poll  time.Duration
	log   *slog.Logger
	http  *httpapi.Server

	mu sync.Mutex
	// Guarded by mu. used is what was last read without errors, runner is nil until the store is open, and stale says why used is not
	// what the files say now.
	used   *loadedProject
	runner *source.Runner
	stale  string
}

// readProject reads a project for the first time.
func readProject(flags *projectFlags, poll time.Duration, log *slog.Logger) (*projectOf, error) {
	loaded, err := flags.load()
	if err != nil {
		return nil, err
	}
	return &projectOf{flags: flags, poll: poll, log: log, used: loaded}, nil
}

// serve has a server have the data sources of the project.
func (p *projectOf) serve(http *httpapi.Server) error {
	p.http = http
	p.warn(p.used)
	return http.SetDatasources(p.used.datasources())
}

func (p *projectOf) warn(loaded *loadedProject) {
	for i := range loaded.warnings {
		w := &loaded.warnings[i]
		p.log.Warn("the project: "+w.Text, "file", w.File, "line", w.Line, "advice", w.Advice)
	}
}

// start fetches into a store.
func (p *projectOf) start(sink source.Sink) error {
	runner := source.NewRunner(sink, source.Options{Refusal: p.http.Refusal})
	p.mu.Lock()
	p.runner = runner
	p.mu.Unlock()
	return runner.Apply(p.used.connectors(p.poll))
}

// reload reads the project again. One that cannot be used leaves all as it was.
func (p *projectOf) reload() error {
	if p.flags.dir == "" {
		return nil
	}
	next, err := p.flags.load()
	if err == nil {
		err = p.change(next)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.stale = "the project could not be read again, an earlier one is in use; the log says why"
		return err
	}
	p.used, p.stale = next, ""
	p.warn(next)
	return nil
}

// change has server and connectors follow another project, or neither.
func (p *projectOf) change(next *loadedProject) error {
	if err := p.http.SetDatasources(next.datasources()); err != nil {
		return err
	}
	if p.runner == nil {
		return nil
	}
	configs := next.connectors(p.poll)
	if err := p.runner.Apply(configs); err != nil {
		return errors.Join(err, p.http.SetDatasources(p.used.datasources()))
	}
	for i := range configs {
		if files := configs[i].Files; files != nil && files.Schedule == source.OnDemand {
			p.runner.Ask(configs[i].Name)
		}
	}
	return nil
}

// stop ends the connectors, which have stored what they read when it returns.
func (p *projectOf) stop() {
	if p.runner != nil {
		p.runner.Close()
	}
}

// Connectors implements [httpapi.Connectors].
func (p *projectOf) Connectors() []httpapi.Connector {
	p.mu.Lock()
	runner, used := p.runner, p.used
	p.mu.Unlock()
	if runner == nil {
		return nil
	}
	all := runner.Status()
	shown := make([]httpapi.Connector, len(all))
	for i := range all {
		shown[i] = used.shownConnector(&all[i])
	}
	return shown
}

// Ask implements [httpapi.Connectors].
func (p *projectOf) Ask(name string) bool {
	p.mu.Lock()
	runner := p.runner
	p.mu.Unlock()
	return runner != nil && runner.Ask(name)
}

// Stale implements [httpapi.Connectors].
func (p *projectOf) Stale() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stale
}
