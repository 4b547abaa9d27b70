package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/memory"
)

var (
	attackScale = flag.Int("attack.scale", 1, "how many times the memory, models and connections of TestAttacks")
	attackGroup = flag.Bool("attack.cgroup", false, "whether a control group of Linux ends the server of TestAttacks when it takes more than its limit and a tenth")
)

const (
	// attackMemory is the --memory-limit at scale 1.
	attackMemory = 128 << 20
	// attackModels at scale 1 take half of it.
	attackModels = 3000
)

// attack is a server in a process of its own, of little memory, that strangers try to have hold more.
type attack struct {
	server *serving
	limit  int64
	scale  int
	conns  []net.Conn
}

// TestAttacks asks for what takes most memory, in ways that make it stay: whatever is answered, refused or cut short, the
// process keeps its limit and is healthy all the time.
func TestAttacks(t *testing.T) {
	a := &attack{scale: *attackScale, limit: attackMemory * int64(*attackScale)}
	a.server = startProcess(t, build(t), filepath.Join(t.TempDir(), "data"), "--memory-limit", strconv.FormatInt(a.limit, 10), "--log-level", "error")
	if *attackGroup {
		defer a.enclose(t)()
	}
	a.fill(t)
	stop, sick := make(chan struct{}), make(chan string, 1)
	go func() { sick <- a.watch(stop) }()

	day := url.QueryEscape(time.Now().UTC().Add(-time.Hour).Format(time.DateTime))
	for _, attack := range []struct {
		name string
		run  func()
	}{
		{"buckets of every model that nobody reads", func() {
			a.ignore(t, 32, "/v0/pipes/model_performance_timeseries.json?model_id=*&interval=1m&from="+day)
		}},
		{"models that nobody reads", func() { a.ignore(t, 32, "/v0/pipes/models.json") }},
		{"models in columns", func() { a.ignore(t, 8, "/v0/pipes/models.parquet") }},
		{"models for Prometheus", func() { a.ignore(t, 8, "/v0/pipes/models.prometheus") }},
		{"rejected lines that nobody reads", func() { a.ignore(t, 32, "/v0/pipes/quarantine.json?limit=10000") }},
		{"rejected lines in columns", func() { a.ask(t, 8, "/v0/pipes/quarantine.parquet?limit=10000") }},
		{"scrapes that nobody reads", func() { a.ignore(t, 32, "/metrics") }},
		{"a record of delimiters", func() { a.sendDelimiters(t) }},
		{"heads without an end", func() {
			a.open(t, 2000*a.scale, "GET /health HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 7<<10))
		}},
	} {
		a.forgetPeak()
		attack.run()
		_, most, err := memory.Process(a.server.cmd.Process.Pid)
		if err != nil {
			t.Skip("memory is not looked at: ", err)
		}
		t.Logf("%s: %d MiB at most", attack.name, most>>20)
		require.LessOrEqual(t, most, a.limit*11/10, attack.name)
		a.letGo(t)
	}
	close(stop)
	require.Empty(t, <-sick)
	_, text := request(t, http.MethodGet, a.server.address+"/v0/pipes/model_performance_metrics.csv?model_id=m_1&environment=e&time_window=1", "")
	require.Contains(t, text, "m_1", "everything still works")
	require.NoError(t, a.server.cmd.Process.Kill())
	a.server.exit(t)
}

// forgetPeak has the system count the most that the process occupies anew.
func (a *attack) forgetPeak() {
	const peak = "5"
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", a.server.cmd.Process.Pid), []byte(peak), 0) // else it is that of all before, too
}

// controlGroups are the two ways in which Linux bounds memory: where it does, and the names of its files.
var controlGroups = [...]struct{ here, root, limit, swap, peak, events string }{
	{"/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup", "memory.max", "memory.swap.max", "memory.peak", "memory.events"},
	{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "", "memory.max_usage_in_bytes", "memory.oom_control"},
}

// enclose puts the server into a control group of its own, whose memory, that of sockets and of files in the cache included,
// is bounded. At the end it tells how much that was at most.
func (a *attack) enclose(t *testing.T) (end func()) {
	t.Helper()
	for _, kind := range controlGroups {
		if _, err := os.Stat(kind.here); err != nil {
			continue
		}
		group := filepath.Join(kind.root, fmt.Sprintf("residual-attack-%d", os.Getpid()))
		require.NoError(t, os.Mkdir(group, 0o755), "control groups need the right to make one")
		write := func(name, value string) {
			require.NoError(t, os.WriteFile(filepath.Join(group, name), []byte(value), 0), name)
		}
		write(kind.limit, strconv.FormatInt(a.limit*11/10, 10))
		if kind.swap != "" {
			write(kind.swap, "0")
		}
		write("cgroup.procs", strconv.Itoa(a.server.cmd.Process.Pid))
		return func() {
			events, err := os.ReadFile(filepath.Join(group, kind.events))
			require.NoError(t, err)
			require.Contains(t, string(events), "oom_kill 0")
			if peak, err := os.ReadFile(filepath.Join(group, kind.peak)); err == nil {
				t.Logf("the control group held %s bytes at most, of %d", strings.TrimSpace(string(peak)), a.limit*11/10)
			}
			require.Eventually(t, func() bool { return os.Remove(group) == nil }, time.Minute, time.Millisecond)
		}
	}
	t.Fatal("there are no control groups of Linux here that bound memory")
	return nil
}

// fill stores models of one row each, and rejected lines.
func (a *attack) fill(t *testing.T) {
	t.Helper()
	stamp := time.Now().UTC().Add(-30 * time.Minute).Format(time.DateTime)
	var body bytes.Buffer
	send := func() {
		status, answer := request(t, http.MethodPost, a.server.address+"/v0/events?name=ml_model_predictions", body.String())
		require.Equal(t, http.StatusAccepted, status, answer)
		body.Reset()
	}
	for i := range attackModels * a.scale {
		fmt.Fprintf(&body, `{"timestamp":"%s","model_id":"m_%d","prediction_id":"p","features":"{}","predicted_value":1,"actual_value":2,"model_version":"v","environment":"e"}`+"\n", stamp, i)
		if body.Len() > 1<<20 {
			send()
		}
	}
	send()
	for range 40 * a.scale {
		for range 4 {
			body.WriteString(strings.Repeat("\x01", 200<<10) + "\n") // six times as long in JSON
		}
		send()
	}
}

// watch asks for the health until stop is closed, and returns what was wrong with it.
func (a *attack) watch(stop <-chan struct{}) string {
	client := &http.Client{Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	for {
		select {
		case <-stop:
			return ""
		case <-time.After(20 * time.Millisecond):
		}
		resp, err := client.Get(a.server.address + "/health")
		if err != nil {
			return err.Error()
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return resp.Status
		}
	}
}

// ignore sends n requests and reads no more of each answer than its status. Some are answered.
func (a *attack) ignore(t *testing.T, n int, target string) {
	t.Helper()
	require.Positive(t, a.ask(t, n, target), target)
}

// ask is ignore where all may be refused. It returns how many are not.
func (a *attack) ask(t *testing.T, n int, target string) int64 {
	t.Helper()
	var begun atomic.Int64
	done := make(chan error, n)
	for range n * a.scale {
		conn := a.dial(t, 1)
		a.conns = append(a.conns, conn)
		go func() {
			_, err := io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
			if err == nil {
				var status string
				status, err = bufio.NewReaderSize(conn, 16).ReadString('\n')
				if strings.Contains(status, "200") {
					begun.Add(1)
				}
			}
			done <- err
		}()
	}
	for range n * a.scale {
		require.NoError(t, <-done)
	}
	return begun.Load()
}

// open opens n connections from many addresses of loopback, and writes the start of a request on each.
func (a *attack) open(t *testing.T, n int, start string) {
	t.Helper()
	for i := range n {
		conn := a.dial(t, byte(i%50+1))
		a.conns = append(a.conns, conn)
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(conn, start) // one that is refused is closed
	}
}

// dial connects from an address of loopback.
func (a *attack) dial(t *testing.T, last byte) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, last)}, Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(a.server.address, "http://"))
	require.NoError(t, err)
	return conn
}

