package clickhouse

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/residualdb/residual/engine"
)

// Config says where the tables are, and how a store uses them. [ParseURL] makes one.
type Config struct {
	// Addresses are host:port of servers, by the native protocol; one that answers is enough to find the others of a cluster.
	Addresses []string
	// Database holds nothing but the tables of the store.
	Database, Username, Password string
	// TLS is nil for a plain connection.
	TLS *tls.Config
	// Compress says whether LZ4 is used on the way. Nil: to all servers but those on this machine, as ClickHouse's own client has it.
	Compress *bool

	Options
}

// Options are what is not in the URL. The zero value of each field is its default.
type Options struct {
	// Retention and RetentionOf say how long rows are taken for, as those of engine.Options do. What the servers drop is in their
	// tables, see [schema.Layout]. Default: for ever.
	Retention   time.Duration
	RetentionOf []engine.ModelRetention
	// MaxFuture is how far ahead of the clock a timestamp may be. Default: 24 h.
	MaxFuture time.Duration
	// ActualsTTL is for how long an actual may be there before its prediction. Default: 30 d.
	ActualsTTL time.Duration
	// BatchWait is the longest pause between two blocks of a shard, where none is under way: it bounds how many parts a busy shard gets.
	// Default: 100 ms.
	BatchWait time.Duration
	// BatchRows ends a block. Default: 500,000: what comes in larger blocks is merged less often, and one takes some 100 MB here and there.
	BatchRows int
	// WaitingRows is how many rows may wait in a lane, of which each shard has two and the store one more, before more are refused: memory is
	// bounded by it. Default: 1,000,000.
	WaitingRows int
	// InsertTimeout is how long a block may take, with what it is sent again. Default: 30 s.
	InsertTimeout time.Duration
	// SliceRows is how many rows a server is asked to sort and join at a time where an answer is of rows. Default: 100,000.
	SliceRows int
	// LeftAfter is how old an announcement without its mark is when another process completes it. Default: a minute.
	LeftAfter time.Duration
	// Logger receives what happens in the background. Default: silent.
	Logger *slog.Logger
	// Now is the clock of the answers. Default: time.Now.
	Now func() time.Time
}

const (
	defaultPort = "9000"
	securePort  = "9440"
)

func (o Options) withDefaults() Options {
	orDefault(&o.MaxFuture, 24*time.Hour)
	orDefault(&o.ActualsTTL, 30*24*time.Hour)
	orDefault(&o.BatchWait, 100*time.Millisecond)
	orDefault(&o.BatchRows, 500_000)
	orDefault(&o.WaitingRows, 1_000_000)
	orDefault(&o.InsertTimeout, 30*time.Second)
	orDefault(&o.SliceRows, 100_000)
	orDefault(&o.LeftAfter, time.Minute)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func (o *Options) validate() error {
	if err := engine.CheckRetentionOf(o.RetentionOf); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	var problems []error
	for _, d := range []struct {
		name string
		is   time.Duration
	}{
		{"Retention", o.Retention},
		{"MaxFuture", o.MaxFuture},
		{"ActualsTTL", o.ActualsTTL},
		{"BatchWait", o.BatchWait},
		{"InsertTimeout", o.InsertTimeout},
		{"LeftAfter", o.LeftAfter},
	} {
		if d.is < 0 {
			problems = append(problems, fmt.Errorf("%s is %s; it must not be negative", d.name, d.is))
		}
	}
	for _, n := range []struct {
		name string
		is   int
	}{{"BatchRows", o.BatchRows}, {"WaitingRows", o.WaitingRows}, {"SliceRows", o.SliceRows}} {
		if n.is < 0 {
			problems = append(problems, fmt.Errorf("%s is %d; it must not be negative", n.name, n.is))
		}
	}
	return errors.Join(problems...)
}

// ParseURL reads the URL of a store: clickhouse://user@host1:9000,host2:9000/database. Its parameters are secure=true, for TLS, with ca=
// the file of a certificate authority and skip_verify=true, and compress, which is true but for servers on this machine. A password in it is refused: command lines and
// logs show URLs.
func ParseURL(text string) (Config, error) {
	var c Config
	// The hosts with commas between them are more than net/url takes where they have ports.
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || scheme != "clickhouse" {
		return c, fmt.Errorf("%w: it begins with clickhouse://, as in clickhouse://user@host1:9000,host2:9000/residual", ErrURL)
	}
	authority, tail, _ := strings.Cut(rest, "/")
	if i := strings.IndexByte(authority, '?'); i >= 0 {
		authority, tail = authority[:i], authority[i:]
	}
	hosts := authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, password, has := strings.Cut(authority[:i], ":")
		if has && password != "" {
			return c, fmt.Errorf("%w: it has a password, which others can read; give it in a file or in the environment", ErrURL)
		}
		var err error
		if c.Username, err = url.PathUnescape(user); err != nil {
			return c, fmt.Errorf("%w: the user is not escaped as in a URL", ErrURL)
		}
		hosts = authority[i+1:]
	}
	orDefault(&c.Username, "default")
	database, parameters, _ := strings.Cut(tail, "?")
	c.Database = strings.TrimSuffix(database, "/")
	if !plainName.MatchString(c.Database) {
		return c, fmt.Errorf("%w: the database %q is not a name of letters, digits and underscores, as residual in clickhouse://user@host:9000/residual", ErrURL, c.Database)
	}
	values, err := url.ParseQuery(parameters)
	if err != nil {
		return c, fmt.Errorf("%w: its parameters cannot be read", ErrURL)
	}
	if err := c.setParameters(values); err != nil {
		return c, err
	}
	return c, c.setHosts(hosts)
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

func (c *Config) setParameters(values url.Values) error {
	flag := func(name string) (is bool, err error) {
		switch v := values.Get(name); v {
		case "", "false", "0":
			return false, nil
		case "true", "1":
			return true, nil
		default:
			return false, fmt.Errorf("%w: %s is %q; it is true or false", ErrURL, name, v)
		}
	}
	for name := range values {
		switch name {
		case "secure", "skip_verify", "ca", "compress":
		default:
			return fmt.Errorf("%w: there is no parameter %q; those that there are: secure, skip_verify, ca, compress", ErrURL, name)
		}
	}
	secure, err := flag("secure")
	if err != nil {
		return err
	}
	skip, err := flag("skip_verify")
	if err != nil {
		return err
	}
	if values.Has("compress") {
		compress, err := flag("compress")
		if err != nil {
			return err
		}
		c.Compress = &compress
	}
	if !secure {
		if skip || values.Has("ca") {
			return fmt.Errorf("%w: skip_verify and ca are for secure=true", ErrURL)
		}
		return nil
	}
	c.TLS = &tls.Config{InsecureSkipVerify: skip, MinVersion: tls.VersionTLS12}
	if file := values.Get("ca"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("%w: ca: %w", ErrURL, err)
		}
		c.TLS.RootCAs = x509.NewCertPool()
		if !c.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%w: ca: %s has no certificate in PEM", ErrURL, file)
		}
	}
	return nil
}

func (c *Config) setHosts(hosts string) error {
	port := defaultPort
	if c.TLS != nil {
		port = securePort
	}
	for host := range strings.SplitSeq(hosts, ",") {
		name, given, err := net.SplitHostPort(host)
		if err != nil {
			name, given = strings.Trim(host, "[]"), port
		}
		if number, err := strconv.ParseUint(given, 10, 16); name == "" || err != nil || number == 0 {
			return fmt.Errorf("%w: %q is not a host with its port", ErrURL, host)
		}
		c.Addresses = append(c.Addresses, net.JoinHostPort(name, given))
	}
	return nil
}
