package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/residualdb/residual/source/internal/connector"
)

// explain returns what went wrong with a cluster as an operator has it to hear, and what to do about it.
func (c *Config) explain(err error) error {
	if err == nil || connector.Advice(err) != "" {
		return err
	}
	var advice string
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var firstEOF *kgo.ErrFirstReadEOF
	var unknown x509.UnknownAuthorityError
	isEOF := errors.As(err, &firstEOF) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		advice = fmt.Sprintf("the cluster does not take the user and the secret: check KAFKA_KEY, KAFKA_SECRET and KAFKA_SASL_MECHANISM (%s)", c.Mechanism)
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		advice = fmt.Sprintf("the cluster does not know the mechanism %s: set KAFKA_SASL_MECHANISM to one that it has", c.Mechanism)
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		advice = "the user may not read the topic: allow it READ and DESCRIBE on " + c.Topic
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		advice = fmt.Sprintf("the user may not commit to the group: allow it READ on the group %s; rows are stored nevertheless", c.Group)
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		advice = "the user may not use the cluster: allow it DESCRIBE"
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		advice = fmt.Sprintf("check KAFKA_TOPIC, or create the topic %s: it is read from its beginning once it exists", c.Topic)
	case errors.Is(err, kerr.UnknownMemberID), errors.Is(err, kerr.RebalanceInProgress), errors.Is(err, kerr.IllegalGeneration):
		advice = fmt.Sprintf("other consumers are members of the group %s: set KAFKA_GROUP_ID to one of this server alone; rows are stored nevertheless", c.Group)
	case errors.As(err, &dns):
		advice = "the name of the server is not known: check KAFKA_BOOTSTRAP_SERVERS, and the names that the cluster tells of itself (advertised.listeners)"
	case errors.As(err, &unknown), errors.As(err, &certificate):
		advice = "the certificate of the cluster is not signed by a known authority, or of another name: check KAFKA_SSL_CA_PEM and KAFKA_BOOTSTRAP_SERVERS"
	case errors.As(err, &record):
		advice = "the server does not speak TLS at this port: check the port, or KAFKA_SECURITY_PROTOCOL"
	case isEOF && c.Mechanism != "":
		advice = "the server ends the connection at the login: check KAFKA_KEY, KAFKA_SECRET, KAFKA_SASL_MECHANISM (" + c.Mechanism + "), and KAFKA_SECURITY_PROTOCOL"
	case isEOF:
		advice = "the server ends the connection at once: it wants or does not want TLS or a login; check KAFKA_SECURITY_PROTOCOL and the port"
	case errors.Is(err, syscall.ECONNREFUSED):
		advice = "nothing listens there: check KAFKA_BOOTSTRAP_SERVERS, and whether the cluster runs"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		advice = "the server cut the connection: it is tried again; if it stays, check KAFKA_SECURITY_PROTOCOL and the port"
	case isTimeout(err):
		advice = "no answer in time: check KAFKA_BOOTSTRAP_SERVERS, firewalls, and whether the cluster runs; a port with TLS does not answer without, check KAFKA_SECURITY_PROTOCOL"
	case strings.Contains(err.Error(), "invalid large response size"), strings.Contains(err.Error(), "tls"):
		advice = "what listens there does not speak Kafka as it is spoken to: check the port and KAFKA_SECURITY_PROTOCOL"
	default:
		advice = "it is tried again; if it stays, look at the log of the cluster"
	}
	return connector.Advise(fmt.Errorf("topic %s of Kafka: %w", c.Topic, err), advice)
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout() || errors.Is(err, kerr.RequestTimedOut)
}
