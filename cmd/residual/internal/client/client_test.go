package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/cmd/residual/internal/client"
)

// fakeServer keeps events by idempotency key, as the real one promises. fail may refuse a request by writing an answer;
// "lost" stores the events and drops the connection before the answer.
type fakeServer struct {
	*httptest.Server
	fail func(n int, w http.ResponseWriter) (refused, lost bool)

	mu       sync.Mutex
	requests int
	keys     map[string]int
	replaced map[string]int    // lines that were there, by key
	bodies   map[string]string // by key
	lines    map[string]int
}

func newServer(t *testing.T) *fakeServer {
	t.Helper()
	s := &fakeServer{keys: map[string]int{}, replaced: map[string]int{}, bodies: map[string]string{}, lines: map[string]int{}}
	s.fail = func(int, http.ResponseWriter) (bool, bool) { return false, false }
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	refused, lost := s.fail(s.requests, w)
	if refused {
		return
	}
	key := r.Header.Get("Idempotency-Key")
	rows, known := s.keys[key]
	if !known {
		for line := range bytes.Lines(body) {
			if len(line) == 1 {
				continue // a blank line is no row
			}
			if s.lines[string(line)]++; s.lines[string(line)] > 1 {
				s.replaced[key]++
			}
			rows++
		}
		s.keys[key], s.bodies[key] = rows, string(body)
	}
	if s.bodies[key] != string(body) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	if lost {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"successful_rows":%d,"quarantined_rows":0,"replaced_rows":%d}`, rows, s.replaced[key])
}

// clock is a time that passes only by sleeping.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	sleeps []time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.sleeps = append(c.sleeps, d)
	return ctx.Err()
}

func newClient(t *testing.T, server string) (*client.Client, *clock) {
	t.Helper()
	time := &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	c, err := client.New(client.Options{Server: server, Token: "secret", Now: time.Now, Sleep: time.Sleep})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, time
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"line\":%d}\n", i)
	}
	return b.String()
}

func TestLoadSendsEveryLineOnce(t *testing.T) {
	const seed, lines = 5, 3000
	server := newServer(t)
	random := rand.New(rand.NewPCG(seed, 0))
	server.fail = func(_ int, w http.ResponseWriter) (refused, lost bool) {
		switch random.IntN(6) {
		case 0:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true, false
		case 1:
			return false, true
		}
		return false, false
	}
	c, _ := newClient(t, server.URL)
	var last client.Loaded
	sum, err := c.Load(t.Context(), strings.NewReader(numbered(lines)), client.LoadOptions{
		BatchBytes: 500, Parallel: 7, OnSent: func(l client.Loaded) { last = l },
	})
	require.NoError(t, err, "seed %d", seed)
	require.Equal(t, int64(lines), sum.Successful)
	require.Equal(t, int64(len(numbered(lines))), sum.Bytes)
	require.Equal(t, sum, last)
	require.Positive(t, sum.Retries)
	require.Len(t, server.lines, lines)
	for line, times := range server.lines {
		require.Equal(t, 1, times, line)
	}

	again, err := c.Load(t.Context(), strings.NewReader(numbered(lines)), client.LoadOptions{BatchBytes: 500})
	require.NoError(t, err)
	require.Equal(t, sum.Successful, again.Successful)
	require.Len(t, server.keys, int(sum.Requests), "a load that runs again stores nothing")

	require.Zero(t, again.Replaced, "the first time each line was new")
	for range 2 {
		otherwise, err := c.Load(t.Context(), strings.NewReader(numbered(lines)), client.LoadOptions{BatchBytes: 1 << 20})
		require.NoError(t, err)
		require.EqualValues(t, lines, otherwise.Successful)
		require.EqualValues(t, lines, otherwise.Replaced, "another request, the same lines")
	}
}

// TestLoadOfAFile checks that a file is sent like a stream of its bytes, also where answers are lost, and again after its
// middle was changed, which the keys of its sections do not show.
func TestLoadOfAFile(t *testing.T) {
	const seed, lines, batchBytes = 6, 20_000, 20_000
	server := newServer(t)
	random := rand.New(rand.NewPCG(seed, 0))
	server.fail = func(int, http.ResponseWriter) (refused, lost bool) { return false, random.IntN(6) == 0 }
	c, _ := newClient(t, server.URL)
	name := filepath.Join(t.TempDir(), "file")
	load := func(content string, opened func()) client.Loaded {
		t.Helper()
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
		file, err := os.Open(name)
		require.NoError(t, err)
		defer func() { require.NoError(t, file.Close()) }()
		opened()
		sum, err := c.Load(t.Context(), file, client.LoadOptions{BatchBytes: batchBytes, Parallel: 3})
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, int64(len(content)), sum.Bytes)
		return sum
	}
	content := numbered(lines)
	sum := load(content, func() {})
	require.Equal(t, int64(lines), sum.Successful)
	require.Positive(t, sum.Retries)
	require.Len(t, server.lines, lines)

	streamed, _ := newClient(t, newServer(t).URL)
	want, err := streamed.Load(t.Context(), strings.NewReader(content), client.LoadOptions{BatchBytes: batchBytes})
	require.NoError(t, err)
	require.Equal(t, want.Requests, sum.Requests, "a file is cut where a stream is")

	load(content, func() { require.NoError(t, os.Remove(name)) })
	require.Len(t, server.keys, int(sum.Requests), "a load that runs again stores nothing, whatever the file's name is by now")

	changed := []byte(content)
	middle := len(content)/2/batchBytes*batchBytes + batchBytes/2
	changed[middle+bytes.IndexByte(changed[middle:], '}')-1] = 'x'
	for range 2 {
		load(string(changed), func() {})
		require.Len(t, server.keys, int(sum.Requests)+1, "the section that changed, once")
	}
}

func TestLoadOfAFileCutOff(t *testing.T) {
	server := newServer(t)
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(numbered(10_000)), 0o600))
	server.fail = func(n int, _ http.ResponseWriter) (refused, lost bool) {
		if n > 1 {
			return false, false
		}
		return os.Truncate(name, 1000) != nil, false
	}
	file, err := os.Open(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	c, _ := newClient(t, server.URL)
	_, err = c.Load(t.Context(), file, client.LoadOptions{BatchBytes: 500, Parallel: 1})
	require.ErrorContains(t, err, "the file was cut off while it was sent")
}

func TestLoadStopsAtARefusal(t *testing.T) {
	server := newServer(t)
	server.fail = func(n int, w http.ResponseWriter) (refused, lost bool) {
		if n == 3 {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":"the token has no scope for it","documentation":""}`)
			return true, false
		}
		return false, false
	}
	c, _ := newClient(t, server.URL)
	sum, err := c.Load(t.Context(), strings.NewReader(numbered(1000)), client.LoadOptions{BatchBytes: 100, Parallel: 1})
	var refused *client.StatusError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusForbidden, refused.Status)
	require.ErrorContains(t, err, "403 Forbidden: the token has no scope for it")
	require.Equal(t, int64(2), sum.Requests)
	require.Less(t, server.requests, 10)
}

