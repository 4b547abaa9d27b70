package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// head is the start of a request whose framing a case spoils.
const head = "POST " + events + " HTTP/1.1\r\nHost: localhost\r\n"

// hostileCase is a request that must not be taken for one, and the status of its refusal.
type hostileCase struct {
	name, request string
	status        int
}

var longText = strings.Repeat("a", 9<<10)

var hostileCases = []hostileCase{
	{"length and chunks", head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"chunks and length", head + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
	{"two lengths", head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
	{"the same length twice", head + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
	{"signed length", head + "Content-Length: +5\r\n\r\nhello", 400},
	{"negative length", head + "Content-Length: -5\r\n\r\nhello", 400},
	{"listed length", head + "Content-Length: 5, 5\r\n\r\nhello", 400},
	{"overflowing length", head + "Content-Length: 18446744073709551621\r\n\r\nhello", 400},
	{"hexadecimal length", head + "Content-Length: 0x5\r\n\r\nhello", 400},
	{"unknown transfer encoding", head + "Transfer-Encoding: gzip\r\n\r\n", 400},
	{"listed transfer encoding", head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
	{"identity transfer encoding", head + "Transfer-Encoding: identity\r\n\r\nhello", 400},
	{"two transfer encodings", head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"chunks in HTTP/1.0", "POST " + events + " HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"space before the colon", head + "Content-Length : 5\r\n\r\nhello", 400},
	{"space in a name", head + "Content Length: 5\r\n\r\nhello", 400},
	{"no colon", head + "Content-Length\r\n\r\n", 400},
	{"bare CR in a value", head + "X: a\rb\r\n\r\n", 400},
	{"NUL in a value", head + "X: a\x00b\r\n\r\n", 400},
	{"NUL in a name", head + "X\x00: a\r\n\r\n", 400},
	{"NUL in the target", "GET /health\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
	{"chunk size not hexadecimal", head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
	{"chunk size overflows", head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
	{"chunk extension with LF", head + "Transfer-Encoding: chunked\r\n\r\n5;a=b\nhello\r\n0\r\n\r\n", 400},
	{"chunk without its end", head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloxx0\r\n\r\n", 400},
	{"two hosts", head + "Host: localhost\r\n\r\n", 400},
	{"no host", "GET /health HTTP/1.1\r\n\r\n", 400},
	{"two tokens", head + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400},
	{"folded header", head + "X: a\r\n b\r\n\r\n", 400},
	{"folded header with a tab", head + "X: a\r\n\tb\r\n\r\n", 400},
	{"first header folded", "GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n", 400},
	{"HTTP/9.9", "GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n", 400},
	{"HTTP/2.0", "GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n", 400},
	{"no version", "GET /health\r\nHost: localhost\r\n\r\n", 400},
	{"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
	{"encoded NUL", get("/health%00"), 400},
	{"encoded slash", get("/v0%2fevents"), 400},
	{"encoded letter", get("/%68ealth"), 400},
	{"empty segment", get("//health"), 400},
	{"empty segment inside", get("/v0//events"), 400},
	{"dot segment", get("/v0/./events"), 400},
	{"two dots", get("/v0/../health"), 400},
	{"two dots at the end", get("/v0/.."), 400},
	{"encoded two dots", get("/v0/%2e%2e/health"), 400},
	{"backslash", get("/v0\\events"), 400},
	{"non-ASCII path", get("/h\xc3\xa9alth"), 400},
	{"semicolon", get("/health;x=1"), 400},
	{"fragment", get("/health#x"), 400},
	{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400},
	{"authority form", "CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
	{"absolute form without a path", get("http://localhost"), 400},

	{"headers over 8 KiB", get("/health", "X: "+longText), 431},
	{"many headers", get("/health", strings.Repeat("X: a\r\n", 2000)+"Y: b"), 431},
	{"headers over the buffer", get("/health", "X: "+strings.Repeat(longText, 9)), 431},
	{"query over 8 KiB", get("/health?" + longText), 414},
	{"path over 1 KiB", get("/" + longText), 414},
	{"target over the buffer", get("/health?" + strings.Repeat(longText, 9)), 414},

	{"body over the limit by its length", head + "Content-Length: 1048577\r\n\r\n" + strings.Repeat("\n", 8<<10), 413},
	{"body over the limit in chunks", head + "Transfer-Encoding: chunked\r\n\r\n" +
		fmt.Sprintf("%x\r\n%s\r\n1\r\n\n\r\n0\r\n\r\n", 1<<20, strings.Repeat("\n", 1<<20)), 413},
}

// TestHostileRequests sends bytes that must not be taken for a request: each gets its status, and the connection ends.
func TestHostileRequests(t *testing.T) {
	server := start(t, httpapi.Options{Limits: httpapi.Limits{BodyBytesMax: 1 << 20}})
	for _, c := range hostileCases {
		t.Run(c.name, func(t *testing.T) {
			answer := exchange(t, server.addr, c.request)
			status, _, _ := strings.Cut(strings.TrimPrefix(answer, "HTTP/1.1 "), " ")
			require.Equal(t, strconv.Itoa(c.status), status, answer)
			require.Contains(t, answer, "\r\nConnection: close\r\n")
			require.Contains(t, answer, "\r\nX-Content-Type-Options: nosniff\r\n")
			require.Contains(t, answer, `{"error":"`)
			require.NotContains(t, answer, "Server:")
			require.Equal(t, 1, strings.Count(answer, "\r\nContent-Length: "), "one answer, whatever came after")
		})
	}
	require.Empty(t, server.store.batches)
}

// TestLimitsAtTheirEdge sends what is just allowed.
func TestLimitsAtTheirEdge(t *testing.T) {
	server := start(t, httpapi.Options{Limits: httpapi.Limits{BodyBytesMax: 1 << 20}})
	f := func(name, request string) {
		t.Helper()
		answer := exchange(t, server.addr, request)
		require.True(t, strings.HasPrefix(answer, "HTTP/1.1 20"), "%s: %s", name, answer)
	}
	headers := 8<<10 - len("Host: localhost\r\nConnection: close\r\nX: \r\n\r\n")
	f("headers", get("/health", "X: "+strings.Repeat("x", headers)))
	f("query", get("/health?"+strings.Repeat("x", 8<<10)))
	f("headers and query", get("/health?"+strings.Repeat("x", 8<<10), "X: "+strings.Repeat("x", headers)))
	f("body", post(events, strings.Repeat("\n", 1<<20)))
	f("no final newline", post(events, goodLine))
	f("key", post(events, goodLine, "Idempotency-Key: "+strings.Repeat("~", 128)))
}

// TestSlowClients holds heads, bodies and connections open: the server ends them on time and says why where it can.
func TestSlowClients(t *testing.T) {
	server := start(t, httpapi.Options{Limits: httpapi.Limits{
		HeaderTimeout: 50 * time.Millisecond, BodyTimeout: 60 * time.Millisecond, IdleTimeout: 70 * time.Millisecond,
	}})
	f := func(name, request, want string) {
		t.Helper()
		require.Contains(t, exchange(t, server.addr, request), want, name)
	}
	f("half a head", "GET /health HTTP/1.1\r\nHost: local", "HTTP/1.1 408 ")
	f("nothing", "", "HTTP/1.1 408 ")
	f("half a body", head+"Content-Length: 100\r\n\r\n{", "HTTP/1.1 408 ")
	f("half a long body", head+"Content-Length: 100000\r\n\r\n"+strings.Repeat("\n", 50_000), "HTTP/1.1 408 ")
	f("half a chunk", head+"Transfer-Encoding: chunked\r\n\r\n64\r\n{", "HTTP/1.1 408 ")
	f("half a compressed body", head+"Content-Encoding: gzip\r\nContent-Length: 100\r\n\r\n\x1f\x8b\x08", "HTTP/1.1 408 ")

	answer := exchange(t, server.addr, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.Equal(t, 1, strings.Count(answer, "HTTP/1.1 "), "an idle connection ends without another answer")
	require.Empty(t, server.store.batches)
}

// hugeStore has an answer that no buffer between two processes holds. It tells when it is asked for it.
type hugeStore struct {
	*fakeStore

	asked chan struct{}
}

func (h hugeStore) Metrics(context.Context, engine.MetricsQuery) (engine.MetricsResult, error) {
	close(h.asked)
	return engine.MetricsResult{Rows: slices.Repeat(metricsRows, 40_000)}, nil
}

// TestClientThatTakesNoAnswer asks for much and reads none of it: the server does not keep the answer for long.
func TestClientThatTakesNoAnswer(t *testing.T) {
	store := hugeStore{newFakeStore(), make(chan struct{})}
	server := startWith(t, store, httpapi.Options{Limits: httpapi.Limits{WriteTimeout: 50 * time.Millisecond}})
	conn := dial(t, server.addr)
	_, err := io.WriteString(conn, "GET /v0/pipes/model_performance_metrics.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	<-store.asked
	require.Eventually(t, func() bool { return server.OpenConns() == 0 }, time.Minute, time.Millisecond)
	answer, _ := io.ReadAll(conn)
	require.NotContains(t, string(answer), `"statistics"`, "the end of the answer was never sent")
}

// TestGoodClientBesideSlowOnes keeps many connections half open and asks on another.
func TestGoodClientBesideSlowOnes(t *testing.T) {
	const slow = 300
	server := start(t, httpapi.Options{Limits: httpapi.Limits{ConnsPerIPMax: slow + 10}})
	for range slow {
		conn := dial(t, server.addr)
		_, err := conn.Write([]byte("GET /health HTTP/1.1\r\nHost: local"))
		require.NoError(t, err)
	}
	for range 50 {
		resp, _ := server.do(t, "GET", "/v0/pipes/model_performance_metrics.json", nil)
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
}

func TestConnectionLimits(t *testing.T) {
	t.Run("per address", func(t *testing.T) {
		server := start(t, httpapi.Options{Limits: httpapi.Limits{ConnsPerIPMax: 2}})
		first := keepOpen(t, server.addr)
		keepOpen(t, server.addr)
		answer := exchange(t, server.addr, "")
		require.Contains(t, answer, "HTTP/1.1 429 ")
		require.Regexp(t, "Retry-After: [12]\r\n", answer)
		require.Contains(t, answer, "X-Ratelimit-Limit: 2\r\n")
		require.Contains(t, answer, `{"error":"too many connections from this address are open"`)

		require.NoError(t, first.Close())
		require.Eventually(t, func() bool {
			return strings.HasPrefix(exchange(t, server.addr, get("/health")), "HTTP/1.1 200 ")
		}, time.Minute, time.Millisecond)
	})
	t.Run("all together", func(t *testing.T) {
		server := start(t, httpapi.Options{Limits: httpapi.Limits{ConnsMax: 2}})
		silent := dial(t, server.addr)
		_, err := silent.Write([]byte("GET /health HTTP/1.1\r\nHost: local"))
		require.NoError(t, err)
		keepOpen(t, server.addr)
		keepOpen(t, server.addr)
		requireClosed(t, silent)
		answer := exchange(t, server.addr, "")
		require.Contains(t, answer, "HTTP/1.1 503 ")
		require.Regexp(t, "Retry-After: [12]\r\n", answer)
	})
}

// requireClosed waits for the other side to close a connection without an answer. What it had not read yet resets the
// connection.
func requireClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	answer, err := io.ReadAll(conn)
	require.Empty(t, answer)
	if err != nil {
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
}

// TestFloodOfBadRequestsIsNotAFloodOfLogs bounds what one bad client makes the server write.
func TestFloodOfBadRequestsIsNotAFloodOfLogs(t *testing.T) {
	server := start(t, httpapi.Options{})
	for range 100 {
		exchange(t, server.addr, "nonsense\r\n\r\n")
	}
	require.LessOrEqual(t, strings.Count(server.logs.String(), "level=WARN"), 11)
}

// TestLogsHoldNoLineThatAClientWrote sends line feeds and escape codes to where a log would repeat them.
func TestLogsHoldNoLineThatAClientWrote(t *testing.T) {
	server := start(t, httpapi.Options{})
	exchange(t, server.addr, post("/v0/events?name=x%0alevel=ERROR%1b[31m", "{}", "User-Agent: forged\x1b[31m"))
	exchange(t, server.addr, post(events, strings.ReplaceAll(goodLine, `"m"`, `"m\nlevel=ERROR forged"`)))
	exchange(t, server.addr, get("/v0/pipes/x\x1b[31m.json"))
	require.NotContains(t, server.logs.String(), "forged")
	require.NotContains(t, server.logs.String(), "\x1b")
	require.NotContains(t, server.logs.String(), "level=ERROR")
}

// TestPanicEndsOneRequestOnly lets a handler panic with what could hold a client's data.
func TestPanicEndsOneRequestOnly(t *testing.T) {
	server := start(t, httpapi.Options{})
	server.store.change(func(f *fakeStore) { f.panics = "customer data" })
	resp, body := server.do(t, "GET", "/v0/pipes/model_performance_metrics.json?model_id=secret", nil)
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	require.Equal(t, "internal error", errorText(t, body))
	server.store.change(func(f *fakeStore) { f.panics = fmt.Errorf("BUG: with %s", "customer data") })
	resp, _ = server.do(t, "POST", events, strings.NewReader(goodLine))
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	server.store.change(func(f *fakeStore) { f.panics = "BUG: two heads for one month" })
	resp, _ = server.do(t, "POST", events, strings.NewReader(goodLine))
	require.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	server.store.change(func(f *fakeStore) { f.panics = nil })
	resp, _ = server.do(t, "POST", events, strings.NewReader(goodLine))
	require.Equal(t, http.StatusAccepted, resp.StatusCode)

	logs := server.logs.String()
	require.Equal(t, 3, strings.Count(logs, "panic in a handler"))
	require.Contains(t, logs, "BUG: two heads for one month")
	require.NotContains(t, logs, "customer data")
	require.NotContains(t, logs, "secret")
	_, metrics := server.do(t, "GET", "/metrics", nil)
	require.Contains(t, metrics, "\nresidual_http_panics_total 3\n")
}
