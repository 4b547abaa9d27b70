package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/residualdb/residual/cmd/residual/internal/agent"
	"github.com/residualdb/residual/dashboard"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/project/deployments"
	"github.com/residualdb/residual/wal"
)

// A server that is told to stop lets requests finish for drainTimeout and then has closeTimeout to close the store.
// What is left after that is not lost: everything answered is in the log.
const (
	drainTimeout = 3 * time.Second
	closeTimeout = 1500 * time.Millisecond
)

// Server is a store behind HTTP. Start, Open, Wait and Stop are called in this order, by one goroutine.
type Server struct {
	flags  *Flags
	built  Build
	log    *slog.Logger
	tokens *httpapi.Tokens
	ln     *listener
	http   *httpapi.Server
	// served is closed when http.Serve has returned, with serveErr.
	served   chan struct{}
	serveErr error
	// within is where the server's own agent asks it.
	within *fasthttputil.InmemoryListener
	// db is nil until the store is open.
	db      store
	project *projectOf
	// shared is what servers before one cluster share; nil with a store of this process.
	shared *sharedState
}

// Start listens and answers that the store is not open yet.
func Start(flags *Flags, built Build, log *slog.Logger) (*Server, error) {
	s := &Server{flags: flags, built: built, log: log, served: make(chan struct{})}
	err := flags.validate()
	if err != nil {
		return nil, err
	}
	plan := planMemory(int64(flags.memoryLimit))
	limits, err := withinFiles(plan.http, log)
	if err != nil {
		return nil, err
	}
	place, deployed, unread := httpapi.TokensIn(flags.dir), (*deployments.Store)(nil), error(nil)
	if flags.cluster.url == "" {
		deployed, unread = deployments.Open(vfs.OS(), flags.dir)
	} else if s.shared, err = flags.cluster.share(); err == nil {
		place, deployed = s.shared.tokens(), s.shared.deployments()
	}
	if err != nil {
		return nil, err
	}
	if s.tokens, err = place.Load(); err != nil {
		return nil, err
	}
	if flags.adminTokenFile != "" {
		if err := s.tokens.AddAdmin(flags.adminTokenFile); err != nil {
			return nil, err
		}
	}
	if s.project, err = readProject(&flags.project, deployed, unread, time.Duration(flags.poll), log); err != nil {
		return nil, err
	}
	s.project.tokens = s.tokens
	if s.shared != nil {
		s.project.turns = newTurns(sharedFolder{s.shared.workspace, turnsFolder, turnTimeout}, time.Now)
	}
	if s.ln, err = listen(flags, s.tokens.Defined()); err != nil {
		return nil, err
	}
	debug.SetMemoryLimit(plan.managed)
	limits.RequestsPerSecond = flags.rateLimit
	page := pages{agent.Texts{}}
	if flags.dashboard {
		page = append(page, dashboard.New())
	}
	s.within = fasthttputil.NewInmemoryListener()
	s.http, err = httpapi.New(nil, httpapi.Options{
		Starting: flags.cluster.starting(),
		Limits:   limits, Page: page, Agent: agent.NewHTTP(s.dialWithin, built.Version), Connectors: s.project, Deployments: s.project.deployments(),
		Tokens: s.tokens, Version: built.Version, Commit: built.Commit, Logger: log,
		ModelGaugesMax: flags.modelGauges, NoModelGauges: flags.modelGauges == 0,
		ModelGaugesEnvironments: flags.modelGaugesEnvironments, ModelGaugesFor: time.Duration(flags.modelGaugesFor),
	})
	switch {
	case err != nil:
	case s.shared != nil:
		err = s.project.await(s.http)
	default:
		err = s.project.serve(s.http)
	}
	if err != nil {
		return nil, errors.Join(err, s.ln.Close())
	}
	if s.shared == nil {
		s.warnOfTokens()
	}
	go func() {
		defer close(s.served)
		s.serveErr = s.http.Serve(s.ln)
	}()
	go func() { _ = s.http.Serve(s.within) }() // which ends with the other
	return s, nil
}

// dialWithin connects the server's agent with the server.
func (s *Server) dialWithin(context.Context, string, string) (net.Conn, error) {
	return s.within.Dial()
}

// URL is the address of the server.
func (s *Server) URL() string { return s.ln.url() }

