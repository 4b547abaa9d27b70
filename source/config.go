package source

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/source/internal/connector"
	"github.com/residualdb/residual/source/internal/files"
	"github.com/residualdb/residual/source/internal/kafka"
)

// ErrConfig is returned for a [Config] that no connector can follow.
var ErrConfig = errors.New("source: configuration")

// Config is a data source that is fetched, and from where. A Runner keeps it: it is not to be changed.
type Config struct {
	// Name is that of the data source, under which positions are stored.
	Name    string
	Mapping event.Mapping

	// Kafka is set for a topic, Files for files; one of them is.
	Kafka *Kafka
	Files *Files
}

type (
	// Kafka is a topic, and the cluster that has it.
	Kafka = kafka.Config

	// Files are files of a bucket of S3, or of a folder.
	Files = files.Config

	// S3 is the server that has the bucket.
	S3 = files.S3

	// Schedule is when files are looked for.
	Schedule = files.Schedule

	// Secret is a value that is shown to nobody but the other side.
	Secret = connector.Secret

	// Sink is the store of rows and positions, which *engine.DB is.
	Sink = connector.Sink
)

// The schedules of files.
const (
	Auto     = files.Auto
	OnDemand = files.OnDemand
	Once     = files.Once
)

// Check returns the error of [Runner.Apply], and runs nothing.
func Check(configs []Config) error {
	var errs []error
	for i := range configs {
		_, err := configs[i].connector()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// equal tells whether two configurations come to the same connector.
func (c *Config) equal(d *Config) bool { return reflect.DeepEqual(c, d) }

// kind says what the data source is fetched from.
func (c *Config) kind() string {
	if c.Files != nil {
		return "files"
	}
	return "kafka"
}

// connector makes the connector of a configuration.
func (c *Config) connector() (connector.Connector, error) {
	if c.Name == "" {
		return nil, fmt.Errorf("%w: a data source without a name", ErrConfig)
	}
	var made connector.Connector
	var err error
	switch {
	case c.Kafka != nil && c.Files != nil:
		err = errors.New("a topic and files; one of them is fetched from")
	case c.Kafka != nil:
		made, err = kafka.New(*c.Kafka)
	case c.Files != nil:
		made, err = files.New(*c.Files)
	default:
		err = errors.New("nothing to fetch from")
	}
	if err == nil {
		_, err = event.NewMappedDecoder(&c.Mapping)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: data source %s: %w", ErrConfig, c.Name, err)
	}
	return made, nil
}

// place says where the data source is fetched from.
func (c *Config) place() string {
	if c.Files != nil {
		return c.Files.Place()
	}
	return c.Kafka.Place()
}