func TestLoadOfNothingAndOfReadErrors(t *testing.T) {
	server := newServer(t)
	c, _ := newClient(t, server.URL)
	sum, err := c.Load(t.Context(), strings.NewReader(strings.Repeat("\n", 5000)), client.LoadOptions{BatchBytes: 100})
	require.NoError(t, err)
	require.Zero(t, sum.Counts)

	broken := io.MultiReader(strings.NewReader(numbered(100)), iotestErr{})
	sum, err = c.Load(t.Context(), broken, client.LoadOptions{BatchBytes: 100})
	require.ErrorIs(t, err, errBroken)
	require.Positive(t, sum.Successful)
	require.Less(t, sum.Successful, int64(100))
}

var errBroken = errors.New("broken pipe")

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, errBroken }

func TestLoadEndsWithItsContext(t *testing.T) {
	server := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	server.fail = func(n int, _ http.ResponseWriter) (refused, lost bool) {
		if n == 2 {
			cancel()
		}
		return false, false
	}
	c, _ := newClient(t, server.URL)
	_, err := c.Load(ctx, strings.NewReader(numbered(100_000)), client.LoadOptions{BatchBytes: 100, Parallel: 2})
	require.ErrorIs(t, err, context.Canceled)
}

func TestSendHonoursRetryAfter(t *testing.T) {
	server := newServer(t)
	server.fail = func(n int, w http.ResponseWriter) (refused, lost bool) {
		switch n {
		case 1:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.Header().Set("Retry-After", "Thu, 01 Jan 2026 00:00:20 GMT")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n <= 3, false
	}
	c, clock := newClient(t, server.URL)
	counts, attempts, err := c.Send(t.Context(), client.Events{DataSource: "d", Body: []byte("{}\n"), Key: "k"})
	require.NoError(t, err)
	require.Equal(t, 4, attempts)
	require.Equal(t, int64(1), counts.Successful)
	require.Len(t, clock.sleeps, 3)
	require.Equal(t, 7*time.Second, clock.sleeps[0])
	require.Equal(t, 13*time.Second, clock.sleeps[1])
	require.LessOrEqual(t, clock.sleeps[2], 400*time.Millisecond)
	require.GreaterOrEqual(t, clock.sleeps[2], 200*time.Millisecond)
}

func TestSendGivesUp(t *testing.T) {
	server := newServer(t)
	server.fail = func(_ int, w http.ResponseWriter) (refused, lost bool) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "not JSON")
		return true, false
	}
	c, clock := newClient(t, server.URL)
	begin := clock.Now()
	_, attempts, err := c.Send(t.Context(), client.Events{DataSource: "d", Body: []byte("{}\n"), Key: "k"})
	require.EqualError(t, err, "the server answered 503 Service Unavailable: not JSON")
	require.Greater(t, attempts, 10)
	require.LessOrEqual(t, clock.Now().Sub(begin), time.Minute)

	_, attempts, err = c.Send(t.Context(), client.Events{DataSource: "d", Body: []byte("{}\n")})
	require.Error(t, err)
	require.Equal(t, 1, attempts, "nothing is sent twice without a key")
}

func TestPipe(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /base/v0/pipes/model_drift_detection.csv", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Authorization"), " ", r.URL.Query().Get("model_id"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c, _ := newClient(t, server.URL+"/base/")
	answer, err := c.Pipe(t.Context(), "model_drift_detection", "csv", url.Values{"model_id": {"a b&c"}})
	require.NoError(t, err)
	body, err := io.ReadAll(answer)
	require.NoError(t, err)
	require.NoError(t, answer.Close())
	require.Equal(t, "Bearer secret a b&c", string(body))

	_, err = c.Pipe(t.Context(), "nothing", "csv", nil)
	require.ErrorContains(t, err, "404 Not Found")
	require.NoError(t, c.Reach(t.Context()))
}

func TestNewRefusesWhatIsNoURL(t *testing.T) {
	for _, server := range []string{"127.0.0.1:7181", "ftp://x", "http://", "://", "localhost"} {
		_, err := client.New(client.Options{Server: server})
		require.ErrorContains(t, err, "a URL like http://127.0.0.1:7181 is needed", server)
	}
	c, err := client.New(client.Options{})
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:7181/v0/events?name=x", c.URL("/v0/events", url.Values{"name": {"x"}}))
}
