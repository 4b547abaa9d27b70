package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// shownConnectors are connectors as a test wants them.
type shownConnectors struct {
	all   []httpapi.Connector
	stale string
	away  error
}

func (s *shownConnectors) Connectors() []httpapi.Connector { return s.all }
func (s *shownConnectors) Ask(name string) (bool, error) {
	return slices.ContainsFunc(s.all, func(c httpapi.Connector) bool { return c.Name == name }), s.away
}

func (s *shownConnectors) Stale() string { return s.stale }

// twoConnectors are one that reads and one that waits.
func twoConnectors() *shownConnectors {
	return &shownConnectors{all: []httpapi.Connector{
		{
			Name: "a", Kind: "kafka", Place: "topic t", State: "running", Since: now, LastStored: now.Add(time.Second),
			LagMessages: 3, LagSeconds: 0.5, LagBytes: -1, Rows: 7, Replaced: 1, Rejects: 2, Bytes: 900, Skipped: 4, Retries: 5, Lost: 6, Failed: 8,
		},
		{Name: "b", Kind: "files", Place: "s3://b/*.csv", State: "paused", Since: now, Error: "memory is full", LagMessages: -1, LagSeconds: -1, LagBytes: -1},
	}}
}

func TestConnectorsAreShown(t *testing.T) {
	shown := twoConnectors()
	server := start(t, httpapi.Options{Connectors: shown})
	ask := func() []map[string]any {
		var answer struct{ Data []map[string]any }
		_, body := server.do(t, "GET", "/v0/pipes/connectors.json", nil)
		require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
		return answer.Data
	}
	rows := ask()
	require.Equal(t, map[string]any{
		"name": "a", "kind": "kafka", "place": "topic t", "state": "running", "since": "2025-04-27 12:00:00", "error": nil, "next_try": nil,
		"last_error": nil, "last_error_at": nil, "last_stored": "2025-04-27 12:00:01", "lag_messages": 3.0, "lag_seconds": 0.5, "lag_bytes": nil,
		"rows": 7.0, "replaced": 1.0, "rejects": 2.0, "bytes": 900.0, "skipped": 4.0, "retries": 5.0, "lost": 6.0, "failed": 8.0,
	}, rows[0])
	require.Equal(t, "memory is full", rows[1]["error"])
	health := func() (int, string) {
		resp, body := server.do(t, "GET", "/health", nil)
		return resp.StatusCode, body
	}
	status, body := health()
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `"status":"ok"`, "one that waits for room is well")
	samples := scrape(t, server)
	require.EqualValues(t, 1, samples[`residual_connector_state{datasource="a",state="running"}`])
	require.EqualValues(t, 0, samples[`residual_connector_state{datasource="a",state="failing"}`])
	require.EqualValues(t, 3, samples[`residual_connector_lag_messages{datasource="a"}`])
	require.NotContains(t, samples, `residual_connector_lag_messages{datasource="b"}`)
	require.EqualValues(t, 7, samples[`residual_connector_rows_total{datasource="a"}`])
	require.EqualValues(t, 6, samples[`residual_connector_lost_total{datasource="a"}`])
	require.EqualValues(t, 8, samples[`residual_connector_failed_total{datasource="a"}`])

	shown.all[1].State, shown.all[1].Error = "failing", "no server at h:1"
	status, body = health()
	require.Equal(t, http.StatusOK, status, "it serves")
	require.Contains(t, body, `"status":"degraded","reason":"1 of 2 connectors fail; the pipe connectors says why. Events are taken and queries answered"`)
	require.NotContains(t, body, "h:1", "who has no token learns no names")
	server.store.change(func(f *fakeStore) { f.health.Amiss = "shard 2 is away" })
	shown.stale = "the project is old"
	_, body = health()
	require.Contains(t, body, `"shard 2 is away. 1 of 2 connectors fail; the pipe connectors says why. the project is old. Events are taken`)
	server.store.change(func(f *fakeStore) { f.health.Amiss = "" })
	require.Zero(t, scrape(t, server)["residual_degraded"])
	require.EqualValues(t, 1, scrape(t, server)[`residual_connector_state{datasource="b",state="failing"}`])
	server.store.change(func(f *fakeStore) { f.health = engine.Health{Ready: true, Degraded: true, Reason: "full"} })
	status, body = health()
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NotContains(t, body, "connectors", "that no events are taken goes before")
	require.ErrorContains(t, server.Refusal(), "no events are taken")
}

// TestSync asks connectors to look for what is new.
func TestSync(t *testing.T) {
	shown := twoConnectors()
	shown.all[0].Name = "scores"
	server := startWith(t, &actualsStore{fakeStore: newFakeStore()}, httpapi.Options{Connectors: shown})
	require.NoError(t, server.SetDatasources([]httpapi.Datasource{scores(), labels()}))
	for name, want := range map[string]int{"scores": http.StatusAccepted, "labels": http.StatusBadRequest, "none": http.StatusNotFound} {
		resp, body := server.do(t, "POST", "/v0/datasources/"+name+"/sync", nil)
		require.Equal(t, want, resp.StatusCode, body)
	}
	shown.away = &engine.AwayError{Class: engine.ErrUnavailable, Text: "shard 1 is away", RetryAfter: 2 * time.Second, Err: engine.ErrUnavailable}
	resp, body := server.do(t, "POST", "/v0/datasources/scores/sync", nil)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, body)
	require.Contains(t, body, "shard 1 is away")
	require.NotEmpty(t, resp.Header.Get("Retry-After"))
}
