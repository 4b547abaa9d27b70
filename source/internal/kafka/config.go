package kafka

import (
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/residualdb/residual/source/internal/connector"
)

// Config is a topic, and the cluster that has it.
type Config struct {
	// Servers are host:port.
	Servers []string
	// TLS is set where connections are encrypted; CA is the certificate that signs those of the servers, in PEM, empty for those
	// that the system trusts.
	TLS bool
	CA  string
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty where no one logs in.
	Mechanism      string
	User, Password connector.Secret

	Topic string
	// Group is the consumer group to which positions are committed, so that tools show the lag. They are not read from there.
	Group string
	// Earliest tells to begin with the first message of a topic of which no position is known, not with the next to come.
	Earliest bool
	// Look is how often the topic is looked after: partitions that appear, how far there is to go, the commit to the group.
	// Default: 5 s.
	Look time.Duration
	// Timeout is how long an answer may take, with all attempts to get one. Default: 10 s.
	Timeout time.Duration
}

// topicName matches what Kafka takes as the name of a topic.
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// Place names the topic.
func (c *Config) Place() string { return "topic " + c.Topic }

// check returns what cannot be right.
func (c *Config) check() error {
	switch {
	case len(c.Servers) == 0:
		return errors.New("no servers of Kafka")
	case !topicName.MatchString(c.Topic):
		return fmt.Errorf("no topic can have the name %q", c.Topic)
	case !c.TLS && c.CA != "":
		return errors.New("a certificate without TLS")
	}
	if c.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.CA)) {
		return errors.New("the certificate of the servers is not PEM")
	}
	switch c.Mechanism {
	case "":
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		if connector.Reveal(c.User) == "" || connector.Reveal(c.Password) == "" {
			return fmt.Errorf("%s without a user or a password", c.Mechanism)
		}
	default:
		return fmt.Errorf("the mechanism %q is none of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512", strings.ToUpper(c.Mechanism))
	}
	return nil
}
