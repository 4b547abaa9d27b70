package files

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"time"

	"github.com/residualdb/residual/source/internal/connector"
)

// Config is files, and where they are.
type Config struct {
	// S3 is the server that has the bucket; nil for a folder of this machine.
	S3 *S3
	// Bucket is empty for a folder.
	Bucket string
	// Pattern is that of the keys, or of the absolute paths: * stands for any characters but /, ** for any, and **/ for no folder too.
	Pattern string
	// Format is ndjson, csv or parquet; empty where the files tell.
	Format   string
	Schedule Schedule
	// From leaves out files that were last changed before.
	From time.Time
	// Poll is the time between two lookings for new files. Default: [PollDefault].
	Poll time.Duration
	// Limits are those of the traffic; zero values are the defaults.
	Limits Limits
}

// S3 is a server, and how one gets in.
type S3 struct {
	// Endpoint is the URL of the server; empty for Amazon's.
	Endpoint, Region string
	// AccessKey is nil where the environment or the machine's own role gives the key; Role is then the ARN of the role to take on, if one is.
	AccessKey, SecretKey connector.Secret
	Role                 string
}

// Schedule is when files are looked for.
type Schedule uint8

// The schedules.
const (
	Auto     Schedule = iota // at the start, and then every Poll
	OnDemand                 // when they are asked for
	Once                     // until all that are there at the first start are read
)

// PollDefault is the time between two lookings for new files.
const PollDefault = time.Minute

// Limits are those of the traffic with a place, and with the store.
type Limits struct {
	// Stall is how long nothing may arrive before a connection is given up. Default: 30 s.
	Stall time.Duration
	// Attempts is how many in a row may fail of a request before its error counts. Default: 6.
	Attempts int
	// RetryFirst and RetryMax bound the time between attempts. Default: 200 ms, 5 s.
	RetryFirst, RetryMax time.Duration
	// Settle is how long a file in a folder has not changed before it is taken to be whole. Default: 10 s, and Poll at most.
	Settle time.Duration
	// LoadBytes is how many bytes of lines are stored at once, or somewhat more. Default: 4 MiB.
	LoadBytes int64
	// Forget is how long a file is gone before it is forgotten. Default: 24 h.
	Forget time.Duration
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.Poll, PollDefault)
	set(&c.Limits.Stall, 30*time.Second)
	set(&c.Limits.RetryFirst, 200*time.Millisecond)
	set(&c.Limits.RetryMax, 5*time.Second)
	set(&c.Limits.Settle, min(10*time.Second, c.Poll))
	set(&c.Limits.Forget, 24*time.Hour)
	if c.Limits.Attempts == 0 {
		c.Limits.Attempts = 6
	}
	if c.Limits.LoadBytes == 0 {
		c.Limits.LoadBytes = 4 << 20
	}
	return c
}

// Place is the URI of the files.
func (c *Config) Place() string {
	if c.S3 == nil {
		return "file://" + c.Pattern
	}
	return "s3://" + c.Bucket + "/" + c.Pattern
}

// check returns what cannot be right.
func (c *Config) check() error {
	switch c.Format {
	case "", "ndjson", "csv", "parquet":
	default:
		return fmt.Errorf("the format %q is none of ndjson, csv and parquet", c.Format)
	}
	switch {
	case c.Pattern == "":
		return errors.New("no pattern of files")
	case c.Poll < 0 || c.Schedule > Once:
		return errors.New("no schedule that can be")
	case c.S3 == nil && c.Bucket != "":
		return errors.New("a bucket without a server")
	case c.S3 == nil && !path.IsAbs(c.Pattern):
		return fmt.Errorf("the pattern %q is no absolute path", c.Pattern)
	case c.S3 == nil:
		return nil
	case c.Bucket == "":
		return errors.New("no bucket")
	case (connector.Reveal(c.S3.AccessKey) == "") != (connector.Reveal(c.S3.SecretKey) == ""):
		return errors.New("an access key without its secret, or a secret without its key")
	case c.S3.Role != "" && connector.Reveal(c.S3.AccessKey) != "":
		return errors.New("a role and a key; one of them counts")
	case c.S3.Endpoint == "" && c.S3.Region == "":
		return errors.New("no region")
	}
	if c.S3.Endpoint != "" {
		u, err := url.Parse(c.S3.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" && u.Path != "/" || u.User != nil || u.RawQuery != "" {
			return errors.New("the endpoint is no http://host:port or https://host:port")
		}
	}
	return nil
}
