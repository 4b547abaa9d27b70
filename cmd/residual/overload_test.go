package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/memory"
)

var (
	overloadFlag = flag.Duration("overload.for", 3*time.Second, "how long TestOverload overloads the server; from 30 s on it asserts refusals, goodput and latency")
	probeFlag    = flag.String("overload.probe", "", "address that TestOverloadProbe asks; for TestOverload alone")
)

const (
	overloadMemory = 512 << 20
	overloadBodies = 64
	overloadRows   = 1000
	// overloadWriters are enough to keep the server busy at its peak.
	overloadWriters = 4
	// overloadClients offer three times the peak together: their bodies are more than the server takes in at a time, their
	// connections fewer than it allows one address.
	overloadClients = 320
)

// TestOverload offers a server three times the events that it can take. What it stores must not suffer, what it refuses it
// refuses with 429 or 503 and Retry-After, and its memory stays within the limit.
func TestOverload(t *testing.T) {
	server := startProcess(t, build(t), filepath.Join(t.TempDir(), "data"), "--memory-limit", strconv.Itoa(overloadMemory), "--log-level", "error")
	o := newOverload(t, server.address)

	idle := o.run(t, *overloadFlag/8, 0, 0)
	peak := o.run(t, *overloadFlag/2, overloadWriters, 0)
	over := o.run(t, *overloadFlag, 0, 3*float64(peak.stored)/overloadRows/peak.took.Seconds())
	_, most, err := memory.Process(server.cmd.Process.Pid)
	if err != nil {
		t.Log("memory is not looked at: ", err)
	}
	_, text := request(t, http.MethodGet, server.address+"/metrics", "")
	for line := range strings.Lines(text) {
		if regexp.MustCompile(`^residual_(http_memory_full_total|(head|resident|sealed)_bytes|segments|checkpoints_total|merges_total) `).MatchString(line) {
			t.Log(strings.TrimSpace(line))
		}
	}
	t.Logf("idle: query p50 %s p99 %s", idle.latency(0.5), idle.latency(0.99))
	t.Logf("peak: %.0f rows/s, query p50 %s p99 %s", peak.rate(), peak.latency(0.5), peak.latency(0.99))
	t.Logf("3x:   %.0f rows/s of %.0f offered, %d requests stored, %d refused, %d held back, query p50 %s p99 %s; %d MiB resident at most",
		over.rate(), float64(over.offered)*overloadRows/over.took.Seconds(), over.stored/overloadRows, over.refused, over.unsent.Load(),
		over.latency(0.5), over.latency(0.99), most>>20)

	require.Positive(t, over.stored)
	require.LessOrEqual(t, most, int64(overloadMemory)*11/10)
	// A short peak on a machine with other work says too little of what the server can take.
	if *overloadFlag >= 30*time.Second {
		require.Positive(t, over.refused, "three times the peak is too much")
		require.GreaterOrEqual(t, over.rate(), 0.9*peak.rate())
		require.LessOrEqual(t, over.latency(0.99), 5*time.Millisecond, "of a query")
	}
	stored := idle.stored + peak.stored + over.stored
	require.Contains(t, text, fmt.Sprintf("\nresidual_rows_total %d\n", stored), "what was acknowledged, and nothing else")
	require.NoError(t, server.cmd.Process.Kill())
	server.exit(t)
}

// overload sends the same bodies again and again, each time with the time of the moment.
type overload struct {
	client  *http.Client
	address string
	bodies  [][]byte
	sent    atomic.Int64
}

func newOverload(t *testing.T, address string) *overload {
	t.Helper()
	lines := generatedByProgram(t, "--rows", strconv.Itoa(overloadBodies*overloadRows), "--late-share", "0", "--days", "1")
	o := &overload{address: address, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: overloadClients}}}
	for line := range bytes.Lines(lines) {
		if len(o.bodies) == 0 || bytes.Count(o.bodies[len(o.bodies)-1], []byte("\n")) == overloadRows {
			o.bodies = append(o.bodies, nil)
		}
		const stamp = `{"timestamp": "`
		require.True(t, bytes.HasPrefix(line, []byte(stamp)))
		body := &o.bodies[len(o.bodies)-1]
		*body = append(append(append(*body, stamp...), "2006-01-02 15:04:05.000"...), line[len(stamp)+len(time.DateTime):]...)
	}
	t.Cleanup(o.client.CloseIdleConnections)
	return o
}

