package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/httpapi/internal/admission"
	"github.com/residualdb/residual/httpapi/internal/backups"
	"github.com/residualdb/residual/httpapi/internal/conn"
	"github.com/residualdb/residual/httpapi/internal/connectors"
	"github.com/residualdb/residual/httpapi/internal/exchange"
	"github.com/residualdb/residual/httpapi/internal/telemetry"
	"github.com/residualdb/residual/httpapi/internal/workspace"
	"github.com/residualdb/residual/internal/thread"
)

// Options configures a Server. The zero value serves without tokens.
type Options struct {
	// Limits bounds time and memory.
	Limits Limits
	// Tokens decides who may do what. Default: nil, which asks nobody for a token and so belongs on loopback only.
	Tokens *Tokens
	// ModelGaugesMax bounds how many models, once for each environment, have gauges of their own in /metrics. Default: 500.
	ModelGaugesMax int
	// ModelGaugesEnvironments are the environments that have them, as in an engine.GaugesQuery. Default: production.
	ModelGaugesEnvironments string
	// ModelGaugesFor is how long after its last prediction a model has them. Default: 7 d.
	ModelGaugesFor time.Duration
	// NoModelGauges leaves them all out.
	NoModelGauges bool
	// Page is what a browser shows at the paths that are none of the server's routes. Default: nil, nothing.
	Page Page
	// Agent answers at /mcp. Default: nil, nothing.
	Agent Agent
	// Connectors are shown by /health, /metrics and the pipe connectors. Default: nil, none.
	Connectors Connectors
	// Deployments are what projects are deployed to. Default: nil, nothing can be deployed.
	Deployments Deployments
	// Version is shown by /health, and Commit beside it unless it is empty. Default: "dev".
	Version, Commit string
	// Starting says why there is no store yet. Default: the log is being replayed.
	Starting string
	// Logger receives one line per request at debug, and warnings at a bounded rate. Default: silent.
	Logger *slog.Logger
	// Now is the clock of the answers. Default: time.Now.
	Now func() time.Time
}

type (
	// Connectors is what fetches events for a server.
	Connectors = connectors.Connectors
	// Connector is how one of them does.
	Connector = connectors.Connector
)

// ConnectorStates are the states of a connector.
var ConnectorStates = connectors.States

// Page is static files, the same for everybody: no token is asked for them, and none is needed while the server starts.
// Implementations are safe for concurrent use.
type Page interface {
	// Has tells whether there is something at a path, which never lies below /v0/. The path must not be kept.
	Has(path []byte) bool
	// Serve answers GET and HEAD of a path that it has. The response has the headers of pageHeaders by then, which a file may
	// replace, such as Cache-Control where its name changes with its content.
	Serve(ctx *fasthttp.RequestCtx)
	// Lost answers a browser at a path where nothing is with a page that leads back, and the status 404. It returns false, with nothing
	// done, if there is no such page.
	Lost(ctx *fasthttp.RequestCtx) bool
}

// Server answers HTTP requests from a Store. Its methods are safe for concurrent use.
type Server struct {
	opts   Options
	limits Limits
	log    *telemetry.Log
	// started is when New returned the server.
	started time.Time

	store   atomic.Pointer[Store]
	sources atomic.Pointer[sources]
	calls   sync.Pool // of *call
	intakes sync.Pool // of *intake
	buffers sync.Pool // of *[]byte, of the lines of bodies
	// shared is what all exchanges with clients have.
	shared *exchange.Shared

	// What a request passes on its way, from the outside in; the store's own backpressure comes last.
	quota   admission.Quota
	memory  admission.Memory
	ingests *admission.Slots
	bodies  admission.Bytes
	decodes decodeSlots
	queries *admission.Slots
	backups *backups.Backups
	// gauging holds one value while a scrape asks for the gauges of models, which costs with the number of all models.
	gauging chan struct{}
	deploys *workspace.Deploys
	tokens  *workspace.Tokens
	counts  *telemetry.Counters
	jobs    *workspace.Jobs
	repeats repeats

	http *fasthttp.Server

	// Guarded by mu.
	mu        sync.Mutex
	listeners []*conn.Listener
	// stopped is set by Shutdown, which a Serve may come after.
	stopped bool
}

