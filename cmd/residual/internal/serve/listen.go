package serve

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
)

// listener is the server's socket, with TLS if there is a certificate.
type listener struct {
	net.Listener
	certFile, keyFile string
	// certificate is nil without TLS; handshakes load it while reload replaces it.
	certificate *atomic.Pointer[tls.Certificate]
}

// listen opens the socket that the flags ask for. Without a token it must be on loopback.
func listen(flags *Flags, tokens bool) (*listener, error) {
	host, _, err := net.SplitHostPort(flags.listen)
	if err != nil {
		return nil, arg.Usagef("--listen %q: HOST:PORT is allowed, like 127.0.0.1:7181 or [::1]:7181", flags.listen)
	}
	if (flags.tlsCert == "") != (flags.tlsKey == "") {
		return nil, arg.Usagef("--tls-cert and --tls-key go together")
	}
	if !tokens && !Loopback(host) {
		return nil, errNoToken(flags, "--data-dir "+flags.dir)
	}
	l := &listener{certFile: flags.tlsCert, keyFile: flags.tlsKey}
	if flags.tlsCert != "" {
		l.certificate = new(atomic.Pointer[tls.Certificate])
		if err := l.reload(); err != nil {
			return nil, err
		}
	}
	if l.Listener, err = net.Listen("tcp", flags.listen); err != nil {
		return nil, err
	}
	if l.certificate != nil {
		l.Listener = tls.NewListener(l.Listener, &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return l.certificate.Load(), nil },
		})
	}
	return l, nil
}

// errNoToken is why a server does not listen beyond its machine; where is the flag of the tokens' place.
func errNoToken(flags *Flags, where string) error {
	return fmt.Errorf("no token exists, so anyone who reaches %s could read and write; create one first:\n"+
		"  residual token create NAME --scope ADMIN %s\n"+
		"or name a file that holds one with --admin-token-file", flags.listen, where)
}

// reload reads the certificate again; without TLS there is none.
func (l *listener) reload() error {
	if l.certificate == nil {
		return nil
	}
	certificate, err := tls.LoadX509KeyPair(l.certFile, l.keyFile)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	l.certificate.Store(&certificate)
	return nil
}

// url is the address to reach the server at.
func (l *listener) url() string {
	if l.certificate != nil {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// Loopback reports whether host, as in --listen, is reached from this machine alone.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