// letGo closes all connections, and waits until nothing is held for answers that nobody reads any more.
func (a *attack) letGo(t *testing.T) {
	t.Helper()
	for _, conn := range a.conns {
		_ = conn.Close()
	}
	a.conns = nil
	require.Eventually(t, func() bool {
		_, text := request(t, http.MethodGet, a.server.address+"/metrics", "")
		return strings.Contains(text, "\nresidual_http_answer_bytes 0\n")
	}, time.Minute, 10*time.Millisecond)
}

// sendDelimiters sends a file of CSV that is one record of nothing but delimiters, as long as a body may be.
func (a *attack) sendDelimiters(t *testing.T) {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	size := min(a.limit/8, 64<<20) - 1<<20
	for range size >> 10 {
		// Some of it does not compress, so that the whole is not more than may come of so little.
		_, err := io.WriteString(w, strings.Repeat(",", 1<<10-8)+strconv.FormatInt(time.Now().UnixNano()%1e8+1e8, 10)[:8])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	for range 4 {
		resp, err := http.Post(a.server.address+"/v0/datasources?name=ml_model_predictions&format=csv", "text/csv", bytes.NewReader(packed.Bytes()))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode, string(body))
		require.JSONEq(t, `{"successful_rows":0,"quarantined_rows":1}`, string(body))
	}
}
