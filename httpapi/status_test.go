package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

// statusOf asks for the one row of the pipe status.
func statusOf(t *testing.T, server *running, headers ...string) map[string]any {
	t.Helper()
	resp, body := server.do(t, "GET", "/v0/pipes/status.json", nil, headers...)
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	require.Empty(t, resp.Header.Get("ETag"))
	var answer struct{ Data []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.Len(t, answer.Data, 1)
	return answer.Data[0]
}

// TestStatus sends rows as time goes on, and lets one answer be refused.
func TestStatus(t *testing.T) {
	s := startTagged(t, nil)
	at := func(id string) string { return line("m", "v", "production", id, now, "1", "") }
	wants := func(want map[string]any) {
		t.Helper()
		got := statusOf(t, s.running)
		for name, value := range want {
			require.Equal(t, value, got[name], name)
		}
	}
	wants(map[string]any{"status": "ok", "reason": nil, "version": "dev", "uptime_seconds": 0.0, "rows_last_minute": 0.0, "disk_days_left": nil, "memory_limit_bytes": nil})
	s.send(at("1") + at("2") + "nothing\n")
	wants(map[string]any{
		"rows_last_minute": 2.0, "rows_last_hour": 2.0, "rows_last_day": 2.0, "rejected_last_minute": 1.0, "rejected_kept": 1.0, "rows": 2.0, "models": 1.0, "series": 1.0,
		"waiting_rows": 2.0, "orphans": 0.0,
	})
	s.clock.nanos.Add(int64(time.Minute))
	s.do(t, "POST", sendActuals, strings.NewReader(`{"model_id":"m","prediction_id":"1","actual_value":3}`+"\n"+`{"model_id":"m","prediction_id":"never","actual_value":3}`))
	wants(map[string]any{"uptime_seconds": 60.0, "rows_last_minute": 2.0, "rows_last_hour": 4.0, "rejected_last_minute": 0.0, "rejected_last_day": 1.0, "waiting_rows": 1.0, "orphans": 1.0})
	require.NoError(t, s.db.Checkpoint(t.Context()))
	s.clock.nanos.Add(int64(12 * time.Hour))
	s.send(at("3"))
	got := statusOf(t, s.running)
	require.Equal(t, 1.0, got["rows_last_hour"])
	require.Equal(t, 5.0, got["rows_last_day"])
	stats := s.db.Stats()
	perDay := 5 * (24 * 60) / (12*60 + 1.0) * float64(stats.SealedBytes) / float64(stats.SealedRows)
	require.InEpsilon(t, float64(stats.Disk.Free)/perDay, got["disk_days_left"], 0.5, "others write to the disk too")
	require.InDelta(t, stats.Disk.Bytes(), got["disk_bytes"], 0)
	require.Positive(t, got["log_sync_p99_seconds"])
	s.clock.nanos.Add(int64(24 * time.Hour))
	wants(map[string]any{"rows_last_day": 0.0, "disk_days_left": nil})
}

// TestStatusOfBoundedTokens has nothing for a token that may see some models: the numbers are of everybody.
func TestStatusOfBoundedTokens(t *testing.T) {
	dir := t.TempDir()
	token, err := httpapi.CreateToken(httpapi.TokensIn(dir), httpapi.Token{Name: "team", Scopes: []string{"PIPES:READ:status"}, Models: []string{"team_a_*"}, Created: now})
	require.NoError(t, err)
	tokens, err := httpapi.TokensIn(dir).Load()
	require.NoError(t, err)
	got := statusOf(t, startTagged(t, tokens).running, "Authorization", "Bearer "+token)
	for name, value := range got {
		switch name {
		case "status", "version", "uptime_seconds":
			require.NotNil(t, value)
		default:
			require.Nil(t, value, name)
		}
	}
	require.Greater(t, len(got), 30)
}
