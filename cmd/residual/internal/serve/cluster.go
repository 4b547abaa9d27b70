package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/source"
)

// store is what a server serves: the engine of this process, or tables in a cluster.
type store interface {
	httpapi.Store
	source.Sink
	Close() error
}

var (
	_ store = (*engine.DB)(nil)
	_ store = (*clickhouse.Store)(nil)
)

// ClusterFlags name a store in a cluster of ClickHouse.
type ClusterFlags struct {
	url, passwordFile string
	// password is of the environment; hasPassword tells whether it is set there.
	password    string
	hasPassword bool
}

const (
	storeFlag, passwordFileFlag = "store", "store-password-file"

	// passwordVariable is no flag: a command line is seen by whoever sees the process.
	passwordVariable = "RESIDUAL_STORE_PASSWORD"
)

// Register adds the flags to those of a command; usage is that of --store.
func (f *ClusterFlags) Register(flags *pflag.FlagSet, usage string) {
	flags.StringVar(&f.url, storeFlag, "", usage)
	flags.StringVar(&f.passwordFile, passwordFileFlag, "", "file with the password of the user in --store; else "+passwordVariable+" has it")
}

// starting is why a server has no store yet, empty for one that has it in a directory.
func (f *ClusterFlags) starting() string {
	if f.url == "" {
		return ""
	}
	return "the cluster is not open yet; the log of this server says what it waits for"
}

// readPassword takes the password of the environment.
func (f *ClusterFlags) readPassword(env func(string) (string, bool)) {
	f.password, f.hasPassword = env(passwordVariable)
}

// Database is the database of the store, which must be given. No password is read.
func (f *ClusterFlags) Database() (string, error) {
	if f.url == "" {
		return "", arg.Usagef("--%s is needed, like clickhouse://residual@127.0.0.1:9000/residual", storeFlag)
	}
	c, err := f.parse()
	return c.Database, err
}

// Config is how the store is reached, which must be given, with the password of its file or of the environment.
func (f *ClusterFlags) Config(env func(string) (string, bool)) (clickhouse.Config, error) {
	if _, err := f.Database(); err != nil {
		return clickhouse.Config{}, err
	}
	f.readPassword(env)
	return f.config()
}

func (f *ClusterFlags) parse() (clickhouse.Config, error) {
	c, err := clickhouse.ParseURL(f.url)
	if err != nil {
		return c, arg.Usagef("--%s: %w", storeFlag, err)
	}
	return c, nil
}

// config reads what the flags name.
func (f *ClusterFlags) config() (clickhouse.Config, error) {
	c, err := f.parse()
	if err != nil {
		return c, err
	}
	if f.passwordFile != "" && f.hasPassword {
		return c, arg.Usagef("--%s is given and %s is set; one of them is allowed", passwordFileFlag, passwordVariable)
	}
	c.Password = f.password
	if f.passwordFile != "" {
		text, err := os.ReadFile(f.passwordFile)
		if err != nil {
			return c, fmt.Errorf("--%s: %w", passwordFileFlag, err)
		}
		if c.Password = strings.TrimRight(string(text), "\r\n"); c.Password == "" {
			return c, fmt.Errorf("--%s: %s is empty", passwordFileFlag, f.passwordFile)
		}
	}
	return c, nil
}

// flagsOfTheEngine configure a store of this process and nothing of one in a cluster.
var flagsOfTheEngine = []string{"sync", "sync-interval", "models-max", "series-max", "months-max", "checkpoint-bytes"}

// checkCluster refuses flags that say nothing of a store in a cluster, rather than to ignore what somebody meant.
func checkCluster(flags *pflag.FlagSet) error {
	if !flags.Changed(storeFlag) {
		if flags.Changed(passwordFileFlag) {
			return arg.Usagef("--%s is given without --%s", passwordFileFlag, storeFlag)
		}
		return nil
	}
	for _, name := range flagsOfTheEngine {
		if flags.Changed(name) {
			return arg.Usagef("--%s is about a store of this process; with --%s the tables are what 'residual cluster init' has made", name, storeFlag)
		}
	}
	if flags.Lookup("duplicates").Value.String() != engine.DuplicatesReplace.String() {
		return arg.Usagef("--duplicates keep: a store in a cluster replaces rows that are sent again")
	}
	return nil
}

// How much of the memory rows may take that wait for a shard, about what one of them takes, and how long it is until a cluster of which no
// server answers is tried again.
const (
	waitingShare    = 8
	waitingRowBytes = 300
	waitingRowsMost = 1_000_000
	clusterRetry    = time.Second
)

// openCluster opens a store in a cluster. While no server of it answers it tries again, until ctx ends: servers start in any order.
func (f *storeFlags) openCluster(ctx context.Context, log *slog.Logger) (store, error) {
	c, err := f.cluster.config()
	if err != nil {
		return nil, err
	}
	c.Options = clickhouse.Options{
		Retention: time.Duration(f.retention.Plain), RetentionOf: f.retention.Of, MaxFuture: time.Duration(f.maxFuture), ActualsTTL: time.Duration(f.actualsTTL),
		WaitingRows: int(min(int64(f.memoryLimit)/waitingShare/waitingRowBytes, waitingRowsMost)), Logger: log,
	}
	tick := time.NewTicker(clusterRetry)
	defer tick.Stop()
	last := ""
	for {
		s, err := clickhouse.Open(ctx, c)
		if err == nil {
			return s, nil
		}
		if ctx.Err() != nil || !mayPass(err) {
			return nil, ClusterError(err)
		}
		if text := err.Error(); text != last {
			log.Warn("the cluster is not open yet, and is tried again", "error", text)
			last = text
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// mayPass tells whether what keeps a store from being opened passes by itself, unlike what somebody has to change.
func mayPass(err error) bool {
	for _, class := range []error{clickhouse.ErrURL, clickhouse.ErrVersion, clickhouse.ErrSchema, clickhouse.ErrAccess, clickhouse.ErrCluster} {
		if errors.Is(err, class) {
			return false
		}
	}
	return true
}

// ClusterError adds to an error of package clickhouse what to do, where there is something to do.
func ClusterError(err error) error {
	switch {
	case errors.Is(err, clickhouse.ErrSchema):
		return fmt.Errorf("%w; 'residual cluster check' says what each server has", err)
	case errors.Is(err, clickhouse.ErrAccess):
		return fmt.Errorf("%w; the user is that of --%s, its password that of --%s or %s", err, storeFlag, passwordFileFlag, passwordVariable)
	}
	return err
}
