package project

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Connection is a Kafka cluster or an S3 server, and how one gets in.
type Connection struct {
	Name  string
	Kafka *KafkaConnection // set for TYPE kafka
	S3    *S3Connection    // set for TYPE s3
}

// KafkaConnection is a cluster.
type KafkaConnection struct {
	// Servers are host:port.
	Servers []string
	// TLS is set where connections are encrypted; CA is the certificate that signs those of the servers, in PEM, empty for those
	// that the system trusts.
	TLS bool
	CA  string
	// Mechanism is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty where no one logs in.
	Mechanism      string
	User, Password Secret
}

// S3Connection is a server, and the key with which one gets in.
type S3Connection struct {
	// Endpoint is the URL of another server than Amazon's; empty for that.
	Endpoint, Region string
	// AccessKey is empty where the machine's own role gives the key; Role is then the ARN to take on, if one is.
	AccessKey, SecretKey Secret
	Role                 string
}

var connectionWords = vocabulary{
	kind: ConnectionKind,
	values: []string{
		"TYPE", "DESCRIPTION",
		"KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_MECHANISM", "KAFKA_KEY", "KAFKA_SECRET", "KAFKA_SCHEMA_REGISTRY_URL", "KAFKA_SSL_CA_PEM",
		"S3_REGION", "S3_ARN", "S3_ACCESS_KEY", "S3_SECRET", "S3_ENDPOINT",
	},
	blocks: []string{"DESCRIPTION", "KAFKA_SSL_CA_PEM"},
}

// readConnection reads the meaning of a .connection file.
func (l *loader) readConnection(f *file, name string) *Connection {
	c := &Connection{Name: name}
	kind := f.find("TYPE")
	if kind == nil {
		f.fail(place{}, "write TYPE kafka, or TYPE s3", "the file has no TYPE")
		return c
	}
	switch strings.ToLower(kind.value) {
	case "kafka":
		f.only(kind, "KAFKA_")
		c.Kafka = l.readKafkaConnection(f, kind)
	case "s3":
		f.only(kind, "S3_")
		c.S3 = l.readS3Connection(f, kind)
	default:
		f.fail(kind.valueAt, "write kafka or s3", "%s is no type of connection", shown(kind.value))
	}
	return c
}

// only notes the commands of another type of connection.
func (f *file) only(kind *command, prefix string) {
	for i := range f.commands {
		if c := &f.commands[i]; strings.Contains(c.name, "_") && !strings.HasPrefix(c.name, prefix) {
			f.fail(c.at, "", "%s is not of a connection of TYPE %s", c.name, kind.value)
		}
	}
}

