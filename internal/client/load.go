package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// LoadOptions configures a load.
type LoadOptions struct {
	// DataSource is where the events go. Default: ml_model_predictions.
	DataSource string

	// BatchBytes is the size of one request. Loads resume each other only if it is the same. Default: 4 MiB.
	BatchBytes int

	// Parallel is the number of requests under way at a time. Default: 4.
	Parallel int

	// Wait asks that the next query sees the rows of each answered request.
	Wait bool

	// OnSent is called after each answered request with the sums so far, by one goroutine at a time. Default: none.
	OnSent func(Loaded)
}

// Loaded sums up a load. Rows of a batch that the server knew already count as they did the first time.
type Loaded struct {
	Counts
	Bytes    int64
	Requests int64
	// Retries counts attempts beyond the first of each request.
	Retries int64
}

// Add adds another load.
func (l *Loaded) Add(o Loaded) {
	l.Successful += o.Successful
	l.Quarantined += o.Quarantined
	l.Known += o.Known
	l.Bytes += o.Bytes
	l.Requests += o.Requests
	l.Retries += o.Retries
}

// Load sends a stream of NDJSON. What it returns beside an error was acknowledged; running the same load again completes it.
func (c *Client) Load(ctx context.Context, stream io.Reader, opts LoadOptions) (Loaded, error) {
	if opts.DataSource == "" {
		opts.DataSource = "ml_model_predictions"
	}
	if opts.BatchBytes == 0 {
		opts.BatchBytes = 4 << 20
	}
	if opts.Parallel == 0 {
		opts.Parallel = 4
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := &load{client: c, opts: opts, cancel: cancel, batches: make(chan batch), buffers: make(chan []byte, opts.Parallel+1)}
	var senders sync.WaitGroup
	for range opts.Parallel {
		l.buffers <- nil
		senders.Go(func() { l.sendAll(ctx) })
	}
	l.buffers <- nil
	err := l.cut(ctx, stream)
	senders.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return l.sum, err
}

// load is one call of Load: one goroutine cuts, the others send.
type load struct {
	client  *Client
	opts    LoadOptions
	cancel  context.CancelCauseFunc
	batches chan batch
	// buffers are as many as batches can be in use; a nil one is allocated when it is first filled.
	buffers chan []byte

	mu sync.Mutex
	// Guarded by mu.
	sum Loaded
}

// cut reads the stream to its end and hands batches to the senders.
func (l *load) cut(ctx context.Context, stream io.Reader) error {
	defer close(l.batches)
	s := &splitter{stream: stream, size: l.opts.BatchBytes}
	for {
		var buf []byte
		select {
		case buf = <-l.buffers:
		case <-ctx.Done():
			return ctx.Err()
		}
		b, err := s.next(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimLeft(b.body, " \t\r\n")) == 0 {
			l.buffers <- b.body
			continue
		}
		select {
		case l.batches <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *load) sendAll(ctx context.Context) {
	for b := range l.batches {
		events := Events{DataSource: l.opts.DataSource, Body: b.body, Key: b.key(), Wait: l.opts.Wait}
		counts, attempts, err := l.client.Send(ctx, events)
		if err != nil {
			l.cancel(fmt.Errorf("bytes %d to %d: %w", b.offset, b.offset+int64(len(b.body)), err))
			continue
		}
		l.add(Loaded{Counts: counts, Bytes: int64(len(b.body)), Requests: 1, Retries: int64(attempts - 1)})
		l.buffers <- b.body
	}
}

func (l *load) add(sent Loaded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Add(sent)
	if l.opts.OnSent != nil {
		l.opts.OnSent(l.sum)
	}
}
