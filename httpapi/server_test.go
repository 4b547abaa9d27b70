package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/httpapi"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files instead of comparing with them")

func TestMain(m *testing.M) {
	if os.Getenv(serveEnv) != "" {
		if err := serveUntilInputEnds(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// fasthttp does not stop these: a clock that lives as long as the process, and the cleaners of a server's workers
	// and of a client's connections, which end up to ten seconds after it.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"),
	)
}

// now is the time of every test's server.
var now = time.Date(2025, 4, 27, 12, 0, 0, 0, time.UTC)

// fakeStore answers what it is told and remembers what it was asked.
type fakeStore struct {
	mu          sync.Mutex
	batches     []event.Batch // rows only
	keys        map[string]engine.Key
	metrics     []engine.MetricsQuery
	drifts      []engine.DriftQuery
	quarantines []engine.QuarantineQuery
	origins     []string            // the data sources of appends that say one
	reports     []any               // the queries of a ReportStore
	lists       []engine.ModelsList // of models

	replaced int // how many rows of each append it says were there

	appendErr, queryErr error
	panics              any
	health              engine.Health
	// A call of the held kind sends on entered and waits for gate.
	held          string
	entered, gate chan struct{}
}

// change sets what the store does from now on.
func (f *fakeStore) change(change func(*fakeStore)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// hold makes calls of a kind wait.
func (f *fakeStore) hold(kind string) { f.change(func(f *fakeStore) { f.held = kind }) }

func newFakeStore() *fakeStore {
	return &fakeStore{
		keys: map[string]engine.Key{}, health: engine.Health{Ready: true},
		entered: make(chan struct{}), gate: make(chan struct{}),
	}
}

func (f *fakeStore) pass(kind string) {
	f.mu.Lock()
	held, panics := f.held == kind, f.panics
	f.mu.Unlock()
	if held {
		f.entered <- struct{}{}
		<-f.gate
	}
	if panics != nil {
		panic(panics)
	}
}

func (f *fakeStore) Append(_ context.Context, b *event.Batch) (engine.Appended, error) {
	f.pass("append")
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.appendErr != nil {
		return engine.Appended{}, f.appendErr
	}
	var kept event.Batch
	for i := range b.Len() {
		if err := kept.Add(b.Event(i), event.Rules{}); err != nil {
			return engine.Appended{}, err
		}
	}
	kept.Rejects = append(kept.Rejects, b.Rejects...)
	f.batches = append(f.batches, kept)
	return engine.Appended{Successful: b.Len(), Quarantined: b.Rejected.Total(), Replaced: f.replaced}, nil
}

func (f *fakeStore) AppendOnce(ctx context.Context, b *event.Batch, key engine.Key) (engine.Appended, error) {
	f.mu.Lock()
	known, ok := f.keys[key.ID]
	f.keys[key.ID] = key
	f.mu.Unlock()
	switch {
	case ok && known != key:
		return engine.Appended{}, engine.ErrConflict
	case ok:
		return engine.Appended{Successful: b.Len(), Quarantined: b.Rejected.Total(), Replaced: f.replaced, Duplicate: true}, nil
	}
	return f.Append(ctx, b)
}

func (f *fakeStore) Rules() event.Rules {
	return event.Rules{Oldest: 0, Newest: now.Add(24 * time.Hour).UnixMilli()}
}

func (f *fakeStore) Metrics(_ context.Context, q engine.MetricsQuery) (engine.MetricsResult, error) {
	f.pass("query")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.metrics = append(f.metrics, q)
	if f.queryErr != nil || q.Model == "absent" {
		return engine.MetricsResult{}, f.queryErr
	}
	return engine.MetricsResult{Rows: metricsRows, Read: engine.Read{Rows: 2048, Bytes: 49152}}, nil
}

func (f *fakeStore) Drift(_ context.Context, q engine.DriftQuery) (engine.DriftResult, error) {
	f.pass("query")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drifts = append(f.drifts, q)
	if f.queryErr != nil || q.Model == "absent" {
		return engine.DriftResult{}, f.queryErr
	}
	return engine.DriftResult{Rows: driftRows, Read: engine.Read{Rows: 100, Bytes: 2400}}, nil
}

func (f *fakeStore) EachReject(_ context.Context, q engine.QuarantineQuery, yield func(*engine.QuarantineRow) bool) (engine.Read, error) {
	result, err := f.quarantine(q)
	return yieldRejects(result.Rows, yield), err
}

// yieldRejects hands rows on until yield has enough.
func yieldRejects(rows []engine.QuarantineRow, yield func(*engine.QuarantineRow) bool) (read engine.Read) {
	for i := range rows {
		read.Rows, read.Bytes = read.Rows+1, read.Bytes+uint64(len(rows[i].Line))
	}
	yieldAll(rows, yield)
	return read
}

func (f *fakeStore) quarantine(q engine.QuarantineQuery) (engine.QuarantineResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.quarantines = append(f.quarantines, q)
	return engine.QuarantineResult{Rows: quarantineRows, Dropped: 7}, f.queryErr
}

func (f *fakeStore) Health() engine.Health {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.health
}

func (f *fakeStore) Stats() engine.Stats {
	return engine.Stats{
		Rows: 3, Joined: 11, Corrected: 12, Orphaned: 13, Deleted: 14, Waiting: 15, Orphans: 16, Models: 2, Series: 4, Quarantined: event.Counts{event.CodeMissing: 5},
	}
}

var metricsRows = []engine.MetricsRow{
	{
		Model: "price_prediction_model", Version: "v1.2.3", Environment: "production",
		PredictionCount: 12345678901234567890, RMSE: 2.6000000000000014, MAE: 1e-7,
		PeriodStart: time.Date(2023, 5, 15, 14, 30, 0, 999e6, time.UTC), PeriodEnd: time.Date(2025, 4, 26, 17, 55, 44, 0, time.UTC),
	},
	{Model: "quote\" back\\ tab\t é", Version: "v2,\"x\"", Environment: "staging", PredictionCount: 1, RMSE: inf, MAE: 42},
}

var driftRows = []engine.DriftRow{{
	Model: "price_prediction_model", Version: "v1.2.3", Environment: "production",
	RecentMAE: 1.25, HistoricalMAE: 1, DriftPercentage: 0.25, RecentCount: 6, HistoricalCount: 162,
	AnalysisTimestamp: now,
}}

var quarantineRows = []engine.QuarantineRow{
	{Source: "ml_model_predictions", Column: "actual_value", Reason: "must be a number, not a string", Code: event.CodeType, ImportID: "7", Line: []byte(`{"actual_value":"3"}`), InsertedAt: now},
	{Source: "ml_model_predictions", Reason: "unexpected character", Code: event.CodeSyntax, Line: []byte("\xff'\\"), InsertedAt: now, Place: "topic t, partition 3, offset 1234"},
}

// running is a server on a loopback socket, ended with its test.
type running struct {
	*httpapi.Server
	store *fakeStore
	addr  string
	logs  *lockedBuffer
}

func (r *running) url(path string) string { return "http://" + r.addr + path }

// start serves a fake store with the given options; zero options are those of most tests.
func start(t *testing.T, opts httpapi.Options) *running {
	t.Helper()
	store := newFakeStore()
	server := startWith(t, store, opts)
	server.store = store
	return server
}

// startWith is start for a store of the test's own.
func startWith(t *testing.T, store httpapi.Store, opts httpapi.Options) *running {
	t.Helper()
	logs := &lockedBuffer{}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if opts.Now == nil {
		opts.Now = func() time.Time { return now }
	}
	server, err := httpapi.New(store, opts)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, server.Shutdown(ctx))
		require.NoError(t, <-served)
	})
	return &running{Server: server, addr: ln.Addr().String(), logs: logs}
}