// Open opens the store, which takes as long as there is log to read, and answers from it. When ctx ends before that,
// Open returns without it.
func (s *Server) Open(ctx context.Context) error {
	type result struct {
		db  store
		err error
	}
	opened := make(chan result, 1)
	go func() {
		db, err := s.flags.open(ctx, s.built, s.log)
		opened <- result{db, err}
	}()
	place := []any{"dir", s.flags.dir}
	if s.flags.cluster.url != "" {
		place = []any{"store", s.flags.cluster.url}
	}
	s.log.Info("opening the store", append(place, "address", s.URL())...)
	select {
	case r := <-opened:
		if r.err != nil {
			return r.err
		}
		s.db = r.db
	case <-ctx.Done():
		s.log.Warn("stopped before the store was open")
		return nil
	}
	if s.shared != nil {
		if err := s.readShared(ctx); err != nil || ctx.Err() != nil {
			return err
		}
	}
	if policy := s.flags.syncPolicy(); policy != wal.SyncAlways {
		s.log.Warn("answered events are lost if the machine stops before they are synced", "sync", policy)
	}
	s.http.Attach(s.db)
	if err := s.project.start(s.db); err != nil {
		return err
	}
	s.log.Info("ready", "address", s.URL())
	return nil
}

// Wait returns when ctx ends, or with the error that ended serving, or with that of a store that only a restart can help.
// The server reloads on each hangup.
func (s *Server) Wait(ctx context.Context, hangups <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	if s.db != nil {
		go func() { failed <- watch(ctx, s.db, s.log, failLimit) }()
	}
	go giveBack(ctx)
	if s.shared != nil {
		s.shared.following.Go(func() { s.follow(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.served:
			return s.serveErr
		case err := <-failed:
			return err
		case <-hangups:
			s.reload()
		}
	}
}

// warnOfTokens logs what is odd about the tokens.
func (s *Server) warnOfTokens() {
	for _, warning := range s.http.TokenWarnings() {
		s.log.Warn(warning)
	}
}

// reload reads tokens, certificate and project again.
func (s *Server) reload() {
	defer s.warnOfTokens()
	if err := errors.Join(s.tokens.Reload(), s.ln.reload(), s.project.reload()); err != nil {
		s.log.Error("what could not be read again stays as it was", "error", err)
		return
	}
	s.log.Info("tokens and certificate read again, and the project if there is one")
}

// Stop drains and closes. Cutting off requests that do not end in time is no failure of the server.
func (s *Server) Stop() error {
	s.log.Info("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	fetching := make(chan struct{})
	go func() {
		defer close(fetching)
		s.project.stop()
		if s.shared != nil {
			s.giveBackTurns()
		}
	}()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests were cut off", "after", drainTimeout)
		err = nil
	}
	// Shutdown closes the listener too, unless Serve had not come to it yet.
	if closeErr := s.ln.Close(); !errors.Is(closeErr, net.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	<-s.served
	_ = s.within.Close() // else Serve of it goes on, if it had not come to it when the other was shut down
	if s.db == nil {
		return errors.Join(err, s.closeShared())
	}
	closed := make(chan error, 1)
	go func() {
		<-fetching
		closed <- errors.Join(s.closeShared(), s.db.Close())
	}()
	select {
	case closeErr := <-closed:
		return errors.Join(err, closeErr)
	case <-time.After(closeTimeout):
		s.log.Warn("the store took too long to close; the next start reads its log")
		return err
	}
}

// A store whose disk has failed takes no events any more and answers queries. The process ends after failLimit, so that
// whoever watches it starts another, which finds out what the disk has.
const (
	failLimit     = 5 * time.Second
	watchInterval = 100 * time.Millisecond
)

var errStoreFailed = errors.New("the store has failed and needs a restart")

// watch returns an error when the store has been failed for limit, nil when ctx ends.
func watch(ctx context.Context, db interface{ Health() engine.Health }, log *slog.Logger, limit time.Duration) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	var reason string
	var end <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-end:
			return fmt.Errorf("%w: %s", errStoreFailed, reason)
		case <-tick.C:
			if h := db.Health(); h.Failed && end == nil {
				reason, end = h.Reason, time.After(limit)
				log.Error("the store has failed; queries are answered until the process ends", "reason", reason, "after", limit)
			}
		}
	}
}
