package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// LoadOptions configures a load.
type LoadOptions struct {
	// DataSource is where the events go. Default: ml_model_predictions.
	DataSource string

	// BatchBytes is the size of one request. Loads resume each other only if it is the same. Default: 4 MiB.
	BatchBytes int

	// Pause, if it is not 0, is how long a line may have to wait for others to be sent with it: for streams that are written while
	// they are read. Batches, and so their keys, then depend on when lines come.
	Pause time.Duration

	// Parallel is the number of requests under way at a time. Default: 8.
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
	l.Replaced += o.Replaced
	l.Known += o.Known
	l.Bytes += o.Bytes
	l.Requests += o.Requests
	l.Retries += o.Retries
}

// Load sends a stream of NDJSON. What it returns beside an error was acknowledged; running the same load again completes it.
// A regular file is sent from its start up to the length that it has, without reading it, and must not change meanwhile.
func (c *Client) Load(ctx context.Context, stream io.Reader, opts LoadOptions) (Loaded, error) {
	if opts.DataSource == "" {
		opts.DataSource = "ml_model_predictions"
	}
	if opts.BatchBytes == 0 {
		opts.BatchBytes = 4 << 20
	}
	if opts.Parallel == 0 {
		opts.Parallel = 8
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
	next, err := l.batchesOf(ctx, stream)
	if err != nil {
		return err
	}
	for {
		var buf []byte
		select {
		case buf = <-l.buffers:
		case <-ctx.Done():
			return ctx.Err()
		}
		b, err := next(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case l.batches <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// batchesOf returns what cuts the stream: the next batch in a buffer, io.EOF after the last.
func (l *load) batchesOf(ctx context.Context, stream io.Reader) (func([]byte) (batch, error), error) {
	if file, ok := stream.(*os.File); ok {
		info, err := file.Stat()
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() && info.Size() > 0 { // those of /proc have no length
			return newSectioner(file, info, int64(l.opts.BatchBytes)).next, nil
		}
	}
	if l.opts.Pause > 0 {
		stream = newPaced(ctx, stream, l.opts.Pause)
	}
	return (&splitter{stream: stream, size: l.opts.BatchBytes}).next, nil
}

func (l *load) sendAll(ctx context.Context) {
	for b := range l.batches {
		counts, attempts, err := l.send(ctx, b)
		if err != nil {
			l.cancel(fmt.Errorf("bytes %d to %d: %w", b.offset, b.offset+b.size, err))
			continue
		}
		l.add(Loaded{Counts: counts, Bytes: b.size, Requests: 1, Retries: int64(attempts - 1)})
		l.buffers <- b.body
	}
}

// send sends a batch. Where the server has another one under the key of a section, that goes under a key of all its bytes.
func (l *load) send(ctx context.Context, b batch) (Counts, int, error) {
	events := Events{DataSource: l.opts.DataSource, Body: b.body, part: b.part, Key: b.key(), Wait: l.opts.Wait}
	counts, attempts, err := l.client.Send(ctx, events)
	refused, ok := errors.AsType[*StatusError](err)
	if b.part == nil || !ok || refused.Status != http.StatusUnprocessableEntity {
		return counts, attempts, err
	}
	if events.Key, err = b.part.wholeKey(); err != nil {
		return Counts{}, attempts, err
	}
	counts, more, err := l.client.Send(ctx, events)
	return counts, attempts + more - 1, err
}

func (l *load) add(sent Loaded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Add(sent)
	if l.opts.OnSent != nil {
		l.opts.OnSent(l.sum)
	}
}
