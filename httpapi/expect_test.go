package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

// TestRefusedFromTheHead sends heads whose bodies never come: what the head alone decides is answered at once, whether
// the client asked first or sends the first byte unasked.
func TestRefusedFromTheHead(t *testing.T) {
	dir := t.TempDir()
	token := create(t, dir, "app", "DATASOURCES:APPEND:ml_model_predictions")
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	var clock breakingClock
	server := start(t, httpapi.Options{Tokens: tokens, Now: clock.now})
	f := func(status int, target string, headers ...string) {
		t.Helper()
		head := "POST " + target + " HTTP/1.1\r\nHost: localhost\r\n" + lines(headers)
		if !strings.Contains(head, "Content-Length") {
			head += "Content-Length: 1000000\r\n"
		}
		for _, sent := range []string{head + "Expect: 100-continue\r\n\r\n", head + "\r\n{"} {
			conn := dial(t, server.addr)
			_, err := io.WriteString(conn, sent)
			require.NoError(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, status, resp.StatusCode, sent)
			require.True(t, resp.Close)
			require.NotEmpty(t, errorText(t, string(body)))
			require.NoError(t, conn.Close())
		}
	}
	bearer := "Authorization: Bearer " + token
	f(http.StatusForbidden, events)
	f(http.StatusForbidden, events, "Authorization: Bearer p.wrong")
	f(http.StatusForbidden, "/v0/pipes/model_drift_detection.json", "Content-Length: 1000", "Connection: close")
	f(http.StatusNotFound, "/v0/nothing", bearer)
	f(http.StatusMethodNotAllowed, "/v0/pipes", bearer)
	f(http.StatusNotFound, "/v0/events?name=other", bearer)
	f(http.StatusBadRequest, "/v0/events", bearer)
	f(http.StatusBadRequest, "/v0//events", bearer)
	f(http.StatusRequestEntityTooLarge, events, bearer, "Content-Length: 67108865")
	require.Empty(t, server.store.batches)

	clock.broken.Store(true)
	f(http.StatusInternalServerError, events, bearer)
}

// breakingClock is a clock that panics once it is broken: before any handler is called.
type breakingClock struct{ broken atomic.Bool }

func (c *breakingClock) now() time.Time {
	if c.broken.Load() {
		panic("no time")
	}
	return now
}

// TestContinue lets a client that asks first send its body, which costs it one request of its quota.
func TestContinue(t *testing.T) {
	server := start(t, httpapi.Options{Limits: httpapi.Limits{RequestsPerSecond: 2}})
	for range 2 {
		conn := dial(t, server.addr)
		reader := bufio.NewReader(conn)
		_, err := fmt.Fprintf(conn, "%sExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", head, len(goodLine))
		require.NoError(t, err)
		resp, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusContinue, resp.StatusCode)
		_, err = io.WriteString(conn, goodLine)
		require.NoError(t, err)
		resp, err = http.ReadResponse(reader, nil)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusAccepted, resp.StatusCode)
	}
	answer := exchange(t, server.addr, head+"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
	require.True(t, strings.HasPrefix(answer, "HTTP/1.1 429 "), answer)
	require.Len(t, server.store.batches, 2)
}

// TestBodiesCutShort ends bodies early: no part of one is stored.
func TestBodiesCutShort(t *testing.T) {
	server := start(t, httpapi.Options{})
	f := func(name, request string) {
		t.Helper()
		conn := dial(t, server.addr)
		_, err := io.WriteString(conn, request)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		answer, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(answer), "HTTP/1.1 400 "), "%s: %s", name, answer)
	}
	f("nothing", head+"Content-Length: 1000\r\n\r\n")
	f("whole lines", head+"Content-Length: 1000\r\n\r\n"+goodLine+"\n")
	f("many lines", head+"Content-Length: 1000000\r\n\r\n"+strings.Repeat(goodLine+"\n", 100))
	f("a chunk", head+"Transfer-Encoding: chunked\r\n\r\n"+fmt.Sprintf("%x\r\n%s\n\r\n", len(goodLine)+1, goodLine))
	require.Empty(t, server.store.batches)
}
