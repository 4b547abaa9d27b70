package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/workload"
	"github.com/residualdb/residual/wal"
)

// loadClients is the number of clients that send at a time.
const loadClients = 64

// BenchmarkIngest sends events over HTTP to the running program, from 64 clients of which each waits for its answer before it
// sends more. Clients, server and checkpoints share the processors; the log is on the file system that TMPDIR is on. Beside
// the time it reports that of one request, and how many requests share one sync.
func BenchmarkIngest(b *testing.B) {
	binary := build(b)
	for _, rows := range []int{30, 100, 300} {
		for _, policy := range []wal.SyncPolicy{wal.SyncAlways, wal.SyncNever} {
			b.Run(fmt.Sprintf("clients=%d/rows=%d/sync=%s", loadClients, rows, policy), func(b *testing.B) {
				p := startProcess(b, binary, filepath.Join(b.TempDir(), "data"), "--sync", policy.String(), "--log-level", "error")
				l := newLoader(workload.Steady, rows, int64(b.N))
				b.ResetTimer()
				took := l.send(b, p.address, int64(b.N))
				b.StopTimer()
				b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
				b.ReportMetric(float64(l.bytes)/float64(b.N), "bytes/request")
				slices.Sort(took)
				b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
				b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
				syncs := sample(b, p.address, "residual_log_sync_seconds_count")
				b.ReportMetric(float64(b.N)/max(1, syncs), "requests/sync")
				require.InDelta(b, b.N*rows, sample(b, p.address, "residual_rows_total"), 0)
				require.NoError(b, p.cmd.Process.Kill())
				p.exit(b)
			})
		}
	}
}

// loader makes requests of a workload's rows, in the order of their timestamps, for many clients.
type loader struct {
	rows int

	mu sync.Mutex
	// Guarded by mu.
	generator   *workload.Generator
	left, bytes int64
}

// newLoader returns a loader for so many requests, whose timestamps span the last day.
func newLoader(shape workload.Shape, rows int, requests int64) *loader {
	now := time.Now().UTC()
	return &loader{rows: rows, generator: workload.New(workload.Options{
		Seed: 1, Shape: shape, Rows: requests * int64(rows), From: now.Add(-24 * time.Hour), To: now, LateShare: 0.02, LateBy: time.Hour,
	})}
}

// next writes the body of the next request over dst, and returns nothing if there is none.
func (l *loader) next(dst []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	dst = dst[:0]
	if l.left == 0 {
		return dst
	}
	l.left--
	for range l.rows {
		dst, _ = l.generator.AppendNDJSON(dst)
	}
	l.bytes += int64(len(dst))
	return dst
}

// send sends so many requests and returns how long each took.
func (l *loader) send(b *testing.B, address string, requests int64) []time.Duration {
	b.Helper()
	l.left = requests
	took, errs := make([][]time.Duration, loadClients), make([]error, loadClients)
	var clients sync.WaitGroup
	for i := range loadClients {
		clients.Go(func() { took[i], errs[i] = l.client(strings.TrimPrefix(address, "http://")) })
	}
	clients.Wait()
	for _, err := range errs {
		require.NoError(b, err)
	}
	return slices.Concat(took...)
}

// client sends requests over one connection. It writes them itself: a client that costs much would be what is measured.
func (l *loader) client(host string) (took []time.Duration, err error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // every answer was read
	answers := bufio.NewReader(conn)
	want := fmt.Sprintf(`{"successful_rows":%d,"quarantined_rows":0}`, l.rows)
	var body []byte
	for {
		if body = l.next(body); len(body) == 0 {
			return took, nil
		}
		head := fmt.Sprintf("POST /v0/events?name=ml_model_predictions HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", host, len(body))
		begin := time.Now()
		request := net.Buffers{[]byte(head), body}
		if _, err := request.WriteTo(conn); err != nil {
			return nil, err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(answer.Body)
		if err = cmp.Or(err, answer.Body.Close()); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begin))
		if answer.StatusCode != http.StatusAccepted || strings.TrimSpace(string(text)) != want {
			return nil, fmt.Errorf("%s: %s", answer.Status, text)
		}
	}
}

// sample returns a sample without labels of the server's metrics.
func sample(tb testing.TB, address, name string) float64 {
	tb.Helper()
	for line := range strings.Lines(get(tb, address+"/metrics")) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			require.NoError(tb, err)
			return value
		}
	}
	tb.Fatalf("no metric %s", name)
	return 0
}
