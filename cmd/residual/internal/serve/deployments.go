package serve

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/plaintext"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/project"
	"github.com/residualdb/residual/project/deployments"
)

// deployments are what the project of a server can be deployed to.
func (p *projectOf) deployments() httpapi.Deployments {
	switch {
	case p.flags.dir != "":
		return noDeployments{deploys: errFolderServed}
	case p.deployer == nil:
		return noDeployments{deploys: errUnreadDeployments, lists: errUnreadDeployments}
	}
	return &deployed{p.deployer, p.deployer.Store(), p}
}

// deployed is the deployments of a server as HTTP shows them.
type deployed struct {
	deployer *deployments.Deployer
	store    *deployments.Store
	of       *projectOf
}

// Deploy implements [httpapi.Deployments].
func (d *deployed) Deploy(wish httpapi.Deploying) (*httpapi.DeployOutcome, error) {
	files := make([]project.File, len(wish.Files))
	for i, f := range wish.Files {
		files[i] = project.File(f)
	}
	out, err := d.deployer.Deploy(deployments.Deploying{
		Files: files, Check: wish.Check, Stage: wish.Stage, Destructive: wish.Destructive, By: wish.By,
	})
	return d.shownOutcome(out, wish.Check, err)
}

// Promote implements [httpapi.Deployments].
func (d *deployed) Promote(id int, destructive bool, by string) (*httpapi.DeployOutcome, error) {
	out, err := d.deployer.Promote(id, destructive, by)
	return d.shownOutcome(out, false, err)
}

// Discard implements [httpapi.Deployments].
func (d *deployed) Discard(id int) error {
	if err := d.deployer.Refresh(); err != nil {
		return err
	}
	if d.store.Staged() == id && id != 0 {
		return deployError(d.deployer.Discard(id))
	}
	found, err := d.find(id)
	if err == nil && found.Live && id != 0 {
		err = deployError(deployments.ErrLive)
	}
	return err
}

// Find implements [httpapi.Deployments].
func (d *deployed) Find(id int) (httpapi.Deployment, error) {
	if err := d.deployer.Refresh(); err != nil {
		return httpapi.Deployment{}, err
	}
	return d.find(id)
}

// find is Find among what is known.
func (d *deployed) find(id int) (httpapi.Deployment, error) {
	if id == 0 {
		return httpapi.Deployment{Live: d.store.LiveID() == 0}, nil
	}
	found, err := d.store.Find(id)
	if errors.Is(err, deployments.ErrNotFound) && id <= d.store.Last() {
		return httpapi.Deployment{ID: id}, nil
	}
	if err != nil {
		return httpapi.Deployment{}, deployError(err)
	}
	return d.shown(found), nil
}

// Current implements [httpapi.Deployments].
func (d *deployed) Current() (list []httpapi.Deployment, err error) {
	if err := d.deployer.Refresh(); err != nil {
		return nil, err
	}
	live := d.store.LiveID()
	staged := d.store.Staged()
	if live == 0 && staged == 0 {
		return nil, nil
	}
	return d.findAll([]int{live, staged})
}

// History implements [httpapi.Deployments].
func (d *deployed) History() ([]httpapi.Deployment, error) {
	if err := d.deployer.Refresh(); err != nil {
		return nil, err
	}
	return d.findAll(d.store.Kept())
}

func (d *deployed) findAll(ids []int) (list []httpapi.Deployment, err error) {
	for _, id := range ids {
		found, err := d.find(id)
		if errors.Is(err, httpapi.ErrNoDeployment) { // it was dropped meanwhile
			continue
		}
		if err != nil { // the others can be read
			found = d.shown(&deployments.Deployment{ID: id})
			found.Problems = []httpapi.DeployProblem{{File: deployments.DirName, Text: "the deployment cannot be read"}}
		}
		if id != 0 || found.Live {
			list = append(list, found)
		}
	}
	return list, nil
}

func (d *deployed) shown(of *deployments.Deployment) httpapi.Deployment {
	shown := httpapi.Deployment{ID: of.ID, Created: of.Created, By: of.By, Live: d.store.LiveID() == of.ID, Staged: d.store.Staged() == of.ID}
	if shown.Live {
		d.of.mu.Lock()
		defer d.of.mu.Unlock()
		shown.Problems = shownProblems(d.of.problems)
	}
	return shown
}

