package serve

import (
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/folder"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/plaintext"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/project"
	"github.com/residualdb/residual/project/deployments"
)

// WorkspaceFlags name a workspace: that of a data directory, or of a cluster.
type WorkspaceFlags struct {
	dir     string
	cluster ClusterFlags
}

// Register adds the flags to those of a command.
func (f *WorkspaceFlags) Register(flags *pflag.FlagSet) {
	flags.StringVar(&f.dir, "data-dir", "./residual-data", "directory of the store")
	f.cluster.Register(flags, "URL of a store in ClickHouse in the place of --data-dir: clickhouse://USER@HOST:9000,HOST:9000/DATABASE")
}

// Workspace is what servers of a store have beside its rows: tokens, and what is deployed. No server need run, and one that does follows what
// is changed here.
type Workspace struct {
	httpapi.TokenPlace

	live func() (project.Files, error)
	end  func() error
}

// Open opens the workspace. With create a data directory is made that does not exist.
func (f *WorkspaceFlags) Open(env func(string) (string, bool), create bool) (*Workspace, error) {
	f.cluster.readPassword(env)
	if f.cluster.url == "" {
		if f.cluster.passwordFile != "" {
			return nil, arg.Usagef("--%s is given without --%s", passwordFileFlag, storeFlag)
		}
		if create {
			if err := os.MkdirAll(f.dir, 0o700); err != nil {
				return nil, err
			}
		}
		live := func() (project.Files, error) { return liveFiles(deployments.Open(vfs.OS(), f.dir)) }
		return &Workspace{httpapi.TokensIn(f.dir), live, func() error { return nil }}, nil
	}
	shared, err := f.cluster.share()
	if err != nil {
		return nil, err
	}
	live := func() (project.Files, error) {
		store := shared.deployments()
		return liveFiles(store, store.Refresh())
	}
	return &Workspace{shared.tokens(), live, shared.close}, nil
}

// Close ends the connections to a cluster.
func (w *Workspace) Close() error { return w.end() }

// Project returns the data sources and pipes of a project, whatever its secrets: that of a folder, or where none is named the one that is
// deployed. There are none if none is, nor if the project cannot be read; the error says why.
func (w *Workspace) Project(dir string) ([]httpapi.Datasource, *project.Pipes, error) {
	read := w.live
	if dir != "" {
		read = func() (project.Files, error) { return folder.Project(dir) }
	}
	p, err := withoutSecrets(dir, read)
	if err != nil {
		p = withheldProject().Project
	}
	return Datasources(p), p.Pipes, err
}

func withoutSecrets(dir string, read func() (project.Files, error)) (*project.Project, error) {
	files, err := read()
	if err != nil {
		return nil, err
	}
	p, problems := project.Read(files, folder.StandIn)
	if problems.Errors() > 0 {
		if dir == "" {
			return nil, fmt.Errorf("the project that is deployed has errors\n%s", plaintext.EscapeLines(problems.String()))
		}
		return nil, fmt.Errorf("the project %s has errors; 'residual check %s' shows them", dir, dir)
	}
	return p, nil
}

// liveFiles are the files of the deployment that is live, none if none is.
func liveFiles(store *deployments.Store, err error) (project.Files, error) {
	if err == nil {
		err = store.LiveErr()
	}
	if err != nil || store.Live() == nil {
		return nil, err
	}
	return store.Live().Files, nil
}
