package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/residualdb/residual/source/internal/connector"
)

// What is fetched at once from each server, and of each partition, so that an answer has work for all lanes. More fills fresh memory that no
// cache holds, and loads no faster (BenchmarkKafka).
const (
	fetchBytes     = 2 << 20
	partitionBytes = 512 << 10
	// batchBytes bounds what a compressed batch of messages, which a server sends whole, may be in the end.
	batchBytes = 128 << 20
)

// fetchWait is how long a server may wait for messages before it answers that there are none.
const fetchWait = 2 * time.Second

// client returns a client that does not consume anything yet.
func (c *Config) client() (*kgo.Client, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Servers...),
		kgo.ClientID("residual"), kgo.SoftwareNameAndVersion("residual", "1"), kgo.DisableClientMetrics(),
		kgo.DialTimeout(c.Timeout / 2), kgo.RequestTimeoutOverhead(c.Timeout), kgo.RetryTimeout(c.Timeout),
		kgo.MetadataMinAge(250 * time.Millisecond), kgo.MetadataMaxAge(time.Minute),
		kgo.RetryBackoffFn(func(try int) time.Duration { return min(100*time.Millisecond<<min(try, 5), 2*time.Second) }),

		// A position that is out of range is looked into, see watch.go. Marks of transactions move positions on.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxBytes(fetchBytes), kgo.FetchMaxPartitionBytes(partitionBytes), kgo.FetchMaxWait(fetchWait),
		kgo.MaxDecompressBatchBytes(batchBytes),
	}
	if c.TLS {
		t := &tls.Config{MinVersion: tls.VersionTLS12}
		if c.CA != "" {
			t.RootCAs = x509.NewCertPool()
			t.RootCAs.AppendCertsFromPEM([]byte(c.CA))
		}
		opts = append(opts, kgo.DialTLSConfig(t))
	}
	user, password := connector.Reveal(c.User), connector.Reveal(c.Password)
	credentials := func(context.Context) (scram.Auth, error) { return scram.Auth{User: user, Pass: password}, nil }
	switch c.Mechanism {
	case "PLAIN":
		opts = append(opts, kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()))
	case "SCRAM-SHA-256":
		opts = append(opts, kgo.SASL(scram.Sha256(credentials)))
	case "SCRAM-SHA-512":
		opts = append(opts, kgo.SASL(scram.Sha512(credentials)))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("client of Kafka: %w", err)
	}
	return client, nil
}
