package clusters_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/testing/storetest"
)

// server is a store behind HTTP in the process of the test.
type server struct {
	store storetest.Store
	url   string
}

func serve(t *testing.T, store storetest.Store, now func() time.Time) *server {
	t.Helper()
	// The machine may be busy: how long answers take is what TestMeasure is for.
	s, err := httpapi.New(store, httpapi.Options{Now: now, Limits: httpapi.Limits{QueryTimeout: 30 * time.Minute}})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, <-served)
		require.NoError(t, store.Close())
	})
	return &server{store, "http://" + ln.Addr().String()}
}

// send posts lines to a data source and returns the answer.
func (s *server) send(t *testing.T, source string, lines []byte) string {
	t.Helper()
	response, err := http.Post(s.url+"/v0/events?wait=true&name="+source, "", bytes.NewReader(lines)) //nolint:noctx // the server of the test answers
	require.NoError(t, err)
	defer response.Body.Close()
	return read(t, response, http.StatusOK)
}

// ask answers a question.
func (s *server) ask(t *testing.T, path string) (status int, body string) {
	t.Helper()
	response, err := http.Get(s.url + path) //nolint:noctx // the server of the test answers
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode, read(t, response, 0)
}

func read(t *testing.T, response *http.Response, want int) string {
	t.Helper()
	var b strings.Builder
	_, err := io.Copy(&b, response.Body)
	require.NoError(t, err)
	if want != 0 {
		require.Equal(t, want, response.StatusCode, b.String())
	}
	return b.String()
}
