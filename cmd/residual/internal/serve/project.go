package serve

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/residualdb/residual/cmd/residual/internal/folder"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/project"
	"github.com/residualdb/residual/project/deployments"
	"github.com/residualdb/residual/source"
)

// projectOf is the project that a server serves: that of a folder, or what is deployed to its data directory or its cluster. It is an
// [httpapi.Connectors], and a [deployments.Host].
type projectOf struct {
	flags *projectFlags
	poll  time.Duration
	log   *slog.Logger
	http  *httpapi.Server
	// tokens are those of the server.
	tokens *httpapi.Tokens
	// turns say which connectors this server runs; nil if it runs all.
	turns *turns
	// deployer is nil where a folder is served, and where unread says why the list of deployments cannot be read.
	deployer *deployments.Deployer
	unread   error

	// changing is held while a project takes the place of another, and while connectors start and stop.
	changing sync.Mutex
	mu       sync.Mutex
	// Guarded by mu. used is what was last read without errors, and coming what takes its place; runner is nil until the store is open,
	// and stale says why used is not what the files say now. problems are those of what is deployed, if it is used in part only, since then.
	used   *loadedProject
	coming *loadedProject
	runner *source.Runner
	stale  string

	problems project.Problems
	since    time.Time
}

// notServed is what a server says that serves a folder.
const notServed = "what is deployed is not served as long as --project is given"

// readProject reads a project for the first time. What is deployed is in store, and shared where it is read later, or unread says why the list
// of it cannot be read.
func readProject(flags *projectFlags, store *deployments.Store, unread error, poll time.Duration, log *slog.Logger) (*projectOf, error) {
	if flags.secrets != "" {
		if err := folder.Check(flags.secrets); err != nil {
			return nil, err
		}
	}
	loaded, err := flags.load()
	if err != nil {
		return nil, err
	}
	p := &projectOf{flags: flags, poll: poll, log: log, used: loaded}
	switch {
	case flags.dir != "" && (unread != nil || store.LiveID() != 0):
		log.Warn(notServed)
	case flags.dir != "":
	case unread != nil:
		p.unread = unread
	default:
		p.deployer = deployments.NewDeployer(store, p, time.Now)
	}
	return p, nil
}

// serve has a server have the project.
func (p *projectOf) serve(http *httpapi.Server) error {
	p.http = http
	if err := http.SetProject(Datasources(p.used.Project), p.used.Pipes); err != nil {
		return err
	}
	if p.flags.dir != "" {
		p.warn(p.used)
		return nil
	}
	return p.serveDeployed()
}

// serveDeployed serves what is deployed, or what can be served of it.
func (p *projectOf) serveDeployed() error {
	if err := p.resume(); err != nil {
		p.log.Error("what is deployed can be used in part only", "error", err)
		return p.servePart()
	}
	return nil
}

// resume serves what is deployed, with the secrets as they are now.
func (p *projectOf) resume() error {
	if p.deployer == nil {
		return p.unread
	}
	problems, err := p.deployer.Resume()
	if err == nil && problems.Errors() > 0 {
		err = unusable(p.deployer.Store().LiveID(), problems)
	}
	if err != nil || p.deployer.Store().LiveID() != 0 {
		return err
	}
	nothing, err := p.flags.load() // in the place of what was served while nobody knew whether something is deployed
	if err != nil {
		return err
	}
	return p.change(nothing)
}

func (p *projectOf) warn(loaded *loadedProject) {
	for i := range loaded.warnings {
		w := &loaded.warnings[i]
		p.log.Warn("the project: "+w.Text, "file", w.File, "line", w.Line, "advice", w.Advice)
	}
}

// start fetches into a store.
func (p *projectOf) start(sink source.Sink) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	runner := source.NewRunner(sink, source.Options{Refusal: p.http.Refusal, Log: p.logConnector})
	p.mu.Lock()
	p.runner = runner
	used := p.used
	p.mu.Unlock()
	return runner.Apply(p.ours(used))
}