func (l *loader) readKafkaConnection(f *file, kind *command) *KafkaConnection {
	k := &KafkaConnection{}
	servers := l.value(f, "KAFKA_BOOTSTRAP_SERVERS")
	named := f.find("KAFKA_BOOTSTRAP_SERVERS")
	if servers == "" {
		f.fail(kind.at, "add KAFKA_BOOTSTRAP_SERVERS host:port", "the connection names no servers")
	}
	for server := range strings.SplitSeq(servers, ",") {
		if server = strings.TrimSpace(server); server == "" {
			continue
		}
		host, port, err := net.SplitHostPort(server)
		if number, portErr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || portErr != nil || number == 0 {
			f.fail(named.valueAt, "write host:port, with commas between several", "%s is no list of servers", shown(named.value))
		}
		k.Servers = append(k.Servers, server)
	}
	if servers != "" && len(k.Servers) == 0 {
		f.fail(named.valueAt, "write host:port, with commas between several", "the connection names no servers")
	}
	k.User, k.Password = Secret{l.value(f, "KAFKA_KEY")}, Secret{l.value(f, "KAFKA_SECRET")}
	protocol := f.choice("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "SSL")
	k.TLS = strings.HasSuffix(protocol, "SSL")
	mechanism := f.choice("KAFKA_SASL_MECHANISM", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
	switch sasl := strings.HasPrefix(protocol, "SASL"); {
	case sasl && (k.User.value == "" || k.Password.value == ""):
		f.fail(f.find("KAFKA_SECURITY_PROTOCOL").at, "add both, the secret as {{ tb_secret(\"NAME\") }}", "%s needs KAFKA_KEY and KAFKA_SECRET", protocol)
	case sasl:
		if k.Mechanism = mechanism; mechanism == "" {
			k.Mechanism = "PLAIN"
		}
	default:
		for _, name := range []string{"KAFKA_KEY", "KAFKA_SECRET", "KAFKA_SASL_MECHANISM"} {
			if c := f.find(name); c != nil {
				f.fail(c.at, "add KAFKA_SECURITY_PROTOCOL SASL_SSL", "without a security protocol of SASL nobody asks for the key: %s has no effect", name)
			}
		}
	}
	if ca := f.find("KAFKA_SSL_CA_PEM"); ca != nil {
		k.CA = l.resolve(f, ca, ca.text())
		block, _ := pem.Decode([]byte(k.CA))
		if block == nil {
			f.fail(ca.at, "", "KAFKA_SSL_CA_PEM holds no certificate in PEM")
		} else if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			f.fail(ca.at, "", "KAFKA_SSL_CA_PEM holds a certificate that cannot be read: %v", err)
		}
		if !k.TLS {
			f.fail(ca.at, "write KAFKA_SECURITY_PROTOCOL SASL_SSL, or SSL", "a certificate is of no use without TLS")
		}
	}
	if registry := f.find("KAFKA_SCHEMA_REGISTRY_URL"); registry != nil {
		f.warn(registry.at, "", "KAFKA_SCHEMA_REGISTRY_URL has no effect: values are JSON, whose schema is that of the data source")
	}
	return k
}

func (l *loader) readS3Connection(f *file, kind *command) *S3Connection {
	s := &S3Connection{
		Endpoint: l.value(f, "S3_ENDPOINT"), Region: l.value(f, "S3_REGION"), Role: l.value(f, "S3_ARN"),
		AccessKey: Secret{l.value(f, "S3_ACCESS_KEY")}, SecretKey: Secret{l.value(f, "S3_SECRET")},
	}
	if s.Endpoint != "" && !isEndpoint(s.Endpoint) {
		f.fail(f.find("S3_ENDPOINT").valueAt, "write https://host:port, without a path, a user or anything else", "this is no URL of a server")
	}
	if s.Region != "" && strings.Trim(s.Region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
		f.fail(f.find("S3_REGION").valueAt, "write it as eu-central-1", "no region has this name")
	}
	if s.Role != "" && (!strings.HasPrefix(s.Role, "arn:") || strings.Count(s.Role, ":") < 5) {
		f.fail(f.find("S3_ARN").valueAt, "write it as arn:aws:iam::123456789012:role/NAME", "this is no ARN of a role")
	}
	switch {
	case (s.AccessKey.value == "") != (s.SecretKey.value == ""):
		f.fail(kind.at, "", "S3_ACCESS_KEY and S3_SECRET come together")
	case s.AccessKey.value != "" && s.Role != "":
		f.fail(f.find("S3_ARN").at, "keep one of them", "a connection has a role or a key, not both")
	}
	if s.Region == "" && s.Endpoint == "" {
		f.fail(kind.at, "add S3_REGION", "the connection names no region")
	}
	return s
}

// isEndpoint tells whether a text is the URL of a server and nothing behind it.
func isEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Hostname() != "" && (u.Scheme == "http" || u.Scheme == "https") && u.User == nil && strings.Trim(u.Path, "/") == "" && !strings.ContainsAny(text, "?#@")
}

// choice returns the value of a command that has one of some values, in capitals; empty if there is no such command.
func (f *file) choice(name string, values ...string) string {
	c := f.find(name)
	if c == nil {
		return ""
	}
	for _, value := range values {
		if strings.EqualFold(c.value, value) {
			return value
		}
	}
	f.fail(c.valueAt, "write one of "+strings.Join(values, ", "), "%s is no %s", shown(c.value), name)
	return ""
}
