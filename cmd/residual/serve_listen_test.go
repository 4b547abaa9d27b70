package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestServeTLSAndTokens checks that a certificate and tokens that change are followed without a restart.
func TestServeTLSAndTokens(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first := newCertificate(t, certFile, keyFile, 1)
	create := func(name string) string {
		t.Helper()
		r := run(t, "token", "create", name, "--scope", "ADMIN", "--data-dir", data)
		require.Equal(t, exitOK, r.code, r.err)
		return strings.TrimSpace(r.out)
	}
	token := create("ops")
	s := serveWith(t, slog.New(slog.DiscardHandler), "--data-dir", data, "--tls-cert", certFile, "--tls-key", keyFile)
	require.True(t, strings.HasPrefix(s.URL(), "https://127.0.0.1:"))

	ask := func(trust *x509.CertPool, token string) int {
		t.Helper()
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, DisableKeepAlives: true}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/v0/pipes/model_drift_detection.csv", http.NoBody)
		require.NoError(t, err)
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			return 0
		}
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(t, http.StatusForbidden, ask(first, ""))
	require.Equal(t, http.StatusForbidden, ask(first, "p.wrong"))
	require.Equal(t, http.StatusOK, ask(first, token))
	_, err := tls.Dial("tcp", strings.TrimPrefix(s.URL(), "https://"), &tls.Config{RootCAs: first, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.ErrorContains(t, err, "protocol version")

	second := newCertificate(t, certFile, keyFile, 2)
	later := create("later")
	require.Zero(t, ask(second, token), "not before the reload")
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	ctx, stop := context.WithCancel(t.Context())
	waited := make(chan error)
	go func() { waited <- s.Wait(ctx, hangups) }()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGHUP))
	require.Eventually(t, func() bool { return ask(second, later) == http.StatusOK }, time.Minute, time.Millisecond)
	stop()
	require.NoError(t, <-waited)
	require.Zero(t, ask(first, token))

	require.NoError(t, os.WriteFile(certFile, []byte("broken"), 0o600))
	reload(t, s)
	require.Equal(t, http.StatusOK, ask(second, token), "what cannot be read stays as it was")
}

// newCertificate writes a self-signed certificate and its key into files, and returns a pool that trusts it.
func newCertificate(t *testing.T, certFile, keyFile string, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return pool
}
