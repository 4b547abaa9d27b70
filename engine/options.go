package engine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/retention"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// Options configures a DB. The zero value is the recommended configuration.
type Options struct {
	// Sync says when an append is on disk before it is acknowledged. Default: wal.SyncAlways; the others lose
	// acknowledged events when the machine stops.
	Sync wal.SyncPolicy
	// SyncInterval is the longest time between syncs under wal.SyncInterval. Default: 100 ms.
	SyncInterval time.Duration
	// MaxFuture is how far ahead of the clock a timestamp may lie. Default: 24 h.
	MaxFuture time.Duration
	// Retention drops whole months older than this. Default: 0, which keeps everything.
	Retention time.Duration
	// RetentionOf is the retention of models that have another one; see [ModelRetention] for which of them counts.
	RetentionOf []ModelRetention
	// Duplicates says what becomes of a row that is stored already. Default: DuplicatesReplace.
	Duplicates Duplicates
	// ActualsTTL is how long an actual is remembered for rows still to come; one that has met none by then goes to the
	// quarantine. Default: 30 days.
	ActualsTTL time.Duration
	// ModelsMax, SeriesMax and MonthsMax bound what clients make by naming it: the models of the store, the series of one
	// model, and the months of all models together. A row that needs a new one beyond is rejected; what is there, and the
	// current month of every model, takes rows as ever. They hold for new rows only: a store that has more opens, whole.
	// Appends at one time may together pass a bound by what they bring. Defaults: 1,000,000, 100,000 and 10,000,000.
	ModelsMax, SeriesMax, MonthsMax int
	// CheckpointBytes is the size of the log that starts a checkpoint; it bounds the time a restart takes.
	// Default: 256 MiB.
	CheckpointBytes int64
	// HeadBytes is the memory of rows not sealed yet that starts a checkpoint, however short their log. Appends wait while
	// these and the rows being sealed take twice as much. Default: 512 MiB.
	HeadBytes int64
	// CheckpointRows is the number of rows in the log that starts a checkpoint although it is not as large yet: rows that
	// compress well are many to the MiB, and it is rows that take time to replay. Default: 3,145,728.
	CheckpointRows int64
	// MemoryLimitBytes bounds what sealed columns may occupy in memory; beyond it they are read from their files.
	// Default: 1 GiB.
	MemoryLimitBytes int64
	// ActualsBytes bounds the memory of actuals that are remembered for rows still to come, at about 130 bytes each beside
	// their names. Beyond it those go first that have met a row, the oldest first; the others then go to the quarantine. A
	// smaller one than before forgets at Open. Default: 256 MiB.
	ActualsBytes int64
	// KeysMax bounds the idempotency keys that are remembered, at up to KeyMemoryBytes of memory each; the oldest are forgotten
	// first. Default: KeysMax.
	KeysMax int
	// QuarantineBytes bounds the memory of rejected lines, which are QuarantineRowsMax at most; the oldest are dropped first.
	// Default: QuarantineBytesMax.
	QuarantineBytes int64
	// PositionsBytes bounds the memory of the positions of data sources, see [DB.AppendFrom], at the bytes of each with some 20
	// beside them; those that were set since the last checkpoint take it twice. What is beyond is refused with [ErrPositionsFull],
	// never forgotten. Default: 256 MiB.
	PositionsBytes int64
	// LogFileBytes is the size to which files of the log are preallocated; about twice as much must be free on the disk
	// for appends to be taken. Default: 64 MiB.
	LogFileBytes int64
	// Logger receives what happens in the background. Default: silent.
	Logger *slog.Logger

	// NoBackground leaves sealing, checkpoints, merges and retention to the caller: see [DB.Checkpoint], [DB.Merge]
	// and [DB.DropExpired]. The log then grows without bound between checkpoints. Default: a DB looks after itself.
	NoBackground bool

	// FS, Now, Elapsed and Random are seams for tests. Elapsed is the monotonic clock: the time since some moment before
	// Open. What expires follows Now only as far as Elapsed confirms it, see docs/durability.md. Default: the operating
	// system, its clocks and its randomness.
	FS      vfs.FS
	Now     func() time.Time
	Elapsed func() time.Duration
	Random  io.Reader
}