// New returns a server for store. A nil store means that recovery is still running: health says so, metrics are
// the server's own, and everything else answers 503 until [Server.Attach].
func New(store Store, opts Options) (*Server, error) {
	opts.Limits = opts.Limits.withDefaults()
	if err := opts.Limits.validate(); err != nil {
		return nil, fmt.Errorf("httpapi: limits: %w", err)
	}
	orDefault(&opts.Version, "dev")
	orDefault(&opts.Starting, replaying)
	orDefault(&opts.ModelGaugesMax, defaultModelGauges)
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Server{
		opts: opts, limits: opts.Limits,
		log:     telemetry.NewLog(opts.Logger, opts.Now),
		started: opts.Now(),
		counts:  new(telemetry.Counters),
		gauging: make(chan struct{}, 1),
		quota:   admission.Quota{Rate: opts.Limits.RequestsPerSecond},
		memory:  admission.Memory{Limit: opts.Limits.HeapBytesMax},
		ingests: admission.NewSlots(opts.Limits.IngestsMax),
		bodies:  admission.Bytes{Limit: opts.Limits.InFlightBytesMax},
		decodes: newDecodeSlots(opts.Limits.DecodesMax),
		queries: admission.NewSlots(opts.Limits.QueriesMax),
	}
	s.shared = &exchange.Shared{
		Log: s.log, Counts: s.counts,
		Streams:      exchange.Streams{Bytes: admission.Bytes{Limit: opts.Limits.AnswerBytesMax}, Questions: opts.Limits.QueriesMax},
		WriteTimeout: s.limits.WriteTimeout, AnswerTimeout: s.limits.AnswerTimeout,
	}
	s.backups = backups.New(s.limits.BackupsMax, s.limits.BackupLease, s.log)
	s.deploys = workspace.NewDeploys(opts.Deployments, s.limits.BodyBytesMax, s.log)
	s.tokens = workspace.NewTokens(opts.Tokens, opts.Now, s.log)
	s.jobs = workspace.NewJobs(opts.Now)
	all, err := newSources(nil, nil)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	s.sources.Store(all)
	s.calls.New = func() any { return &call{server: s, Exchange: exchange.New(s.shared, &s.bodies)} }
	s.http = s.newHTTP()
	if store != nil {
		s.Attach(store)
	}
	return s, nil
}

// Attach makes the server answer from store from now on.
func (s *Server) Attach(store Store) { s.store.Store(&store) }

func (s *Server) newHTTP() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:      s.handle,
		ErrorHandler: s.refuse,
		Logger:       silent{},

		// A declared body is not allocated before it arrives: the handler reads it piece by piece, and bounds it.
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,

		ReadTimeout: s.limits.HeaderTimeout,
		HeaderReceived: func(*fasthttp.RequestHeader) fasthttp.RequestConfig {
			// Of a streamed body this size only says how much must have come before the handler is called. With one
			// byte, what the head alone decides is answered at once.
			return fasthttp.RequestConfig{ReadTimeout: s.limits.BodyTimeout, MaxRequestBodySize: 1}
		},
		ExpectHandler:      s.expect,
		WriteTimeout:       s.limits.WriteTimeout,
		IdleTimeout:        s.limits.IdleTimeout,
		ReadBufferSize:     conn.ReadBufferBytes,
		MaxRequestsPerConn: requestsPerConnMax,
		// The listener bounds connections; a worker may still be leaving one that made room.
		Concurrency:     2 * s.limits.ConnsMax,
		CloseOnShutdown: true,

		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
		SecureErrorLogMessage: true,
	}
}

// Serve accepts connections on ln until [Server.Shutdown] or an error of the listener. It takes over ln.
func (s *Server) Serve(ln net.Listener) error {
	bounded := conn.Listen(ln, conn.Options{
		Max: s.limits.ConnsMax, MaxPerAddress: s.limits.ConnsPerIPMax, Refused: &s.counts.RefusedConns, Warn: s.log.Warn,
	})
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		_ = ln.Close() // nothing was accepted on it
		return nil
	}
	if len(s.listeners) == 0 {
		s.decodes.threads = thread.Start(s.limits.DecodesMax)
	}
	s.listeners = append(s.listeners, bounded)
	s.mu.Unlock()
	if err := s.http.Serve(bounded); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("httpapi: serve %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown stops accepting, lets requests that are being served finish, and closes every connection when they have
// or when ctx ends, whichever is first. It returns ctx's error in the second case.
func (s *Server) Shutdown(ctx context.Context) error {
	s.backups.EndAll()
	err := s.http.ShutdownWithContext(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ln := range s.listeners {
		_ = ln.Close() // which is left to do where its Serve has not come to accept yet
		ln.CloseAll()
	}
	if !s.stopped {
		s.decodes.threads.Stop()
	}
	s.stopped = true
	if err != nil {
		return fmt.Errorf("httpapi: shut down: %w", err)
	}
	return nil
}

func (s *Server) openConns() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ln := range s.listeners {
		n += ln.Open()
	}
	return n
}

// silent is fasthttp's logger. Its messages may hold raw bytes of requests; what matters of them reaches
// [Server.refuse].
type silent struct{}

func (silent) Printf(string, ...any) {}