// ours are the connectors of a project that this server runs.
func (p *projectOf) ours(of *loadedProject) []source.Config {
	configs := of.connectors(p.poll)
	if p.turns == nil {
		return configs
	}
	return slices.DeleteFunc(configs, func(c source.Config) bool { return !p.turns.has(c.Name) })
}

// askOnce asks a connector that fetches on demand, because it is new.
func (p *projectOf) askOnce(runner *source.Runner, of *loadedProject, name string) {
	configs := of.connectors(p.poll)
	for i := range configs {
		if files := configs[i].Files; configs[i].Name == name && files != nil && files.Schedule == source.OnDemand {
			runner.Ask(name)
		}
	}
}

// reload reads the project again. One that cannot be used leaves all as it was; of one that is used in part, the part is what can be used
// now.
func (p *projectOf) reload() error {
	var err error
	if p.flags.dir == "" {
		err = p.resume()
	} else {
		var next *loadedProject
		if next, err = p.flags.load(); err == nil {
			err = p.change(next)
		}
	}
	if err != nil {
		p.mu.Lock()
		part := p.used.part
		p.mu.Unlock()
		if part {
			return errors.Join(err, p.servePart())
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.stale = "the project could not be read again, an earlier one is in use; the log says why"
	}
	return err
}

// Read implements [deployments.Host].
func (p *projectOf) Read(files project.Files) (deployments.Candidate, project.Problems, error) {
	next, problems, err := p.inspect(files, nil)
	if err != nil {
		return nil, nil, err
	}
	return &candidate{p, next}, problems, nil
}

// inspect reads what files mean, and holds it to what the server can do. The error is that of reading secrets; problems are there beside
// it if the files were read.
func (p *projectOf) inspect(files project.Files, unknown map[string]bool) (*loadedProject, project.Problems, error) {
	next, problems, err := p.flags.read(files, unknown)
	if next == nil {
		return nil, nil, err
	}
	problems = append(problems, append(next.ofThisMachine(), next.withoutTokens(p.tokens)...)...)
	if problems.Errors() == 0 {
		problems = append(problems, next.beyondServer(p.poll)...)
	}
	return next, problems, err
}

// CheckProject returns what keeps servers from having a project that has no errors of its own.
func CheckProject(p *project.Project) project.Problems {
	return (&loadedProject{Project: p}).beyondServer(time.Minute)
}

// beyondServer are the problems of a project without errors that a server cannot have.
func (p *loadedProject) beyondServer(poll time.Duration) (problems project.Problems) {
	sources := Datasources(p.Project)
	taken, err := httpapi.PipesTaken(sources, p.Pipes)
	for _, e := range taken {
		problems = append(problems, p.Pipes.Refusal(e.Name, fmt.Sprintf("every server has a pipe %q", e.Name), "give the file another name"))
	}
	if len(taken) > 0 {
		return problems
	}
	if err = errors.Join(err, httpapi.CheckProject(sources, p.Pipes), source.Check(p.connectors(poll))); err != nil {
		problems = append(problems, project.Problem{Text: p.redact(err.Error())})
	}
	return problems
}

// ofThisMachine are the problems of a project that came from elsewhere and would have the server read folders of its machine.
func (p *loadedProject) ofThisMachine() (problems project.Problems) {
	for _, d := range p.Datasources {
		if d.Import != nil && d.Import.Connection == "" {
			problems = append(problems, project.Problem{
				File: d.Name + project.DatasourceKind, Text: "IMPORT_BUCKET_URI names a folder of the server's machine, which whoever deploys is not given",
				Advice: "put the files into a bucket, or have the operator serve the project by residual serve --project",
			})
		}
	}
	return problems
}

// withoutTokens are warnings of rights that go to tokens which do not exist.
func (p *loadedProject) withoutTokens(tokens *httpapi.Tokens) (problems project.Problems) {
	granted := func(file, token string) {
		if !tokens.Open() && !tokens.Has(token) {
			problems = append(problems, project.Problem{
				File: file, Warning: true, Text: fmt.Sprintf("the token %q, which is given a right, does not exist", token),
				Advice: "residual token create " + token + " makes it, on the machine of the server",
			})
		}
	}
	for _, d := range p.Datasources {
		for _, grant := range d.Tokens {
			granted(d.Name+project.DatasourceKind, grant.Token)
		}
	}
	for _, e := range p.Pipes.Endpoints() {
		for _, token := range e.Tokens {
			granted(e.File, token)
		}
	}
	return problems
}

// candidate is a project that may take the place of the one that is served.
type candidate struct {
	of   *projectOf
	next *loadedProject
}

// Serve implements [deployments.Candidate].
func (c *candidate) Serve() error { return c.of.change(c.next) }

// change has server and connectors follow another project, or neither.
func (p *projectOf) change(next *loadedProject) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	p.mu.Lock()
	runner, used := p.runner, p.used
	p.coming = next
	p.mu.Unlock()
	if err := p.http.SetPart(Datasources(next.Project), next.Pipes, next.withheld); err != nil {
		return err
	}
	if runner != nil {
		configs := p.ours(next)
		if err := runner.Apply(configs); err != nil {
			return errors.Join(err, p.http.SetPart(Datasources(used.Project), used.Pipes, used.withheld))
		}
		for i := range configs {
			p.askOnce(runner, next, configs[i].Name)
		}
	}
	p.mu.Lock()
	p.used, p.stale, p.problems, p.since = next, "", nil, time.Now()
	p.mu.Unlock()
	p.warn(next)
	return nil
}