// body returns a copy of the next body, of this moment.
func (o *overload) body() []byte {
	body := slices.Clone(o.bodies[int(o.sent.Add(1))%len(o.bodies)])
	now := time.Now().UTC().Format("2006-01-02 15:04:05.000")
	for at := 0; at < len(body); at += bytes.IndexByte(body[at:], '\n') + 1 {
		copy(body[at+len(`{"timestamp": "`):], now)
	}
	return body
}

// phase is what became of one stretch of load.
type phase struct {
	took                     time.Duration
	stored, offered, refused int64
	unsent                   atomic.Int64
	// queries are the latencies of queries, the shortest first.
	queries []time.Duration

	mu sync.Mutex
}

func (p *phase) rate() float64 { return float64(p.stored) / p.took.Seconds() }

func (p *phase) latency(share float64) time.Duration {
	return p.queries[int(share*float64(len(p.queries)-1))]
}

// run loads the server for a while: by writers that send one request after the other, or by clients that want to send
// so many requests a second together. A client that is refused stays away for as long as the answer says; one that
// waits for an answer does not make up for what it could not send meanwhile. A query is asked 100 times a second.
func (o *overload) run(t *testing.T, length time.Duration, writers int, requestsPerSecond float64) *phase {
	t.Helper()
	p := &phase{}
	begin := time.Now()
	end := begin.Add(length)
	var all sync.WaitGroup
	all.Go(func() { p.queries = o.probe(t, length) })
	for range writers {
		all.Go(func() {
			for time.Now().Before(end) {
				o.send(t, p)
			}
		})
	}
	if requestsPerSecond > 0 {
		period := time.Duration(overloadClients / requestsPerSecond * float64(time.Second))
		for i := range overloadClients {
			all.Go(func() {
				for next := begin.Add(period * time.Duration(i) / overloadClients); next.Before(end); next = next.Add(period) {
					time.Sleep(time.Until(next))
					away := o.send(t, p)
					for passed := time.Now().Add(away); next.Add(period).Before(passed) && next.Add(period).Before(end); next = next.Add(period) {
						p.unsent.Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	p.took = time.Since(begin)
	p.offered = p.stored/overloadRows + p.refused + p.unsent.Load()
	return p
}

// send sends a request and returns how long the answer asks to stay away.
func (o *overload) send(t *testing.T, p *phase) (away time.Duration) {
	t.Helper()
	response, err := o.client.Post(o.address+"/v0/events?name=ml_model_predictions", "application/x-ndjson", bytes.NewReader(o.body()))
	if err != nil {
		t.Errorf("no answer: %v", err)
		return 0
	}
	answer, err := io.ReadAll(response.Body)
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch response.StatusCode {
	case http.StatusAccepted:
		p.stored += overloadRows
		if want := fmt.Sprintf(`{"successful_rows":%d,"quarantined_rows":0}`, overloadRows); strings.TrimSpace(string(answer)) != want || err != nil {
			t.Errorf("answer %s, %v", answer, err)
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		p.refused++
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			t.Errorf("%d without Retry-After: %s", response.StatusCode, answer)
		}
		away = time.Duration(seconds) * time.Second
	default:
		t.Errorf("status %d: %s", response.StatusCode, answer)
	}
	return away
}

// probe measures queries from a process of its own: in this one they would wait for the senders of events.
func (o *overload) probe(t *testing.T, length time.Duration) (latencies []time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOverloadProbe$", "-test.v",
		"-overload.probe="+o.address, "-overload.for="+length.String())
	output, err := cmd.Output()
	if err != nil {
		t.Errorf("probe: %v: %s", err, output)
	}
	for line := range strings.Lines(string(output)) {
		if _, nanos, ok := strings.Cut(line, "latency "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(nanos))
			if err != nil {
				t.Errorf("probe: %q", line)
			}
			latencies = append(latencies, time.Duration(n))
		}
	}
	if len(latencies) == 0 {
		t.Errorf("the probe measured nothing: %s", output)
		return []time.Duration{0}
	}
	slices.Sort(latencies)
	return latencies
}

// TestOverloadProbe is the probe of TestOverload: it asks for the metrics of a model 100 times a second.
func TestOverloadProbe(t *testing.T) {
	if *probeFlag == "" {
		t.Skip("runs for TestOverload")
	}
	var client http.Client
	end := time.Now().Add(*overloadFlag)
	for next := time.Now(); next.Before(end); next = next.Add(10 * time.Millisecond) {
		time.Sleep(time.Until(next))
		begin := time.Now()
		response, err := client.Get(*probeFlag + "/v0/pipes/model_performance_metrics.json?model_id=model_1")
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
		fmt.Println("latency", time.Since(begin).Nanoseconds())
	}
	client.CloseIdleConnections()
}
