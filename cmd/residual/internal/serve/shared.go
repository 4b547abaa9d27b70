package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/project/deployments"
)

// Servers before one cluster have no state of their own: tokens and what is deployed are in the cluster's workspace, and each server follows
// what the others change.

// The folders of the workspace, and the text with the tokens.
const (
	tokensFolder      = "tokens"
	deploymentsFolder = deployments.DirName
	tokensText        = "tokens.json"
)

// sharedState is what servers before one cluster share.
type sharedState struct {
	workspace *clickhouse.Workspace
	following sync.WaitGroup
}

// share returns what the servers of a cluster share, which nobody is asked for yet.
func (f *ClusterFlags) share() (*sharedState, error) {
	c, err := f.config()
	if err != nil {
		return nil, err
	}
	w, err := clickhouse.NewWorkspace(c)
	if err != nil {
		return nil, err
	}
	return &sharedState{workspace: w}, nil
}

func (s *sharedState) close() error {
	err := s.workspace.Close()
	s.following.Wait()
	return err
}

// closeShared ends what the server shares with others, if it does.
func (s *Server) closeShared() error {
	if s.shared == nil {
		return nil
	}
	return s.shared.close()
}

// giveBackTurns has other servers run the connectors, which have ended here.
func (s *Server) giveBackTurns() {
	if _, err := s.project.turns.take(nil); err != nil {
		s.log.Warn("other servers take over the connectors once the turn of this one is over", "error", err)
	}
}

func (s *sharedState) tokens() httpapi.TokenPlace {
	return httpapi.TokensAt(sharedTokens{sharedFolder{s.workspace, tokensFolder, changeTimeout}})
}

func (s *sharedState) deployments() *deployments.Store {
	return deployments.OpenShared(sharedFolder{s.workspace, deploymentsFolder, changeTimeout})
}

// sharedFolder is a folder of the workspace. It implements [deployments.Shared].
type sharedFolder struct {
	of   *clickhouse.Workspace
	name string
	// timeout bounds each call; the workspace bounds it too.
	timeout time.Duration
}

// changeTimeout bounds what somebody waits for, turnTimeout what holds up the following of other servers.
const (
	changeTimeout = time.Minute
	turnTimeout   = 3 * time.Second
)

func (f sharedFolder) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), f.timeout)
}

func (f sharedFolder) Read(names ...string) (texts map[string]string, version uint64, err error) {
	ctx, cancel := f.context()
	defer cancel()
	return f.of.Read(ctx, f.name, names...)
}

func (f sharedFolder) Sizes() (map[string]int64, error) {
	ctx, cancel := f.context()
	defer cancel()
	return f.of.Sizes(ctx, f.name)
}

func (f sharedFolder) Replace(version uint64, texts map[string]string) (bool, error) {
	ctx, cancel := f.context()
	defer cancel()
	return f.of.Replace(ctx, f.name, version, texts)
}

// sharedTokens implements [httpapi.SharedTokens].
type sharedTokens struct{ folder sharedFolder }

func (t sharedTokens) Read() (string, uint64, error) {
	texts, version, err := t.folder.Read(tokensText)
	return texts[tokensText], version, err
}

func (t sharedTokens) Replace(version uint64, text string) (bool, error) {
	return t.folder.Replace(version, map[string]string{tokensText: text})
}

// readShared reads tokens and what is deployed for the first time, again and again until the shard that has them answers or ctx ends.
func (s *Server) readShared(ctx context.Context) error {
	tick := time.NewTicker(clusterRetry)
	defer tick.Stop()
	for last := ""; ; {
		err := s.tokens.Reload()
		if err == nil && s.project.deployer != nil {
			err = s.project.deployer.Refresh()
		}
		if err == nil {
			break
		}
		if !mayPass(err) {
			return ClusterError(err)
		}
		if text := err.Error(); text != last {
			s.log.Warn("tokens and what is deployed cannot be read yet, which is tried again", "error", text)
			last = text
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	if err := s.checkOpen(); err != nil {
		return err
	}
	s.warnOfTokens()
	if s.project.deployer != nil {
		return s.project.serveDeployed()
	}
	if store := s.shared.deployments(); store.Refresh() == nil && store.LiveID() != 0 {
		s.log.Warn(notServed)
	}
	return nil
}

// checkOpen refuses to ask nobody for a token where more than this machine can reach the server, or where its data directory has tokens,
// which do not count.
func (s *Server) checkOpen() error {
	if !s.tokens.Open() {
		return nil
	}
	create := "--store '" + s.flags.cluster.url + "'"
	if host, _, err := net.SplitHostPort(s.flags.listen); err == nil && !Loopback(host) {
		return errNoToken(s.flags, create)
	}
	tokens, err := httpapi.TokensIn(s.flags.dir).List()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(tokens) > 0 {
		return fmt.Errorf("no token is in the store, and those in %s do not count with --store, so that this server would ask for none; create one with\n"+
			"  residual token create NAME --scope ADMIN %s\n"+
			"or take tokens.json out of %s", s.flags.dir, create, s.flags.dir)
	}
	return nil
}

// followEvery is how often a server looks whether another one has changed something.
const followEvery = time.Second

// follow takes over what other servers change, until ctx ends. What cannot be read stays as it is known.
func (s *Server) follow(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	seen, last := map[string]uint64{}, ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.followOnce(ctx, seen)
		if ctx.Err() != nil {
			return
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != last && text != "" {
			s.log.Warn("what other servers change cannot be seen, and stays as it is known", "error", text)
		} else if text != last {
			s.log.Info("what other servers change is seen again")
		}
		last = text
	}
}

// followOnce takes over what has changed since the versions that were seen.
func (s *Server) followOnce(ctx context.Context, seen map[string]uint64) error {
	if err := s.project.takeTurns(); err != nil {
		return err
	}
	versions, err := s.shared.workspace.Versions(ctx)
	if err != nil {
		return err
	}
	for folder, again := range map[string]func() error{tokensFolder: s.tokens.Reload, deploymentsFolder: s.project.follow} {
		if versions[folder] == seen[folder] {
			continue
		}
		if err := again(); err != nil {
			return err
		}
		seen[folder] = versions[folder]
	}
	return nil
}

// await has a server have the project of a folder, or one of which nothing is known yet.
func (p *projectOf) await(http *httpapi.Server) error {
	if p.flags.dir != "" {
		return p.serve(http)
	}
	p.http = http
	return p.change(withheldProject())
}

// follow serves what another server has made live.
func (p *projectOf) follow() error {
	if p.deployer == nil {
		return nil
	}
	followed, problems, err := p.deployer.Follow()
	if !followed {
		return err
	}
	id := p.deployer.Store().LiveID()
	if err == nil && problems.Errors() > 0 {
		err = unusable(id, problems)
	}
	if err != nil {
		p.log.Error("what another server has made live can be used in part only", "deployment", id, "error", err)
		return p.servePart()
	}
	p.log.Info("another server has made a deployment live, which is served", "deployment", id)
	return nil
}
