package source_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/residualdb/residual/source"
	"github.com/residualdb/residual/source/internal/connector"
)

// secret is a Secret of a test.
type secret string

// Reveal implements source.Secret.
func (s secret) Reveal() string { return string(s) }

// password is one that nothing may show.
const password = secret("canary-password")

// authority returns the certificate of a server on the loopback, and that of who signed it, in PEM.
func authority(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12},
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// listener listens, and does something with each connection.
func listener(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// TestKafkaSettings holds each setting that is wrong to an error that says what is wrong and what to do, and that shows no secret, and
// those that are right to rows.
func TestKafkaSettings(t *testing.T) {
	t.Parallel()
	serverTLS, ca := authority(t)
	_, otherCA := authority(t)
	topics := kfake.SeedTopics(1, topic)
	allowed := func(resource kmsg.ACLResourceType, name string) kfake.ACL {
		return kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationAll, Allow: true}
	}
	plainText := cluster(t, topics)
	encrypted := cluster(t, topics, kfake.TLS(serverTLS))
	guarded := cluster(t, topics, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "admin", "admin"),
		kfake.User("PLAIN", "reader", string(password), allowed(kmsg.ACLResourceTypeTopic, topic), allowed(kmsg.ACLResourceTypeGroup, "residual")),
		kfake.User("SCRAM-SHA-256", "scram", string(password), allowed(kmsg.ACLResourceTypeTopic, topic), allowed(kmsg.ACLResourceTypeGroup, "residual")),
		kfake.User("SCRAM-SHA-512", "scram512", string(password), allowed(kmsg.ACLResourceTypeTopic, topic), allowed(kmsg.ACLResourceTypeGroup, "residual")),
		kfake.User("PLAIN", "nobody", string(password)),
		kfake.User("PLAIN", "groupless", string(password), allowed(kmsg.ACLResourceTypeTopic, topic)),
	)
	login := func(mechanism, user string, password secret) func(*source.Kafka) {
		return func(k *source.Kafka) { k.Mechanism, k.User, k.Password = mechanism, secret(user), password }
	}
	at := func(addresses ...string) func(*source.Kafka) { return func(k *source.Kafka) { k.Servers = addresses } }
	closed := listener(t, func(net.Conn) {})
	for name, c := range map[string]struct {
		cluster *kfake.Cluster
		change  func(*source.Kafka)
		advice  string // empty if it is right
	}{
		"plain text":                 {plainText, func(*source.Kafka) {}, ""},
		"TLS":                        {encrypted, func(k *source.Kafka) { k.TLS, k.CA = true, ca }, ""},
		"PLAIN":                      {guarded, login("PLAIN", "reader", password), ""},
		"SCRAM-SHA-256":              {guarded, login("SCRAM-SHA-256", "scram", password), ""},
		"SCRAM-SHA-512":              {guarded, login("SCRAM-SHA-512", "scram512", password), ""},
		"nothing listens":            {plainText, at("127.0.0.1:1"), "nothing listens there"},
		"one of two servers listens": {plainText, at("127.0.0.1:1", plainText.ListenAddrs()[0]), ""},
		"name that is not known":     {plainText, at("no-such-host.invalid:9092"), "the name of the server is not known"},
		"server hangs up":            {plainText, at(closed), "KAFKA_SECURITY_PROTOCOL"},
		"server of HTTP": {plainText, at(listener(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		})), "KAFKA_SECURITY_PROTOCOL"},
		"TLS where there is none":     {plainText, func(k *source.Kafka) { k.TLS, k.CA = true, ca }, "KAFKA_SECURITY_PROTOCOL"},
		"no TLS where there is":       {encrypted, func(*source.Kafka) {}, "KAFKA_SECURITY_PROTOCOL"},
		"another authority":           {encrypted, func(k *source.Kafka) { k.TLS, k.CA = true, otherCA }, "KAFKA_SSL_CA_PEM"},
		"authorities of the system":   {encrypted, func(k *source.Kafka) { k.TLS = true }, "KAFKA_SSL_CA_PEM"},
		"wrong password":              {guarded, login("PLAIN", "reader", "wrong-canary"), "KAFKA_SECRET"},
		"wrong password, SCRAM":       {guarded, login("SCRAM-SHA-256", "scram", "wrong-canary"), "KAFKA_SECRET"},
		"user of another mechanism":   {guarded, login("SCRAM-SHA-512", "scram", password), "KAFKA_SASL_MECHANISM"},
		"no login where there is one": {guarded, func(*source.Kafka) {}, "KAFKA_SECURITY_PROTOCOL"},
		"forbidden topic":             {guarded, login("PLAIN", "nobody", password), "allow it READ and DESCRIBE on predictions"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore()
			r := run(t, s, config(c.cluster, c.change, func(k *source.Kafka) { k.Timeout = time.Second }))
			if c.advice == "" {
				got := awaitStatus(t, r, func(s source.Status) bool { return s.State == source.Running })
				require.NoError(t, got.Err)
				return
			}
			// On a machine with other work it may fail for want of time before it fails for what is wrong.
			got := awaitStatus(t, r, func(s source.Status) bool {
				return s.State == source.Failing && s.Err != nil && strings.Contains(connector.Advice(s.Err), c.advice)
			})
			require.NotContains(t, fmt.Sprintf("%+v %v", got, got.Err), "canary")
			// It is tried again, and HTTP would go on.
			awaitStatus(t, r, func(s source.Status) bool { return s.Counts.Retries >= 2 })
		})
	}
	t.Run("forbidden group", func(t *testing.T) {
		t.Parallel()
		s := newStore()
		produce(t, client(t, guarded, kgo.SASL(plain.Auth{User: "admin", Pass: "admin"}.AsMechanism())), 0, lines("a", 10)...)
		r := run(t, s, config(guarded, login("PLAIN", "groupless", password)))
		s.awaitRows(t, 10)
		got := awaitStatus(t, r, func(s source.Status) bool { return s.LastErr != nil })
		require.Contains(t, connector.Advice(got.LastErr), "READ on the group residual; rows are stored nevertheless")
		require.Equal(t, source.Running, got.State)
	})
}
