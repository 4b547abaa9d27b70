package httpapi_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

// TestQuotaPerToken spends the quota of one token: the next request is told when to come back, other tokens are not
// touched, and what a client is told comes true.
func TestQuotaPerToken(t *testing.T) {
	dir := t.TempDir()
	busy, calm := create(t, dir, "busy", "ADMIN"), create(t, dir, "calm", "ADMIN")
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	c := &clock{}
	server := start(t, httpapi.Options{Tokens: tokens, Now: c.now, Limits: httpapi.Limits{RequestsPerSecond: 4}})
	ask := func(token string) (status int, limits string) {
		t.Helper()
		resp, _ := server.do(t, "GET", "/v0/pipes", nil, "Authorization", "Bearer "+token)
		if retry := resp.Header.Get("Retry-After"); resp.StatusCode == http.StatusTooManyRequests {
			requireRetryAfter(t, "1", retry)
		} else {
			require.Empty(t, retry)
		}
		return resp.StatusCode, strings.Join([]string{
			resp.Header.Get("X-RateLimit-Limit"), resp.Header.Get("X-RateLimit-Remaining"), resp.Header.Get("X-RateLimit-Reset"),
		}, " ")
	}
	f := func(token string, wantStatus int, wantLimits string) {
		t.Helper()
		status, limits := ask(token)
		require.Equal(t, wantStatus, status)
		require.Equal(t, wantLimits, limits)
	}
	for left := 3; left >= 0; left-- {
		f(busy, http.StatusOK, fmt.Sprintf("4 %d 1", left))
	}
	f(busy, http.StatusTooManyRequests, "4 0 1")
	f(calm, http.StatusOK, "4 3 1")
	c.nanos.Add(int64(250 * time.Millisecond))
	f(busy, http.StatusOK, "4 0 1")
	f(busy, http.StatusTooManyRequests, "4 0 1")
	c.nanos.Add(int64(time.Second))
	f(busy, http.StatusOK, "4 3 1")
	c.nanos.Add(-int64(time.Hour))
	f(busy, http.StatusOK, "4 3 1")

	// Who has no token that is known spends the quota of their address, and not that of tokens.
	for range 4 {
		f("p.wrong", http.StatusForbidden, "4 "+strconv.Itoa(3)+" 1")
		c.nanos.Add(int64(250 * time.Millisecond))
	}
	for left := 3; left >= 0; left-- {
		f("p.guess"+strconv.Itoa(left), http.StatusForbidden, fmt.Sprintf("4 %d 1", left))
	}
	f("p.another", http.StatusTooManyRequests, "4 0 1")
	f(calm, http.StatusOK, "4 3 1")
	for range 10 {
		resp, _ := server.do(t, "GET", "/health", nil)
		require.Equal(t, http.StatusOK, resp.StatusCode, "health is always told")
		require.Empty(t, resp.Header.Get("X-RateLimit-Limit"))
		resp, _ = server.do(t, "OPTIONS", events, nil)
		require.Equal(t, http.StatusNoContent, resp.StatusCode)
	}
	c.nanos.Add(int64(time.Second))
	_, metrics := server.do(t, "GET", "/metrics", nil, "Authorization", "Bearer "+calm)
	require.Contains(t, metrics, "\nresidual_http_throttled_total 3\n")
}

// TestQuotaPerAddress holds a server without tokens to its quota, before it reads a body.
func TestQuotaPerAddress(t *testing.T) {
	server := start(t, httpapi.Options{Limits: httpapi.Limits{RequestsPerSecond: 1}})
	answer := exchange(t, server.addr, post(events, goodLine))
	require.Contains(t, answer, "HTTP/1.1 202 ")
	require.Contains(t, answer, "\r\nX-Ratelimit-Limit: 1\r\nX-Ratelimit-Remaining: 0\r\nX-Ratelimit-Reset: 1\r\n")
	const declared = 1 << 20
	answer = exchange(t, server.addr, head+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", declared, strings.Repeat("\n", 8<<10)))
	require.Contains(t, answer, "HTTP/1.1 429 ", "while the body is still on its way")
	require.Regexp(t, "\r\nRetry-After: [12]\r\n", answer)
	require.Contains(t, answer, `{"error":"too many requests: 1 a second are allowed"`)
	require.Len(t, server.store.batches, 1)
}

// TestNoQuota finds no trace of quotas in a server without one.
func TestNoQuota(t *testing.T) {
	server := start(t, httpapi.Options{})
	for range 20 {
		resp, _ := server.do(t, "GET", "/v0/pipes", nil)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Empty(t, resp.Header.Get("X-RateLimit-Limit"))
	}
}
