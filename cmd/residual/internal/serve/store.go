package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/wal"
)

// storeFlags configure the engine.
type storeFlags struct {
	dir                     string
	sync                    *arg.Choice
	syncInterval            arg.Span
	retention               arg.Retention
	maxFuture               arg.Span
	duplicates              *arg.Choice
	actualsTTL              arg.Span
	checkpoint, memoryLimit arg.Size
	models, series, months  int
	// cluster is where the store is if its url is set, in the place of dir.
	cluster ClusterFlags
}

func (f *storeFlags) register(flags *pflag.FlagSet) {
	f.sync = arg.OneOf(wal.SyncAlways.String(), wal.SyncInterval.String(), wal.SyncNever.String())
	f.duplicates = arg.OneOf(engine.DuplicatesReplace.String(), engine.DuplicatesKeep.String())
	f.syncInterval, f.maxFuture, f.actualsTTL = arg.Span(100*time.Millisecond), arg.Span(arg.Day), arg.Span(30*arg.Day)
	f.checkpoint, f.memoryLimit = 256<<20, 4<<30
	flags.StringVar(&f.dir, "data-dir", "./residual-data", "directory of the store; made if missing")
	f.cluster.Register(flags, "URL of a store in ClickHouse in the place of --data-dir: clickhouse://USER@HOST:9000,HOST:9000/DATABASE; see 'residual cluster'")
	flags.Var(f.sync, "sync", "when events are on disk: always before the answer; interval and never lose answered events if the machine stops")
	flags.Var(&f.syncInterval, "sync-interval", "longest time between syncs with --sync interval")
	flags.Var(&f.retention, "retention", "drop each month of a model that is older as a whole, at once and for good; 0 keeps all. Another one for the models of a name or prefix*: NAME=TIME")
	flags.Var(&f.maxFuture, "max-future", "how far ahead of the clock a timestamp may lie")
	flags.Var(f.duplicates, "duplicates", "what becomes of a row sent again (model, version, environment, prediction id and timestamp are equal): replace has the last one count; keep stores each")
	flags.Var(&f.actualsTTL, "actuals-ttl", "how long an actual is remembered for predictions still to come")
	flags.IntVar(&f.models, "models-max", 1_000_000, "models of the store; rows of further ones are quarantined")
	flags.IntVar(&f.series, "series-max", 100_000, "series (a version in an environment) of one model; rows of further ones are quarantined")
	flags.IntVar(&f.months, "months-max", 10_000_000, "months of all models together; rows of further ones in the past are quarantined")
	flags.Var(&f.checkpoint, "checkpoint-bytes", "size of the log that starts a checkpoint; bounds the time of a restart")
	flags.Var(&f.memoryLimit, "memory-limit", "memory of the process: a quarter for sealed columns, an eighth for rows not sealed; past 80% no events are taken")
}

func (f *storeFlags) syncPolicy() wal.SyncPolicy {
	return arg.Chosen(f.sync, wal.SyncAlways, wal.SyncInterval, wal.SyncNever)
}

// validate refuses what the engine would take for a default or for an error of ours.
func (f *storeFlags) validate() error {
	if f.checkpoint < 1<<20 {
		return arg.Usagef("--checkpoint-bytes %s: at least 1MiB is allowed", &f.checkpoint)
	}
	if f.memoryLimit < memoryLimitMin {
		return arg.Usagef("--memory-limit %s: at least 64MiB is allowed", &f.memoryLimit)
	}
	for name, n := range map[string]int{"models-max": f.models, "series-max": f.series, "months-max": f.months} {
		if n < 1 {
			return arg.Usagef("--%s %d: 1 or more are allowed", name, n)
		}
	}
	for name, s := range map[string]*arg.Span{
		"sync-interval": &f.syncInterval, "max-future": &f.maxFuture, "actuals-ttl": &f.actualsTTL,
	} {
		if time.Duration(*s) < time.Millisecond {
			return arg.Usagef("--%s %s: at least 1ms is allowed", name, s)
		}
	}
	if f.cluster.url == "" {
		return nil
	}
	_, err := f.cluster.config()
	return err
}

// open opens the store; the error says what to do where there is something to do.
func (f *storeFlags) open(ctx context.Context, built Build, log *slog.Logger) (store, error) {
	if f.cluster.url != "" {
		return f.openCluster(ctx, log)
	}
	return f.openEngine(built, log)
}

func (f *storeFlags) openEngine(built Build, log *slog.Logger) (store, error) {
	plan := planMemory(int64(f.memoryLimit))
	db, err := engine.Open(f.dir, engine.Options{
		Sync:             f.syncPolicy(),
		SyncInterval:     time.Duration(f.syncInterval),
		Retention:        time.Duration(f.retention.Plain),
		RetentionOf:      f.retention.Of,
		MaxFuture:        time.Duration(f.maxFuture),
		Duplicates:       arg.Chosen(f.duplicates, engine.DuplicatesReplace, engine.DuplicatesKeep),
		ActualsTTL:       time.Duration(f.actualsTTL),
		ModelsMax:        f.models,
		SeriesMax:        f.series,
		MonthsMax:        f.months,
		CheckpointBytes:  int64(f.checkpoint),
		HeadBytes:        plan.heads,
		MemoryLimitBytes: plan.columns,
		ActualsBytes:     plan.actuals,
		QuarantineBytes:  plan.rejects,
		PositionsBytes:   plan.positions,
		KeysMax:          plan.keys,
		Logger:           log,
	})
	if err != nil {
		return nil, StoreError(f.dir, built, err) // not db, which would be a store that is not nil
	}
	return db, nil
}

// StoreError adds to an error of engine.Open what to do, where there is something to do.
func StoreError(dir string, built Build, err error) error {
	switch {
	case errors.Is(err, engine.ErrVersion):
		return fmt.Errorf("%w; it needs a newer residual than %s", err, built)
	case errors.Is(err, engine.ErrCorrupt):
		return fmt.Errorf("%w; 'residual verify %s' reads all of it and says what is damaged", err, dir)
	}
	return err
}
