package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
)

// scripted is a listener whose connections a test makes up.
type scripted struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (s *scripted) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *scripted) Close() error   { close(s.closed); return nil }
func (s *scripted) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7181} }

// recorded is a connection that sends given bytes and keeps what comes back.
type recorded struct {
	net.Conn // nil: whatever is not below is not called

	request io.Reader
	answer  bytes.Buffer
	done    chan struct{}
}

func (r *recorded) Read(p []byte) (int, error)  { return r.request.Read(p) }
func (r *recorded) Write(p []byte) (int, error) { return r.answer.Write(p) }
func (r *recorded) Close() error                { close(r.done); return nil }
func (r *recorded) LocalAddr() net.Addr         { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (r *recorded) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (r *recorded) SetDeadline(time.Time) error      { return nil }
func (r *recorded) SetReadDeadline(time.Time) error  { return nil }
func (r *recorded) SetWriteDeadline(time.Time) error { return nil }

// FuzzRequest sends any bytes: what comes back are whole answers, none of them says that the server has a bug, and no
// log holds what was sent.
func FuzzRequest(f *testing.F) {
	for i, c := range goldenCases {
		// The long ones teach nothing that a short one does not.
		if i%2 == 0 && len(c.request) < 4<<10 {
			f.Add([]byte(c.request))
		}
	}
	f.Add([]byte(head + "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"))
	logs := &lockedBuffer{}
	store := newFakeStore()
	server, err := httpapi.New(store, httpapi.Options{
		Limits: httpapi.Limits{BodyBytesMax: 1 << 20}, Now: func() time.Time { return now },
		Logger: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	require.NoError(f, err)
	ln := &scripted{conns: make(chan net.Conn), closed: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	f.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(f, server.Shutdown(ctx))
		require.NoError(f, <-served)
	})
	f.Fuzz(func(t *testing.T, request []byte) {
		conn := &recorded{request: bytes.NewReader(request), done: make(chan struct{})}
		ln.conns <- conn
		<-conn.done
		answers := bufio.NewReader(&conn.answer)
		for {
			if _, err := answers.Peek(1); err == io.EOF {
				break
			}
			method := http.MethodGet
			if bytes.HasPrefix(request, []byte("HEAD")) {
				method = http.MethodHead
			}
			resp, err := http.ReadResponse(answers, &http.Request{Method: method})
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if errors.Is(err, io.ErrUnexpectedEOF) && bytes.Contains(request, []byte("HEAD")) {
				break
			}
			require.NoError(t, err)
			if resp.StatusCode == http.StatusContinue {
				continue
			}
			require.Less(t, resp.StatusCode, 500, string(body))
			require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
			if resp.StatusCode >= 400 && method != http.MethodHead {
				require.NotEmpty(t, errorText(t, string(body)))
			}
		}
		require.NotContains(t, logs.String(), "level=ERROR")
		store.change(func(f *fakeStore) {
			f.batches, f.metrics, f.drifts, f.quarantines = nil, nil, nil, nil
			clear(f.keys)
		})
	})
}
