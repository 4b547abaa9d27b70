package httpapi_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// TestPartOfAStoreAway has what a client is told while a part of a store is away: what is missing, and when to come back, and no address.
func TestPartOfAStoreAway(t *testing.T) {
	server := start(t, httpapi.Options{})
	away := &engine.AwayError{
		Class: engine.ErrUnavailable, Text: "shard 2 of the cluster: it cannot be reached; nothing was stored, send the request again", RetryAfter: 5 * time.Second,
		Err: errors.New("dial 10.0.0.1:9000"),
	}
	failing(away)(server.store)
	resp, body := server.do(t, "POST", events, strings.NewReader(goodLine))
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	requireRetryAfter(t, "5", resp.Header.Get("Retry-After"))
	require.Contains(t, body, away.Text)
	require.NotContains(t, body, "10.0.0.1")

	server.store.change(func(f *fakeStore) { f.appendErr, f.health = nil, engine.Health{Ready: true, Amiss: "shard 2 is away"} })
	resp, body = server.do(t, "GET", "/health", nil)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, body, `"status":"degraded","reason":"shard 2 is away"`)
	resp, _ = server.do(t, "POST", events, strings.NewReader(goodLine))
	require.Equal(t, http.StatusAccepted, resp.StatusCode, "others go on")
}
