package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/checkpoint"
	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/commit"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/positions"
	"github.com/residualdb/residual/engine/internal/publish"
	"github.com/residualdb/residual/engine/internal/quarantine"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/retention"
	"github.com/residualdb/residual/engine/internal/rows"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/wal"
)

// DB is an open store. It is safe for concurrent use.
type DB struct {
	// Immutable after Open.
	opts  Options
	dir   string
	claim *vfs.Claim // to dir
	// clock tells what has expired.
	clock     *clock.Clock
	retention *retention.Table
	log       *wal.Log

	// seed makes the hashes of prediction ids, which live as long as the process.
	seed maphash.Seed

	// The way of an event: commits appends it to the log, publisher puts it into heads, checkpointer into packs. The publisher
	// alone adds to models; anyone reads them.
	commits      *commit.Pipeline
	publisher    *publish.Publisher
	checkpointer *checkpoint.Checkpointer
	models       *xsync.MapOf[string, *catalog.Model]
	keys         *idempotency.Window
	quarantine   *quarantine.Quarantine
	positions    *positions.Memory

	queries     query.Queries
	rows        rows.Env
	indexer     catalog.Indexer
	background  background
	heldMoments heldMoments
	kept        keptFiles

	// failed is the first failure to publish; it ends appends until the next start.
	failed atomic.Pointer[error]

	// closing is held for reading by every call under way; closed is guarded by it.
	closing sync.RWMutex
	closed  bool
	ready   atomic.Bool
}

// Open opens the store in dir, making it if dir is missing or empty, and recovers what was acknowledged. A directory
// that is in use ([ErrLocked]), damaged ([ErrCorrupt]) or of a newer format ([ErrVersion]) is refused and not written to.
func Open(dir string, opts Options) (*DB, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	db := &DB{
		opts:       opts,
		dir:        dir,
		clock:      clock.New(opts.Now, opts.Elapsed, opts.Logger),
		models:     xsync.NewMapOf[string, *catalog.Model](),
		keys:       idempotency.NewWindow(opts.KeysMax),
		quarantine: quarantine.New(opts.QuarantineBytes),
		positions:  new(positions.Memory),
		seed:       maphash.MakeSeed(),
		background: newBackground(),
		retention:  retentionOf(opts.Retention, opts.RetentionOf),
	}
	db.publisher = publish.New(publish.Env{
		Models: db.models, Keys: db.keys, Positions: db.positions, Hash: db.hash,
		ActualsTTL: opts.ActualsTTL, ActualsBytes: opts.ActualsBytes, HeldBlocks: catalog.HeldBlocks(opts.HeadBytes),
		Failure: db.failure, Fail: db.fail, Quarantine: db.quarantine.Add,
		EmptyQuarantine: db.quarantine.Empty, Within: within, HeadFull: db.background.headFull, Published: db.published,
	})
	db.checkpointer = checkpoint.New(checkpoint.Env{
		Models: db.models, Publisher: db.publisher, Quarantine: db.quarantine, Positions: db.positions, KeysMax: db.keys.Max, Clock: db.clock,
		Retention: db.retention, Hash: db.hash, Indexer: &db.indexer, Now: opts.Now, Logger: opts.Logger, Sync: opts.Sync,
		MemoryLimitBytes: opts.MemoryLimitBytes, HeadBytes: opts.HeadBytes, Failure: db.failure, Fail: db.fail,
		Background: !opts.NoBackground, Ask: db.background.askCheckpoint,
	})
	db.queries.Init(db.models, db.begin, db.end)
	db.rows = rows.Env{Queries: &db.queries, Between: db.publisher.Between, Moments: &db.publisher.Moments, NewPin: func() *store.Pin { return db.checkpointer.Files.NewPin() }}
	if err := db.open(); err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	db.commits = commit.New(commit.Env{
		Log: db.log, Publisher: db.publisher, Clock: db.clock, Keys: db.keys,
		Refusal: db.refusal, WaitForHeads: db.checkpointer.WaitForHeads, Index: db.checkpointer.IndexFor, Background: !opts.NoBackground,
	})
	db.publisher.StartSlicing()
	db.startBackground()
	db.ready.Store(true)
	return db, nil
}

func (db *DB) open() (err error) {
	if db.claim, err = store.ClaimDir(db.opts.FS, db.dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.claim.Close())
		}
	}()
	id, err := store.ReadID(db.claim, db.opts.FS, db.dir, db.opts.Random)
	if err != nil {
		return err
	}
	return db.recover(id)
}

// Close waits for calls under way, makes a checkpoint, and releases the directory. It is idempotent. What was
// acknowledged is durable whether the checkpoint succeeds or not. The error is [ErrTaken] if the directory was taken away.
func (db *DB) Close() error {
	db.closing.Lock()
	defer db.closing.Unlock()
	if db.closed {
		return nil
	}
	db.closed = true
	db.publisher.WaitIdle()
	db.stopBackground()
	db.heldMoments.end()
	db.checkpointer.Files.EndPins()
	db.commits.Stop()
	if err := db.checkpointer.Checkpoint(context.Background()); err != nil {
		db.opts.Logger.Warn("no checkpoint at the end; the next start replays the log", "error", err)
	}
	err := base.LogError(db.log.Close())
	if !errors.Is(err, ErrTaken) {
		err = errors.Join(err, db.claim.Check())
	}
	return errors.Join(err, db.checkpointer.Files.Close(), db.claim.Close())
}

// begin keeps Close waiting until end.
func (db *DB) begin() error {
	db.closing.RLock()
	if db.closed {
		db.closing.RUnlock()
		return ErrClosed
	}
	return nil
}

func (db *DB) end() { db.closing.RUnlock() }

// hash is the hash of a prediction id, or of a model's name, by which they are found in memory.
func (db *DB) hash(id []byte) uint64 { return maphash.Bytes(db.seed, id) }

// fail ends appends. The first failure stays.
func (db *DB) fail(err error) {
	if db.failed.CompareAndSwap(nil, &err) {
		db.opts.Logger.Error("the store takes no more events", "error", err)
	}
}

// failure returns what ended appends, or nil.
func (db *DB) failure() error {
	if err := db.failed.Load(); err != nil {
		return fmt.Errorf("%w: %w", ErrDegraded, *err)
	}
	if err := db.claim.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrDegraded, err)
	}
	return nil
}