// do sends one request on a connection of its own and returns status, headers and body.
func (r *running) do(t *testing.T, method, path string, body io.Reader, headers ...string) (reply, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url(path), body)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	resp, err := transport.RoundTrip(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return reply{resp.StatusCode, resp.Header}, string(data)
}

// reply is an answer without its body.
type reply struct {
	StatusCode int
	Header     http.Header
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// dial opens a connection that ends with the test.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return conn
}

// ask sends a request's head on a connection and waits until the server asks for the body: then it serves the request.
func ask(t *testing.T, conn net.Conn, bodyBytes int) *bufio.Reader {
	t.Helper()
	_, err := fmt.Fprintf(conn, "%sContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", head, bodyBytes)
	require.NoError(t, err)
	answers := bufio.NewReader(conn)
	answer, err := answers.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 100 Continue\r\n", answer)
	_, err = answers.ReadString('\n')
	require.NoError(t, err)
	return answers
}

// keepOpen opens a connection that the server knows: it answered one request on it.
func keepOpen(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn := dial(t, addr)
	_, err := io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return conn
}

// errorText is the sentence of an answer that is an error.
func errorText(t *testing.T, body string) string {
	t.Helper()
	var answer struct{ Error, Documentation string }
	require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
	require.NotEmpty(t, answer.Documentation)
	return answer.Error
}

func (f *fakeStore) EachMetrics(ctx context.Context, q engine.MetricsQuery, yield func(*engine.MetricsRow) bool) (engine.Read, error) {
	result, err := f.Metrics(ctx, q)
	if err != nil {
		return engine.Read{}, err
	}
	yieldAll(result.Rows, yield)
	return result.Read, nil
}
