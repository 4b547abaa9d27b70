package clusters_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
)

// certify makes a certificate of 127.0.0.1 that is its own authority, and the file that has it.
func certify(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// decrypt listens with TLS until the test ends, and passes on what comes to an address. It returns where it listens.
func decrypt(t *testing.T, certificate tls.Certificate, to string) string {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = client.Close() }()
				if client.(*tls.Conn).Handshake() != nil { //nolint:noctx // the client ends it
					return
				}
				node, err := net.Dial("tcp", to) //nolint:noctx // on the loopback
				if err != nil {
					return
				}
				defer func() { _ = node.Close() }()
				go func() { _, _ = io.Copy(node, client) }()
				_, _ = io.Copy(client, node)
			}()
		}
	}()
	return ln.Addr().String()
}

// TestEncrypted reaches a node by TLS alone: with its authority tables are made and rows served; with another authority, or without one, the
// program ends and says so, rather than to wait for what does not pass.
func TestEncrypted(t *testing.T) {
	c := nodes.Start(t, nodes.Options{})
	binary := build(t)
	certificate, authority := certify(t)
	_, another := certify(t)
	url := nodes.URL(nodes.User, decrypt(t, certificate, c.Nodes[0].Address))
	for _, parameters := range []string{"?secure=true", "?secure=true&ca=" + another} {
		for _, args := range [][]string{{"cluster", "init"}, {"cluster", "check"}, {"serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir()}} {
			require.Contains(t, fails(t, command(binary, append(args, "--store", url+parameters)...)), "is not trusted", "%v", args)
		}
	}
	trusted := url + "?secure=true&ca=" + authority
	out, err := command(binary, "cluster", "init", "--store", trusted).CombinedOutput()
	require.NoError(t, err, string(out))
	s := startServer(t, binary, trusted)
	require.Equal(t, http.StatusOK, s.post(t, line("m", "a")).status)
	require.Equal(t, 1, strings.Count(s.metrics(t, "m").body, `"m"`))
	out, err = command(binary, "cluster", "check", "--store", url+"?secure=true&skip_verify=true").CombinedOutput()
	require.NoError(t, err, string(out))
}
