package pipes

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/residualdb/residual/httpapi/internal/auth"
	"github.com/residualdb/residual/internal/endpoint"
)

// Set are the pipes of a server: those that every server has, those of a project, and the quarantines of data sources. It does not change
// once requests see it.
type Set struct {
	// Project is nil for a server without one; deployed are its pipes.
	Project  endpoint.Set
	deployed []Pipe
	// quarantines are those of data sources that not every server has.
	quarantines []Pipe
}

// Quarantine is a data source whose rejects a pipe shows, and whether a store has it.
type Quarantine struct {
	Source string
	In     func(store any) bool
}

// NewSet returns the pipes of a server without a project, with quarantines of data sources that not every server has.
func NewSet(further []Quarantine) *Set {
	s := &Set{}
	for _, of := range further {
		s.quarantines = append(s.quarantines, withAnswerParameters(quarantineOf(of.Source, of.In))...)
	}
	return s
}

// Deploy adds the pipes of a project. Its error is of class ErrPipe.
func (s *Set) Deploy(project endpoint.Set) error {
	s.Project = project
	for _, e := range project.Endpoints() {
		if !auth.PlainName(e.Name) {
			return fmt.Errorf("%w %q: the name must be 1 to 128 letters, digits, dots, dashes and underscores", ErrPipe, e.Name)
		}
		if s.Takes(e.Name) {
			return fmt.Errorf("%w %q: the server has a pipe of that name itself; give the file another one", ErrPipe, e.Name)
		}
		s.deployed = append(s.deployed, Pipe{
			Name: e.Name, Description: e.Description, Parameters: parametersOf(&e), Columns: columnsAnswered(e.Columns),
			needs: answers[endpoint.Store], Deployed: true, Run: runEndpoint,
		})
	}
	return nil
}

// All are the pipes in the order in which they are listed.
func (s *Set) All() iter.Seq[*Pipe] {
	return func(yield func(*Pipe) bool) {
		for i := range builtIns {
			if find(s.deployed, builtIns[i].Name) == nil && !yield(&builtIns[i]) {
				return
			}
		}
		for i := range s.deployed {
			if !yield(&s.deployed[i]) {
				return
			}
		}
		for i := range s.quarantines {
			if !yield(&s.quarantines[i]) {
				return
			}
		}
	}
}

// Named returns a pipe; nil if there is none of that name. One of the project stands in the place of the server's own.
func (s *Set) Named(name string) *Pipe {
	return cmp.Or(find(s.deployed, name), find(builtIns, name), find(s.quarantines, name))
}

// builtIn returns one of the pipes that every server has; nil if there is none of that name.
func builtIn(name string) *Pipe { return find(builtIns, name) }

func find(in []Pipe, name string) *Pipe {
	if i := slices.IndexFunc(in, func(p Pipe) bool { return p.Name == name }); i >= 0 {
		return &in[i]
	}
	return nil
}

// Takes tells whether a pipe of the server has a name that it does not give up, or the description of all pipes.
func (s *Set) Takes(name string) bool {
	return name == "openapi" || !slices.Contains(replaceable, name) && s.Named(name) != nil
}

// NodesOf are the nodes of a pipe of the project; those that every server has have none to be shown.
func (s *Set) NodesOf(p *Pipe) []endpoint.Node {
	if !p.Deployed {
		return nil
	}
	all := s.Project.Endpoints()
	i := slices.IndexFunc(all, func(e endpoint.Endpoint) bool { return e.Name == p.Name })
	return all[i].Nodes
}
