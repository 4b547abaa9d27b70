package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/freelist"
	"github.com/residualdb/residual/internal/thread"
)

// Store is what the server needs of an engine. Implementations are safe for concurrent use and do not retain batches.
type Store interface {
	// Append stores a batch and its rejects; when it returns they are durable and visible.
	Append(ctx context.Context, batch *event.Batch) (engine.Appended, error)
	// AppendOnce is Append for a request that may be repeated.
	AppendOnce(ctx context.Context, batch *event.Batch, key engine.Key) (engine.Appended, error)
	// Rules bounds the timestamps a decoder accepts now.
	Rules() event.Rules

	// Metrics answers with all rows, EachMetrics hands them on one by one until yield returns false.
	Metrics(ctx context.Context, q engine.MetricsQuery) (engine.MetricsResult, error)
	EachMetrics(ctx context.Context, q engine.MetricsQuery, yield func(row *engine.MetricsRow) bool) (engine.Read, error)
	Drift(ctx context.Context, q engine.DriftQuery) (engine.DriftResult, error)
	EachReject(ctx context.Context, q engine.QuarantineQuery, yield func(row *engine.QuarantineRow) bool) (engine.Read, error)

	Health() engine.Health
	Stats() engine.Stats
}

var _ Store = (*engine.DB)(nil)

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
	// Version is shown by /health, and Commit beside it unless it is empty. Default: "dev".
	Version, Commit string
	// Logger receives one line per request at debug, and warnings at a bounded rate. Default: silent.
	Logger *slog.Logger
	// Now is the clock of the answers. Default: time.Now.
	Now func() time.Time
}

// Server answers HTTP requests from a Store. Its methods are safe for concurrent use.
type Server struct {
	opts   Options
	limits Limits
	log    requestLog
	// started is when New returned the server.
	started time.Time

	store    atomic.Pointer[Store]
	calls    sync.Pool // of *call
	intakes  freelist.List[intake]
	buffers  freelist.List[[]byte] // for pieces
	decoders decoders

	budget  budget
	heap    heap
	streams streams
	decodes decodeSlots
	ingests gate
	queries gate
	quota   quota
	// gauging holds one value while a scrape asks for the gauges of models, which costs with the number of all models.
	gauging chan struct{}
	counts  counters

	http *fasthttp.Server

	// Guarded by mu.
	mu     sync.Mutex
	guards []*guard
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
	orDefault(&opts.ModelGaugesMax, defaultModelGauges)
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	s := &Server{
		opts: opts, limits: opts.Limits,
		log:     requestLog{Logger: opts.Logger, now: opts.Now},
		started: opts.Now(),
		gauging: make(chan struct{}, 1),
		budget:  budget{limit: opts.Limits.InFlightBytesMax},
		heap:    heap{limit: opts.Limits.HeapBytesMax},
		streams: streams{budget: budget{limit: opts.Limits.AnswerBytesMax}},
		decodes: newDecodeSlots(opts.Limits.DecodesMax),
		ingests: gate{slots: make(chan struct{}, opts.Limits.IngestsMax)},
		queries: gate{slots: make(chan struct{}, opts.Limits.QueriesMax)},
		quota:   quota{rate: opts.Limits.RequestsPerSecond},
	}
	s.calls.New = func() any { return &call{server: s} }
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
		ReadBufferSize:     readBufferBytes,
		MaxRequestsPerConn: requestsPerConnMax,
		// The guard around the listener bounds connections; a worker may still be leaving one that made room.
		Concurrency:     2 * s.limits.ConnsMax,
		CloseOnShutdown: true,

		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
		SecureErrorLogMessage: true,
	}
}

// Serve accepts connections on ln until [Server.Shutdown] or an error of the listener. It takes over ln.
func (s *Server) Serve(ln net.Listener) error {
	g := newGuard(ln, s)
	s.mu.Lock()
	if len(s.guards) == 0 && !s.stopped {
		s.decodes.threads = thread.Start(s.limits.DecodesMax)
	}
	s.guards = append(s.guards, g)
	s.mu.Unlock()
	if err := s.http.Serve(g); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("httpapi: serve %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown stops accepting, lets requests that are being served finish, and closes every connection when they have
// or when ctx ends, whichever is first. It returns ctx's error in the second case.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.ShutdownWithContext(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.guards {
		g.closeAll()
	}
	if !s.stopped {
		s.decodes.threads.Stop()
	}
	s.intakes.Drop()
	s.buffers.Drop()
	s.stopped = true
	if err != nil {
		return fmt.Errorf("httpapi: shut down: %w", err)
	}
	return nil
}

// handle serves one request. Nothing of ctx outlives it.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	c := s.begin(ctx)
	s.run(c, (*Server).route)
	s.finish(c)
}

// expect decides from its head alone about a request whose client asks before it sends the body: 100, or the status of
// an answer that is in the response already.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	c := s.begin(ctx)
	if s.run(c, (*Server).checkHead) {
		c.end()
		s.calls.Put(c)
		return fasthttp.StatusContinue
	}
	status := ctx.Response.StatusCode()
	s.finish(c)
	return status
}

func (s *Server) begin(ctx *fasthttp.RequestCtx) *call {
	if peer, ok := ctx.Conn().(*conn); ok {
		peer.serves()
	}
	c := s.calls.Get().(*call)
	c.begin(ctx)
	return c
}

// run runs a part of a request and turns its error or its panic into an answer, which it reports by false.
func (s *Server) run(c *call, part func(*Server, *call) error) (ok bool) {
	defer func() {
		if fault := recover(); fault != nil {
			s.counts.panics.Add(1)
			s.log.panicked(c.label, fault, debug.Stack())
			// What the handler set is unknown.
			c.ctx.Response.Reset()
			c.fail(answer(fasthttp.StatusInternalServerError, "errors", "internal error"))
			c.ctx.SetConnectionClose()
			ok = false
		}
	}()
	err := part(s, c)
	if err == nil {
		return true
	}
	e, known := asAnswer(err)
	if !known {
		s.log.failed(c, err)
	}
	c.fail(e)
	return false
}

// finish counts and logs a request that was answered and puts its call back. A stream is counted when it is over.
func (s *Server) finish(c *call) {
	if !c.streams {
		a := c.answered()
		s.tell(&a, int64(len(c.ctx.Response.Body())))
	}
	c.end()
	s.calls.Put(c)
}

// tell counts and logs an answer of so many bytes.
func (s *Server) tell(a *answered, bytes int64) {
	took := time.Since(a.began)
	s.counts.answered(a.label, a.status, took)
	s.log.answered(a, took, bytes)
}
