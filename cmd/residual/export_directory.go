package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/client"
	"github.com/residualdb/residual/cmd/residual/internal/serve"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// directoryFlags name a store that no server has open.
type directoryFlags struct {
	dir        string
	actualsTTL arg.Span
}

func (f *directoryFlags) register(flags *pflag.FlagSet) {
	f.actualsTTL = arg.Span(30 * arg.Day)
	arg.AddDirectory(flags, &f.dir)
	flags.Var(&f.actualsTTL, "actuals-ttl", "with --data-dir: the --actuals-ttl of its server")
}

// open opens the store and answers from it, to this process alone, as a server with all the time there is: so what is exported is what
// a server would send. closeStore ends that.
//
// The store is opened as for serving, because its log has to be applied. Nothing expires and nothing is merged meanwhile, and bounds
// are at least those of any server, so that it has afterwards what it had.
func (f *directoryFlags) open() (c *client.Client, closeStore func() error, err error) {
	if _, err := os.Stat(filepath.Join(f.dir, "store-id")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%s: there is no store", f.dir)
	}
	db, err := engine.Open(f.dir, engine.Options{
		NoBackground: true, ActualsTTL: time.Duration(f.actualsTTL), ActualsBytes: 2 << 30,
	})
	if err != nil {
		return nil, nil, openError(f.dir, err)
	}
	const ever = 10_000 * time.Hour
	server, err := httpapi.New(db, httpapi.Options{Limits: httpapi.Limits{WriteTimeout: ever, QueryTimeout: ever, AnswerTimeout: ever}})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	c, endServing := serveHere(server)
	return c, func() error { return errors.Join(endServing(), db.Close()) }, nil
}

// endTimeout is how long an answer that nobody reads may take to end.
const endTimeout = 3 * time.Second

// serveHere serves to this process alone, until end is called.
func serveHere(server *httpapi.Server) (c *client.Client, end func() error) {
	line := newLine()
	served := make(chan error, 1)
	go func() { served <- server.Serve(line) }()
	c, err := client.New(client.Options{Server: "http://localhost", Dial: line.dial})
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return c, func() error {
		c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
		defer cancel()
		err := server.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) { // its answer goes to nobody
			err = nil
		}
		return errors.Join(err, line.Close(), <-served)
	}
}

// openError adds to an error of engine.Open what to do.
func openError(dir string, err error) error {
	if errors.Is(err, engine.ErrLocked) {
		return fmt.Errorf("%w; if that is a server, export from it with --server", err)
	}
	return serve.StoreError(dir, version(), err)
}

// line is a listener that this process alone can reach.
type line struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newLine() *line { return &line{conns: make(chan net.Conn), closed: make(chan struct{})} }

// dial connects to it.
func (l *line) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (l *line) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *line) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *line) Addr() net.Addr { return lineAddr{} }

type lineAddr struct{}

func (lineAddr) Network() string { return "memory" }
func (lineAddr) String() string  { return "memory" }
