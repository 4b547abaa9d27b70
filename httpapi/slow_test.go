package httpapi_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/testing/memory"
)

var long = flag.Bool("residual.long", false, "also run what takes minutes or many connections")

// serveEnv makes this test binary a server, so that its memory can be told from the clients'.
const serveEnv = "RESIDUAL_HTTPAPI_TEST_SERVES"

// serveUntilInputEnds serves on a free port, prints it, and ends with its standard input.
func serveUntilInputEnds() error {
	server, err := httpapi.New(instantStore{newFakeStore()}, httpapi.Options{})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = server.Serve(ln) }()
	fmt.Println(ln.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = server.Shutdown(ctx)
	return nil
}

// child is a server in a process of its own.
type child struct {
	addr string
	pid  int
}

func startChild(t *testing.T) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), serveEnv+"=1")
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = input.Close()
		_ = cmd.Wait()
	})
	addr, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err)
	return &child{addr: strings.TrimSpace(addr), pid: cmd.Process.Pid}
}

// peakMiB is the most memory that the server had, as its system counts.
func (c *child) peakMiB(t *testing.T) int64 {
	t.Helper()
	_, peak, err := memory.Process(c.pid)
	require.NoError(t, err)
	return peak >> 20
}

// attack opens n connections from many addresses of loopback and sends the start of a request on each.
func (c *child) attack(t *testing.T, n int, start string) (conns []net.Conn) {
	t.Helper()
	for i := range n {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i%50+1))}, Timeout: 5 * time.Second}
		conn, err := dialer.DialContext(t.Context(), "tcp", c.addr)
		if err != nil {
			continue
		}
		_, _ = io.WriteString(conn, start)
		conns = append(conns, conn)
	}
	return conns
}

// p99 asks n times, every tenth time on a new connection.
func (c *child) p99(t *testing.T, n int) time.Duration {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	times := make([]time.Duration, n)
	for i := range n {
		if i%10 == 0 {
			transport.CloseIdleConnections()
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.addr+"/v0/pipes/model_performance_metrics.json", http.NoBody)
		require.NoError(t, err)
		began := time.Now()
		resp, err := transport.RoundTrip(req)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		times[i] = time.Since(began)
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	slices.Sort(times)
	return times[n*99/100]
}

// TestManySlowConnections holds 10,000 silent connections and 8,000 half-sent heads of 8 KiB against one server. A
// good client is always answered, and the server's memory stays below 320 MiB.
func TestManySlowConnections(t *testing.T) {
	if !*long {
		t.Skip("needs -residual.long and 12,000 file descriptors")
	}
	server := startChild(t)
	idle := server.p99(t, 2000)
	for name, attack := range map[string]struct {
		conns int
		start string
	}{
		"silent":    {10_000, "G"},
		"half sent": {8_000, "GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 8<<10-100)},
	} {
		conns := server.attack(t, attack.conns, attack.start)
		under := server.p99(t, 2000)
		t.Logf("%s: %d connections, p99 %s instead of %s, %d MiB", name, len(conns), under, idle, server.peakMiB(t))
		for _, conn := range conns {
			_ = conn.Close()
		}
		require.Greater(t, len(conns), attack.conns*9/10)
		require.Less(t, under, max(2*idle, 5*time.Millisecond))
	}
	require.Less(t, server.peakMiB(t), int64(320))
}