// shownProblems are problems as HTTP shows them.
func shownProblems(problems project.Problems) (shown []httpapi.DeployProblem) {
	for i := range problems {
		p := &problems[i]
		shown = append(shown, httpapi.DeployProblem{
			File: p.File, Text: strings.TrimSuffix(plaintext.EscapeLines(p.String()), "\n"), Warning: p.Warning,
		})
	}
	return shown
}

// shownOutcome is an outcome as HTTP shows it.
func (d *deployed) shownOutcome(out *deployments.Outcome, check bool, err error) (*httpapi.DeployOutcome, error) {
	if err != nil {
		return nil, deployError(err)
	}
	shown := &httpapi.DeployOutcome{Result: httpapi.DeploySuccess}
	switch {
	case out.Problems.Errors() > 0:
		shown.Result = httpapi.DeployFailed
	case out.Deployment != nil:
		shown.Deployment = d.shown(out.Deployment)
	case out.Changes.None():
		shown.Result = httpapi.DeployNoChanges
		if live := d.store.Live(); live != nil {
			shown.Deployment = d.shown(live)
		}
	case !check:
		panic("BUG: a deployment without an outcome")
	}
	c := &out.Changes
	shown.Deployment.Changes.New, shown.Deployment.Changes.Changed, shown.Deployment.Changes.Deleted = names(c.New), names(c.Changed), names(c.Deleted)
	shown.Problems = shownProblems(out.Problems)
	return shown, nil
}

// deployError gives an error its class for HTTP.
func deployError(err error) error {
	class := func(class, of error) error {
		return fmt.Errorf("%w: %s", class, strings.TrimPrefix(err.Error(), of.Error()+": "))
	}
	switch {
	case errors.Is(err, project.ErrFiles):
		return class(httpapi.ErrProjectFiles, project.ErrFiles)
	case errors.Is(err, deployments.ErrNotFound):
		return class(httpapi.ErrNoDeployment, deployments.ErrNotFound)
	case errors.Is(err, deployments.ErrLive):
		return fmt.Errorf("%w: the deployment is live, and can only be replaced", httpapi.ErrDeployRefused)
	case errors.Is(err, deployments.ErrBusy):
		return class(httpapi.ErrDeployBusy, deployments.ErrBusy)
	case errors.Is(err, deployments.ErrUnknown):
		return fmt.Errorf("%w: %w", httpapi.ErrDeployUnknown, err)
	case err != nil && vfs.IsNoSpace(err):
		return fmt.Errorf("%w: %w", engine.ErrNoSpace, err)
	}
	return err
}

// noDeployments is the deployments of a server that takes none: deploys is why, and lists why it does not know what there is.
type noDeployments struct{ deploys, lists error }

var (
	errFolderServed      = fmt.Errorf("%w: this server serves a folder, which it was given by --project, and takes no deployments", httpapi.ErrDeployRefused)
	errUnreadDeployments = fmt.Errorf("%w: the list of what is deployed cannot be read, the log says why; "+
		"with the folder deployments moved out of the data directory, the server takes deployments after a start", httpapi.ErrDeployRefused)
)

// Deploy implements [httpapi.Deployments].
func (n noDeployments) Deploy(httpapi.Deploying) (*httpapi.DeployOutcome, error) {
	return nil, n.deploys
}

// Promote implements [httpapi.Deployments].
func (n noDeployments) Promote(int, bool, string) (*httpapi.DeployOutcome, error) {
	return nil, n.deploys
}

// Discard implements [httpapi.Deployments].
func (n noDeployments) Discard(int) error { return n.deploys }

// Find implements [httpapi.Deployments].
func (n noDeployments) Find(int) (httpapi.Deployment, error) {
	return httpapi.Deployment{}, cmp.Or(n.lists, httpapi.ErrNoDeployment)
}

// Current implements [httpapi.Deployments].
func (n noDeployments) Current() ([]httpapi.Deployment, error) { return nil, n.lists }

// History implements [httpapi.Deployments].
func (n noDeployments) History() ([]httpapi.Deployment, error) { return nil, n.lists }

// names are those of changes, by what they are of.
func names(byKind map[string][]string) (n httpapi.DeployNames) {
	n.Datasources, n.Pipes, n.Connections = byKind[project.DatasourceKind], byKind[project.PipeKind], byKind[project.ConnectionKind]
	return n
}
