package serve

import (
	"fmt"
	"path"
	"time"

	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/plaintext"
	"github.com/residualdb/residual/project"
	"github.com/residualdb/residual/project/deployments"
)

// A deployed project that cannot be used, because a secret is gone or a file is damaged, keeps no server from starting: what is stored
// stays within reach. The server has what it can have of the project, and tells those who ask for the rest to come again.

// servePart serves what can be served of what is deployed.
func (p *projectOf) servePart() error {
	next := withheldProject()
	var problems project.Problems
	if p.deployer != nil && p.deployer.Store().Live() != nil {
		next, problems = p.partOf(p.deployer.Store().Live().Files)
	}
	if problems.Errors() == 0 {
		problems = project.Problems{{File: deployments.DirName, Text: "what is deployed cannot be read; the log says why"}}
	}
	if err := p.change(next); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = problems
	p.stale = "what is deployed can be used in part only; 'residual deployments' and the log say why"
	return nil
}

// withheldProject is one of which nothing can be served, not even its names.
func withheldProject() *loadedProject {
	return &loadedProject{Project: &project.Project{Pipes: &project.Pipes{}}, part: true, withheld: httpapi.Withheld{All: true}}
}

// partOf reads what can be served of files, and what is wrong with them: what is declared in files without errors, but for
// what needs others. The connectors of a data source that have no secret are left out, and the data source is not.
func (p *projectOf) partOf(files project.Files) (*loadedProject, project.Problems) {
	_, problems, err := p.inspect(files, nil)
	if err != nil && problems == nil {
		return withheldProject(), nil
	}
	unknown := map[string]bool{}
	for i := range problems {
		unknown[problems[i].Secret] = true
	}
	kept := files
	for {
		next, wrong, err := p.inspect(kept, unknown)
		if err == nil && wrong.Errors() == 0 {
			next.part = true
			next.withhold(files, kept)
			next.leaveUnfetched(problems)
			return next, problems
		}
		less, _ := kept.Without(wrong)
		if len(less) == len(kept) { // what is wrong is in no file
			return withheldProject(), problems
		}
		kept = less
	}
}

// withhold notes what all of a project's files declare and those that are kept do not.
func (p *loadedProject) withhold(all, kept project.Files) {
	left := kept.ChangesTo(all).New
	p.withheld = httpapi.Withheld{Datasources: left[project.DatasourceKind], Pipes: left[project.PipeKind]}
}

// leaveUnfetched leaves out the connectors whose files have errors.
func (p *loadedProject) leaveUnfetched(problems project.Problems) {
	wrong := map[string]string{}
	for i := range problems {
		if q := &problems[i]; !q.Warning {
			wrong[path.Base(q.File)] = q.Text
		}
	}
	p.unfetched = map[string]string{}
	for _, d := range p.Datasources {
		var connection string
		switch {
		case d.Kafka != nil:
			connection = d.Kafka.Connection
		case d.Import != nil:
			connection = d.Import.Connection
		default:
			continue
		}
		for _, file := range []string{d.Name + project.DatasourceKind, connection + project.ConnectionKind} {
			if text, ok := wrong[file]; ok {
				p.unfetched[d.Name] = text
			}
		}
	}
}

// unfetchedConnectors are the connectors that are left out, as a server shows them.
func (p *loadedProject) unfetchedConnectors(since time.Time) (shown []httpapi.Connector) {
	for _, d := range p.Datasources {
		why, ok := p.unfetched[d.Name]
		if !ok {
			continue
		}
		shown = append(shown, httpapi.Connector{
			Name: d.Name, Kind: p.kindOf(d.Name), State: "failing", Since: since, Error: why, LagMessages: -1, LagBytes: -1, LagSeconds: -1,
		})
	}
	return shown
}

// kindOf is the kind of the connector of a data source.
func (p *loadedProject) kindOf(name string) string {
	for _, d := range p.Datasources {
		if d.Name == name && d.Kafka != nil {
			return "kafka"
		}
	}
	return "files"
}

// unusable is the error of a live deployment that cannot be used.
func unusable(id int, problems project.Problems) error {
	return fmt.Errorf("deployment %d cannot be used, it has errors: %d\n%s", id, problems.Errors(), plaintext.EscapeLines(problems.String()))
}
