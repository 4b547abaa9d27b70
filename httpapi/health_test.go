package httpapi_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
)

// requireAgreement sends events over both routes and asks /health and /metrics: all take events, or all refuse them for
// the one reason, which it returns.
func requireAgreement(t *testing.T, server *running) (refused bool, reason string) {
	t.Helper()
	resp, body := server.do(t, "GET", "/health", nil)
	refused = resp.StatusCode != http.StatusOK
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "x.ndjson")
	require.NoError(t, err)
	fmt.Fprintln(part, goodLine)
	require.NoError(t, w.Close())
	for name, send := range map[string]func() (reply, string){
		"events": func() (reply, string) { return server.do(t, "POST", events, strings.NewReader(goodLine)) },
		"file": func() (reply, string) {
			return server.do(t, "POST", "/v0/datasources?name=ml_model_predictions", &form, "Content-Type", w.FormDataContentType())
		},
	} {
		resp, answer := send()
		require.Equal(t, refused, resp.StatusCode == http.StatusServiceUnavailable, "%s: %s, health: %s", name, answer, body)
		if refused {
			reason, _, _ = strings.Cut(errorText(t, answer), ";")
			require.Contains(t, body, `"reason":"`+reason+`"`)
			require.NotEmpty(t, resp.Header.Get("Retry-After"))
		}
	}
	require.Equal(t, refused, scrape(t, server)["residual_degraded"] == 1)
	return refused, reason
}

// TestHealthAgrees lets the store refuse events for each of its reasons, and memory be full.
func TestHealthAgrees(t *testing.T) {
	for name, err := range map[string]error{
		"the store failed and no events are taken until a restart":                                  engine.ErrDegraded,
		"the data directory was moved, removed or replaced and no events are taken until a restart": fmt.Errorf("%w: %w", engine.ErrDegraded, engine.ErrTaken),
		"the disk is full": engine.ErrNoSpace,
		"files of the store cannot be opened or read at the moment":               engine.ErrUnavailable,
		"the store cannot keep up at the moment":                                  engine.ErrFull,
		"memory is full of rows that cannot be written to segments at the moment": engine.ErrUnsealed,
		"the server is shutting down":                                             engine.ErrClosed,
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, httpapi.Options{})
			refused, _ := requireAgreement(t, server)
			require.False(t, refused)
			path := fmt.Errorf("%w: write /var/lib/secret: broken", err)
			server.store.change(func(f *fakeStore) {
				f.appendErr = path
				f.health = engine.Health{Ready: true, Degraded: true, Err: path, Reason: path.Error()}
			})
			refused, reason := requireAgreement(t, server)
			require.True(t, refused)
			require.Equal(t, name, reason)
			server.store.change(func(f *fakeStore) { f.appendErr, f.health = nil, engine.Health{Ready: true} })
			refused, _ = requireAgreement(t, server)
			require.False(t, refused)
		})
	}
	t.Run("memory is full", func(t *testing.T) {
		runtime.GC()
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		server := start(t, httpapi.Options{Limits: httpapi.Limits{HeapBytesMax: int64(live[0].Value.Uint64()) + 32<<20}})
		refused, _ := requireAgreement(t, server)
		require.False(t, refused)
		ballast := make([]byte, 128<<20)
		runtime.GC()
		refused, reason := requireAgreement(t, server)
		require.True(t, refused)
		require.Equal(t, "memory is full", reason)
		runtime.KeepAlive(ballast)
	})
}
