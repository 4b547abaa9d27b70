package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/testing/simdisk"
)

func TestHealth(t *testing.T) {
	f := func(address string, code int, out, err string) {
		t.Helper()
		r := run(t, "health", "--server", address)
		require.Equal(t, code, r.code)
		require.Regexp(t, out, r.out)
		require.Contains(t, r.err, err)
	}
	server, err := httpapi.New(nil, httpapi.Options{Version: "v1"})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error)
	go func() { served <- server.Serve(ln) }()
	address := "http://" + ln.Addr().String()
	f(address, exitFailure, `^$`, "the server is starting: the log is being replayed")

	disk := simdisk.New(simdisk.Options{})
	db, err := engine.Open("/store", engine.Options{FS: disk, LogFileBytes: 1 << 20})
	require.NoError(t, err)
	server.Attach(db)
	f(address, exitOK, `^\{"status":"ok","version":"[^"]+".*\}\n$`, "")

	disk.Inject(simdisk.Fault{Op: disk.Ops(), Kind: simdisk.SyncClean})
	status, _ := request(t, http.MethodPost, address+"/v0/events?name=ml_model_predictions", "nonsense")
	require.Equal(t, http.StatusServiceUnavailable, status)
	f(address, exitFailure, `^$`, "the server is degraded: ")
	require.NoError(t, server.Shutdown(t.Context()))
	require.NoError(t, <-served)
	require.ErrorIs(t, db.Close(), engine.ErrDegraded)
	f(address, exitFailure, `^$`, "connection refused")
	f("nonsense", exitUsage, `^$`, "a URL like http://127.0.0.1:7181 is needed")
}

// TestNotify stands in for a service manager that waits for the server.
func TestNotify(t *testing.T) {
	dir, err := os.MkdirTemp("", "notify") // the path of a socket may be 100 bytes long
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "socket"), Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, manager.Close()) })
	told := func() string {
		t.Helper()
		b := make([]byte, 100)
		require.NoError(t, manager.SetReadDeadline(time.Now().Add(time.Minute)))
		n, err := manager.Read(b)
		require.NoError(t, err)
		return string(b[:n])
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "socket"))
	p := startProcess(t, build(t), filepath.Join(dir, "data"))
	require.Equal(t, "READY=1", told())
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, "STOPPING=1", told())
	require.Equal(t, exitOK, p.exit(t))

	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "nobody"))
	p = startProcess(t, build(t), filepath.Join(dir, "data"))
	p.waitLog(t, "the service manager could not be told")
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, exitOK, p.exit(t))
}
