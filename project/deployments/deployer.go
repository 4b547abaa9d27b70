package deployments

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/residualdb/residual/project"
)

// Host is the server that a project is deployed to.
type Host interface {
	// Read reads what files mean, with the secrets of the server, and holds it to what the server can do. It changes nothing. The
	// candidate is of use if none of the problems is an error.
	Read(files project.Files) (Candidate, project.Problems, error)
}

// Candidate is a project that a server can serve.
type Candidate interface {
	// Serve has the server answer from the project, at once and whole.
	Serve() error
}

// Deploying is a wish to deploy.
type Deploying struct {
	Files []project.File
	// Check asks what would be, and changes nothing.
	Check bool
	// Stage has the deployment wait for Deployer.Promote.
	Stage bool
	// Destructive allows to delete what is deployed.
	Destructive bool
	// By is the name of who asks.
	By string
}

// Outcome is what became of a wish.
type Outcome struct {
	// Deployment is nil where nothing was stored: there are errors among the problems, nothing has changed, or it was only checked.
	Deployment *Deployment
	// Live tells that the deployment is.
	Live bool
	// Changes are from what was live before.
	Changes  project.Changes
	Problems project.Problems
}

// Deployer brings projects to a server, one at a time.
type Deployer struct {
	store *Store
	host  Host
	now   func() time.Time
	// mu is held while a project takes the place of another.
	mu sync.Mutex
	// Guarded by mu. followed is the deployment that the server was last to answer from, whole is the one that it answers from all of; 0 for
	// none.
	followed, whole int
}

// NewDeployer returns a Deployer of a store and a server.
func NewDeployer(store *Store, host Host, now func() time.Time) *Deployer {
	return &Deployer{store: store, host: host, now: now}
}

// Store returns the deployments.
func (d *Deployer) Store() *Store { return d.store }

// Resume has the server answer from the deployment that is live, with the secrets as they are now. Where none is, nothing happens. The
// problems tell why it cannot, if one of them is an error: the server answers from what it did, and deploying or promoting the same files
// has it try again.
func (d *Deployer) Resume() (project.Problems, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.store.Refresh(); err != nil {
		return nil, err
	}
	return d.resume()
}

// Follow is Resume if another server has made something else live since the last time; followed tells whether it has. It is tried once.
func (d *Deployer) Follow() (followed bool, problems project.Problems, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.store.Refresh(); err != nil || d.store.LiveID() == d.followed {
		return false, nil, err
	}
	problems, err = d.resume()
	return true, problems, err
}

func (d *Deployer) resume() (project.Problems, error) {
	d.followed, d.whole = d.store.LiveID(), 0
	live, err := d.store.Live(), d.store.LiveErr()
	if live == nil {
		return nil, err
	}
	candidate, problems, err := d.host.Read(live.Files)
	if err != nil || problems.Errors() > 0 {
		return problems, err
	}
	return problems, d.give(candidate, live)
}

// give has the server answer from a candidate, which is all of a deployment.
func (d *Deployer) give(candidate Candidate, of *Deployment) error {
	d.followed, d.whole = of.ID, 0
	err := candidate.Serve()
	if err == nil {
		d.whole = of.ID
	}
	return err
}

// Deploy checks a project, stores it, and has the server answer from it. Its error may be of the class project.ErrFiles, or one of this
// package.
func (d *Deployer) Deploy(wish Deploying) (*Outcome, error) {
	files, err := project.NewFiles(wish.Files)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.store.Refresh(); err != nil {
		return nil, err
	}
	out, candidate, err := d.check(files, wish.Destructive)
	if err != nil || candidate == nil || wish.Check {
		return out, err
	}
	if live := d.store.Live(); live != nil && out.Changes.None() { // it is stored, and could not be served until now
		if wish.Stage {
			return out, nil
		}
		return out, d.serve(candidate, live)
	}
	if out.Deployment, err = d.store.Add(Deployment{Created: d.now(), By: wish.By, Files: files}, !wish.Stage); err != nil {
		return nil, err
	}
	if wish.Stage {
		return out, nil
	}
	out.Live = true
	return out, d.serve(candidate, out.Deployment)
}

// Promote makes a deployment live: the staged one, or an earlier one.
func (d *Deployer) Promote(id int, destructive bool, by string) (*Outcome, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.store.Refresh(); err != nil {
		return nil, err
	}
	deployment, err := d.store.Find(id)
	if err != nil {
		return nil, err
	}
	out, candidate, err := d.check(deployment.Files, destructive)
	if err != nil || out.Problems.Errors() > 0 {
		return out, err
	}
	if out.Deployment, err = d.store.Promote(id, d.now(), by); err != nil {
		return nil, err
	}
	out.Live = true
	if candidate == nil { // the same files
		return out, nil
	}
	return out, d.serve(candidate, out.Deployment)
}

// Discard removes a deployment that is not live.
func (d *Deployer) Discard(id int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.store.Refresh(); err != nil {
		return err
	}
	return d.store.Discard(id)
}

// Refresh takes over what other servers have changed, for who lists it. While a deployment is under way here it does not: that one is held
// to what it was checked against.
func (d *Deployer) Refresh() error {
	if !d.mu.TryLock() {
		return nil
	}
	defer d.mu.Unlock()
	return d.store.Refresh()
}

func (d *Deployer) serve(candidate Candidate, deployment *Deployment) error {
	if err := d.give(candidate, deployment); err != nil {
		return fmt.Errorf("deployment %d is stored, and a restart serves it: %w", deployment.ID, err)
	}
	return nil
}

// check compares files with what is live, and reads what has changed. The candidate is nil if there are errors, or if the server answers
// from these files already.
func (d *Deployer) check(files project.Files, destructive bool) (*Outcome, Candidate, error) {
	if err := d.store.Doubt(); err != nil {
		return nil, nil, err
	}
	var before project.Files
	live := d.store.Live()
	if live != nil {
		before = live.Files
	}
	out := &Outcome{Changes: before.ChangesTo(files)}
	candidate, problems, err := d.host.Read(files)
	if err != nil {
		return nil, nil, err
	}
	out.Problems = problems
	if !destructive {
		out.Problems = slices.Concat(deletions(out.Changes.Deleted), problems)
	}
	if out.Problems.Errors() > 0 || live != nil && out.Changes.None() && d.whole == live.ID {
		return out, nil, nil
	}
	return out, candidate, nil
}

// deletions are the problems of what would be deleted. Data sources that every server has stay, with columns of their own names.
func deletions(deleted map[string][]string) (problems project.Problems) {
	for _, of := range []struct{ kind, what, follows string }{
		{project.DatasourceKind, "data source", "whoever sends to it would get 404"},
		{project.PipeKind, "pipe", "whoever asks it would not get its answer"},
		{project.ConnectionKind, "connection", "nothing would be fetched over it"},
	} {
		for _, name := range deleted[of.kind] {
			if of.kind == project.DatasourceKind && project.IsBuiltIn(name) {
				continue
			}
			problems = append(problems, project.Problem{
				File: name + of.kind, Text: fmt.Sprintf("the %s %s is in use, and the project does not have it: %s", of.what, name, of.follows),
				Advice: "keep the file, or deploy with --allow-destructive-operations",
			})
		}
	}
	return problems
}