func (o Options) withDefaults() Options {
	o.SyncInterval = base.OrDefault(o.SyncInterval, 100*time.Millisecond)
	o.MaxFuture = base.OrDefault(o.MaxFuture, 24*time.Hour)
	o.ActualsTTL = base.OrDefault(o.ActualsTTL, 30*24*time.Hour)
	o.ModelsMax = base.OrDefault(o.ModelsMax, 1_000_000)
	o.SeriesMax = base.OrDefault(o.SeriesMax, 100_000)
	o.MonthsMax = base.OrDefault(o.MonthsMax, 10_000_000)
	o.CheckpointBytes = base.OrDefault(o.CheckpointBytes, 256<<20)
	o.HeadBytes = base.OrDefault(o.HeadBytes, 512<<20)
	o.CheckpointRows = base.OrDefault(o.CheckpointRows, 3<<20)
	o.MemoryLimitBytes = base.OrDefault(o.MemoryLimitBytes, 1<<30)
	o.ActualsBytes = base.OrDefault(o.ActualsBytes, 256<<20)
	o.KeysMax = base.OrDefault(o.KeysMax, KeysMax)
	o.QuarantineBytes = base.OrDefault(o.QuarantineBytes, QuarantineBytesMax)
	o.PositionsBytes = base.OrDefault(o.PositionsBytes, 256<<20)
	o.LogFileBytes = base.OrDefault(o.LogFileBytes, 64<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Elapsed == nil {
		began := time.Now()
		o.Elapsed = func() time.Duration { return time.Since(began) }
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o
}

func (o Options) validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.MaxFuture >= 0, "MaxFuture is %s; it must not be negative", o.MaxFuture)
	check(o.Retention >= 0, "Retention is %s; it must not be negative", o.Retention)
	if err := CheckRetentionOf(o.RetentionOf); err != nil {
		errs = append(errs, fmt.Errorf("RetentionOf: %w", err))
	}
	check(o.Duplicates <= DuplicatesKeep, "Duplicates is %s; there is no such choice", o.Duplicates)
	check(o.ActualsTTL > 0, "ActualsTTL is %s; it must be positive", o.ActualsTTL)
	check(o.SyncInterval > 0, "SyncInterval is %s; it must be positive", o.SyncInterval)
	check(o.ModelsMax > 0, "ModelsMax is %d; it must be positive", o.ModelsMax)
	check(o.SeriesMax > 0, "SeriesMax is %d; it must be positive", o.SeriesMax)
	check(o.MonthsMax > 0, "MonthsMax is %d; it must be positive", o.MonthsMax)
	check(o.CheckpointBytes >= 1<<20, "CheckpointBytes is %d; it must be at least 1 MiB", o.CheckpointBytes)
	check(o.HeadBytes > 0, "HeadBytes is %d; it must be positive", o.HeadBytes)
	check(o.CheckpointRows > 0, "CheckpointRows is %d; it must be positive", o.CheckpointRows)
	check(o.LogFileBytes >= 32<<10, "LogFileBytes is %d; it must be at least 32 KiB", o.LogFileBytes)
	check(o.ActualsBytes > 0 && o.ActualsBytes <= 2<<30, "ActualsBytes is %d; it must be positive and at most 2 GiB", o.ActualsBytes)
	check(o.KeysMax > 0, "KeysMax is %d; it must be positive", o.KeysMax)
	check(o.QuarantineBytes > 0, "QuarantineBytes is %d; it must be positive", o.QuarantineBytes)
	check(o.PositionsBytes > 0, "PositionsBytes is %d; it must be positive", o.PositionsBytes)
	check(o.MemoryLimitBytes > 0, "MemoryLimitBytes is %d; it must be positive", o.MemoryLimitBytes)
	return errors.Join(errs...)
}

// Duplicates says what becomes of a row that is stored already: one of the same model, version, environment,
// prediction id and timestamp. It holds for the rows that an append brings; a record of the log keeps what held when
// it was made.
type Duplicates uint8

const (
	// DuplicatesReplace has the row sent last take the place of the earlier one, with the actual that that has if it
	// brings none itself.
	DuplicatesReplace Duplicates = iota
	// DuplicatesKeep stores every row that is sent.
	DuplicatesKeep
)

// String returns the name of the choice on the command line.
func (d Duplicates) String() string {
	switch d {
	case DuplicatesReplace:
		return "replace"
	case DuplicatesKeep:
		return "keep"
	}
	return "duplicates(" + strconv.Itoa(int(d)) + ")"
}

// ModelRetention is how long the rows of some models are kept. Of several that stand for a model the most specific counts:
// its name, then the longest prefix, then [Options.Retention].
type ModelRetention struct {
	// Models is a name, or a prefix that ends with a star.
	Models string
	// Keep is as Options.Retention is for all: whole months older than it are dropped, and 0 keeps everything.
	Keep time.Duration
}

// CheckRetentionOf returns what is wrong with the retention of models.
func CheckRetentionOf(of []ModelRetention) error {
	var errs []error
	seen := make(map[string]bool, len(of))
	for _, r := range of {
		prefix, _ := strings.CutSuffix(r.Models, "*")
		switch {
		case r.Models == "":
			errs = append(errs, errors.New("a name or a prefix* is needed"))
		case prefix == "":
			errs = append(errs, errors.New("* is every model, whose retention has no name"))
		case strings.Contains(prefix, "*"):
			errs = append(errs, fmt.Errorf("%q: a star is allowed at the end alone", r.Models))
		case len(prefix) > event.NameBytesMax:
			errs = append(errs, fmt.Errorf("%.20q...: a name has at most %d bytes", r.Models, event.NameBytesMax))
		case r.Keep < 0:
			errs = append(errs, fmt.Errorf("%q: %s must not be negative", r.Models, r.Keep))
		case seen[r.Models]:
			errs = append(errs, fmt.Errorf("%q is there twice", r.Models))
		}
		seen[r.Models] = true
	}
	return errors.Join(errs...)
}

// retentionOf is the retention of all models, and of those that have another one.
func retentionOf(plain time.Duration, of []ModelRetention) *retention.Table {
	rules := make([]retention.Rule, len(of))
	for i, r := range of {
		rules[i] = retention.Rule(r)
	}
	return retention.New(plain, rules)
}
