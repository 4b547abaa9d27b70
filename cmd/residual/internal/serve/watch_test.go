package serve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

// TestServeOnFailingDisk fails a sync under the server: the client learns that the outcome is unknown, the next ones are
// refused, queries are answered, health says why, and the server asks to be ended.
func TestServeOnFailingDisk(t *testing.T) {
	s, err := Start(At(t.TempDir(), "127.0.0.1:0"), Build{Version: "test"}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	disk := simdisk.New(simdisk.Options{})
	s.db, err = engine.Open("/store", engine.Options{FS: disk, LogFileBytes: 1 << 20})
	require.NoError(t, err)
	s.http.Attach(s.db)

	post := func(id string, status int, want string) {
		t.Helper()
		line := fmt.Sprintf(`{"timestamp":%q,"model_id":"m","prediction_id":%q,"features":"{}","predicted_value":2,"actual_value":1,`+
			`"model_version":"v1","environment":"production"}`, time.Now().UTC().Format(time.RFC3339), id)
		got, text := request(t, http.MethodPost, s.URL()+"/v0/events?name=ml_model_predictions", line)
		require.Equal(t, status, got, text)
		require.Contains(t, text, want)
	}
	post("a", http.StatusAccepted, `"successful_rows":1`)
	disk.Inject(simdisk.Fault{Op: disk.Ops(), Kind: simdisk.SyncClean})
	post("b", http.StatusServiceUnavailable, "outcome is unknown")
	disk.Heal()
	post("c", http.StatusServiceUnavailable, "no events are taken until a restart")
	status, text := request(t, http.MethodGet, s.URL()+"/health", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, text, `"status":"degraded"`)
	status, text = request(t, http.MethodGet, s.URL()+"/v0/pipes/model_performance_metrics.json?model_id=m", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, `"prediction_count": 1`)

	require.ErrorIs(t, watch(t.Context(), s.db, s.log, time.Millisecond), errStoreFailed)
	require.ErrorIs(t, s.Stop(), engine.ErrDegraded)
}

func request(t *testing.T, method, address, body string) (status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(content)
}

type healthFunc func() engine.Health

func (f healthFunc) Health() engine.Health { return f() }

// TestWatch holds that a full disk ends nothing, a failed one does so after the limit, and a stop at once.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		began := time.Now()
		err := watch(t.Context(), healthFunc(func() engine.Health {
			h := engine.Health{Ready: true, Degraded: true, Reason: "full"}
			if time.Since(began) > time.Hour {
				h.Reason, h.Failed = "EIO", true
			}
			return h
		}), log, failLimit)
		require.ErrorIs(t, err, errStoreFailed)
		require.ErrorContains(t, err, "EIO")
		require.InDelta(t, time.Hour+failLimit, time.Since(began), float64(time.Second))

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		require.NoError(t, watch(ctx, healthFunc(func() engine.Health { return engine.Health{Failed: true} }), log, time.Hour))
	})
}
