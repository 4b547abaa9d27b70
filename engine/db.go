package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/residualdb/residual/engine/internal/actuals"
	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/engine/internal/clock"
	"github.com/residualdb/residual/engine/internal/head"
	"github.com/residualdb/residual/engine/internal/idempotency"
	"github.com/residualdb/residual/engine/internal/query"
	"github.com/residualdb/residual/engine/internal/store"
	"github.com/residualdb/residual/internal/freelist"
	"github.com/residualdb/residual/internal/thread"
	"github.com/residualdb/residual/internal/vfs"
	"github.com/residualdb/residual/segment"
	"github.com/residualdb/residual/wal"
)

// DB is an open store. It is safe for concurrent use.
type DB struct {
	// Immutable after Open.
	opts  Options
	dir   string
	claim *vfs.Claim // to dir
	// clock tells what has expired.
	clock *clock.Clock
	log   *wal.Log

	// models is written by the publisher alone.
	models      *xsync.MapOf[string, *catalog.Model]
	cardinality catalog.Cardinality

	keys       *idempotency.Window
	quarantine *quarantine
	// seed makes the hashes of prediction ids, which live as long as the process.
	seed         maphash.Seed
	counters     counters
	publisher    publisher
	checkpointer checkpointer
	indexer      catalog.Indexer
	background   background
	room         room
	// encoding encodes the records of large batches. Nil without a background.
	encoding *thread.Background

	// Owned by the publisher, under its lock: the checkpoint interval new rows belong to, the months that got rows in it, those of which
	// sealed rows changed, and the actuals for rows still to come.
	epoch         uint64
	dirty, edited []catalog.ModelMonth
	actuals       *actuals.Memory

	// behind counts the rows and rejects that no checkpoint covers.
	behind atomic.Int64

	// failed is the first failure to publish; it ends appends until the next start.
	failed atomic.Pointer[error]

	queries  query.Queries
	encoders freelist.List[encoding]

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
		clock:      clock.NewClock(opts.Now, opts.Elapsed, opts.Logger),
		models:     xsync.NewMapOf[string, *catalog.Model](),
		keys:       idempotency.NewWindow(opts.KeysMax),
		quarantine: newQuarantine(opts.QuarantineBytes),
		actuals:    actuals.New(),
		seed:       maphash.MakeSeed(),
		background: newBackground(),
	}
	db.publisher.db, db.publisher.sliceMax = db, sliceMax
	db.publisher.fresh = new(head.Staging)
	db.publisher.identity.Hash = db.hash
	db.publisher.identity.Editor.Scratch = &db.publisher.identity.Segment
	db.publisher.identity.Segment.HoldBlocks(catalog.HeldBlocks(opts.HeadBytes))
	db.checkpointer.edited = make(map[catalog.ModelMonth]bool)
	db.epoch = 1
	db.checkpointer.sealer.builder, db.checkpointer.sealer.hash = segment.NewBuilder(segment.Meta{}), db.hash
	db.queries.Init(db.models, db.begin, db.end)
	if err := db.open(); err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
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
	db.publisher.deferred.worker.Wait()
	db.stopBackground()
	if err := db.checkpoint(context.Background()); err != nil {
		db.opts.Logger.Warn("no checkpoint at the end; the next start replays the log", "error", err)
	}
	db.encoders.Drop()
	err := base.LogError(db.log.Close())
	if !errors.Is(err, ErrTaken) {
		err = errors.Join(err, db.claim.Check())
	}
	return errors.Join(err, db.checkpointer.Open.Close(), db.claim.Close())
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

// hash is the hash of a prediction id or a model by which they are found in memory.
func (db *DB) hash(id []byte) uint64 { return maphash.Bytes(db.seed, id) }

// noteEdited hands a month to the next checkpoint, to fold its edits. The publisher calls it under the model's lock.
func (db *DB) noteEdited(m *catalog.Model, mo *catalog.Month) {
	if mo.Edited != db.epoch {
		mo.Edited = db.epoch
		db.edited = append(db.edited, catalog.ModelMonth{Model: m, Month: mo})
	}
}

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

// model returns the model, making it on first sight. Only the publisher calls it.
func (db *DB) model(id string) *catalog.Model {
	if m, ok := db.models.Load(id); ok {
		return m
	}
	m := catalog.NewModel(id, &db.cardinality)
	db.models.Store(id, m)
	db.cardinality.Models.Add(1)
	return m
}