// logConnector logs an error of a connector, or that it runs again.
func (p *projectOf) logConnector(s source.Status) {
	if s.LastErr == nil {
		p.log.Info("a connector runs again", "datasource", s.Name, "place", s.Place)
		return
	}
	p.mu.Lock()
	text := p.used.redact(s.LastErr.Error())
	if p.coming != nil {
		text = p.coming.redact(text)
	}
	p.mu.Unlock()
	p.log.Warn("a connector has an error", "datasource", s.Name, "place", s.Place, "state", s.State, "error", text)
}

// stop ends the connectors, which have stored what they read when it returns.
func (p *projectOf) stop() {
	p.changing.Lock()
	defer p.changing.Unlock()
	p.mu.Lock()
	runner := p.runner
	p.runner = nil
	p.mu.Unlock()
	if runner != nil {
		runner.Close()
	}
}

// Connectors implements [httpapi.Connectors].
func (p *projectOf) Connectors() []httpapi.Connector {
	p.mu.Lock()
	runner, used, since := p.runner, p.used, p.since
	p.mu.Unlock()
	if runner == nil {
		return nil
	}
	all := runner.Status()
	shown := make([]httpapi.Connector, len(all))
	for i := range all {
		shown[i] = used.shownConnector(&all[i])
	}
	shown = append(shown, used.unfetchedConnectors(since)...)
	for _, name := range p.fetched(used) {
		if p.turns != nil && !slices.ContainsFunc(shown, func(c httpapi.Connector) bool { return c.Name == name }) {
			shown = append(shown, httpapi.Connector{
				Name: name, Kind: used.kindOf(name), Place: "not fetched by this server", State: "stopped", LagMessages: -1, LagBytes: -1, LagSeconds: -1,
			})
		}
	}
	slices.SortFunc(shown, func(a, b httpapi.Connector) int { return strings.Compare(a.Name, b.Name) })
	return shown
}

// Ask implements [httpapi.Connectors].
func (p *projectOf) Ask(name string) (bool, error) {
	p.mu.Lock()
	runner, used := p.runner, p.used
	p.mu.Unlock()
	switch {
	case runner == nil:
		return false, nil
	case runner.Ask(name):
		return true, nil
	case p.turns == nil || !slices.Contains(p.fetched(used), name):
		return false, nil
	}
	err := p.turns.ask(name)
	return err == nil, err
}

// Stale implements [httpapi.Connectors].
func (p *projectOf) Stale() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stale
}
