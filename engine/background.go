package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/engine/internal/catalog"
	"github.com/residualdb/residual/internal/thread"
	"github.com/residualdb/residual/wal"
)

// background seals, checkpoints, merges, drops and looks after the directory without being asked. One goroutine does all that
// changes the manifest, another looks at the claim; both end with Close. The channels may be written to by any goroutine.
type background struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	// full carries months of which a head is full. What does not fit waits for the next checkpoint.
	full chan catalog.ModelMonth
	// due is signalled when there is to be a checkpoint.
	due chan struct{}

	// failures counts attempts that failed and are tried again.
	failures atomic.Uint64
}

const (
	// fullMax bounds the months that wait to be sealed ahead of a checkpoint.
	fullMax = 1024
	// maintenanceInterval is how often a store looks for work that no append announces: months that settled or expired.
	maintenanceInterval = time.Minute
	// retryInterval is how long after a checkpoint that failed, or did not help, the next one is tried.
	retryInterval = time.Second
	// claimInterval is how often an open store looks whether its directory is still where its path leads. Appends look by
	// themselves; it is for a store that takes none.
	claimInterval = time.Second
	// quietPeriod is how long no rows must have come before months that are over are merged after a checkpoint: a load of
	// history would have each of its checkpoints rewrite them.
	quietPeriod = 250 * time.Millisecond
)

func newBackground() background {
	return background{full: make(chan catalog.ModelMonth, fullMax), due: make(chan struct{}, 1)}
}

// Checkpoint makes the packs cover the log up to now and truncates it. It runs beside appends and queries.
func (db *DB) Checkpoint(ctx context.Context) error {
	if err := db.begin(); err != nil {
		return err
	}
	defer db.end()
	return db.checkpointer.Checkpoint(ctx)
}

// Merge merges segments of the same month, where that pays: a finished month ends as one. Before that it moves what is alive out of
// packs that have rows which were deleted. It runs beside appends and queries and returns once nothing is left to do.
func (db *DB) Merge(ctx context.Context) error {
	if err := db.begin(); err != nil {
		return err
	}
	defer db.end()
	return db.checkpointer.Merge(ctx)
}

// DropExpired drops the months that are wholly older than the retention of their model, as far as checkpoints cover them: first from
// the manifest, then from memory, then from disk.
func (db *DB) DropExpired() error {
	if err := db.begin(); err != nil {
		return err
	}
	defer db.end()
	return db.checkpointer.DropExpired()
}

func (db *DB) startBackground() {
	bg := &db.background
	ctx, cancel := context.WithCancel(context.Background())
	bg.cancel = cancel
	if db.opts.NoBackground {
		return
	}
	bg.done.Go(func() {
		thread.GiveWay()
		db.maintain(ctx)
	})
	bg.done.Go(func() { db.watchClaim(ctx) })
}

func (db *DB) stopBackground() {
	db.background.cancel()
	db.background.done.Wait()
}

// giveWay lets the calling goroutine give way to queries, where there is a background.
func (db *DB) giveWay() {
	if !db.opts.NoBackground {
		thread.GiveWay()
	}
}

// headFull asks for a month to be sealed of which a head is full. The publisher calls it and must not wait.
func (bg *background) headFull(d catalog.ModelMonth) {
	select {
	case bg.full <- d:
	default:
	}
}

// published asks for a checkpoint if the log or the heads have grown to their bound.
func (db *DB) published() {
	if db.log != nil && db.grown() { // no log yet: recovery replays it
		db.background.askCheckpoint()
	}
}

// grown tells whether the log is as much as a restart should have to replay, or the heads as much as memory should hold.
// Rejected lines that compress well are little to the log and as much to a replay as others.
func (db *DB) grown() bool {
	c := &db.publisher.Counters
	return db.log.Size() >= db.opts.CheckpointBytes || c.Uncovered.Load() >= db.opts.CheckpointRows ||
		c.Unsealed.Load() >= db.opts.HeadBytes || c.RejectedBytes.Load() >= db.opts.CheckpointBytes
}

// askCheckpoint asks for a checkpoint.
func (bg *background) askCheckpoint() {
	select {
	case bg.due <- struct{}{}:
	default:
	}
}

// logStopped is told when the log takes no records any more. If that is for want of space, a checkpoint makes some.
func (db *DB) logStopped(err error) {
	db.opts.Logger.Error("no events are taken", "error", base.LogError(err))
	if errors.Is(err, wal.ErrNoSpace) {
		db.background.askCheckpoint()
	}
}

// checkpointDue tells whether the log or the heads have grown to their bound, or the log fills the disk. The goroutine
// that makes checkpoints calls it between two of them. Rows that are being sealed then are those that a failed one has
// left: they count too, because appends may wait for them and nothing else asks for another checkpoint.
func (db *DB) checkpointDue() bool {
	return db.grown() || db.publisher.Counters.HeadBytes() >= db.opts.HeadBytes || errors.Is(db.log.Err(), wal.ErrNoSpace)
}

// maintain does the work that is due until ctx ends.
func (db *DB) maintain(ctx context.Context) {
	bg := &db.background
	tick := time.NewTicker(maintenanceInterval)
	defer tick.Stop()
	db.checkpointer.Balance(ctx) // a restart reads no columns
	var space spaceWatch
	quiet := quietWait{rows: &db.publisher.Counters.Rows}
	quiet.begin() // the last process may have left months that are over
	if db.checkpointDue() {
		bg.askCheckpoint() // the log is too large for the bounds of this process, so that no append may fit any more
	}
	for {
		space.look(db)
		idle := false // no load is under way
		select {
		case <-ctx.Done():
			return
		case d := <-bg.full:
			if err := db.checkpointer.SealFull(d); err != nil {
				db.opts.Logger.Error("seal failed", "error", err)
			}
			continue
		case <-bg.due:
		case <-tick.C:
			idle = true
			db.clock.Read() // a jump is confirmed while nothing else asks for the time
		case <-quiet.over:
			if idle = quiet.held(); !idle {
				quiet.begin()
				continue
			}
		}
		err := db.maintainOnce(ctx, idle)
		if !idle {
			quiet.begin()
		}
		if err != nil && ctx.Err() == nil {
			bg.failures.Add(1)
			db.opts.Logger.Error("background work failed", "error", err)
		}
		if !db.checkpointDue() {
			continue
		}
		if err != nil || db.log.Err() != nil { // it failed, or made no room; otherwise rows came meanwhile
			select {
			case <-ctx.Done():
				return
			case <-time.After(retryInterval):
			}
		}
		bg.askCheckpoint()
	}
}

// quietWait waits for a quiet period. It is for one goroutine.
type quietWait struct {
	rows *atomic.Uint64 // all that were ever taken
	// over receives when the period has passed; known are the rows at its begin.
	over  <-chan time.Time
	known uint64
}

func (q *quietWait) begin() { q.over, q.known = time.After(quietPeriod), q.rows.Load() }

// held tells whether no row has come since begin.
func (q *quietWait) held() bool { return q.rows.Load() == q.known }

// maintainOnce does what is due. Old months go first: they take little space to drop. A checkpoint that is due again waits
// for one merge and not for all, so that neither keeps the other from its turn.
func (db *DB) maintainOnce(ctx context.Context, idle bool) error {
	err := db.checkpointer.DropExpired()
	if db.checkpointDue() || idle && db.publisher.HasDeleted() { // which is not to stay in files until there is more to write
		err = errors.Join(err, db.checkpointer.Checkpoint(ctx))
	}
	db.checkpointer.Balance(ctx)
	if err != nil {
		return err
	}
	for {
		merged, err := db.checkpointer.MergeOnce(ctx, idle)
		if err != nil {
			return err
		}
		if !merged {
			return db.checkpointer.SweepReleased()
		}
		db.checkpointer.Balance(ctx)
		if db.checkpointDue() {
			return nil
		}
	}
}

// watchClaim looks after the claim to the directory until it ends, or ctx does.
func (db *DB) watchClaim(ctx context.Context) {
	tick := time.NewTicker(claimInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := db.checkClaim(); err != nil {
			db.opts.Logger.Error("nothing is written any more, here or in its place", "error", err)
			return
		}
	}
}

// checkClaim returns why the directory is no longer this store's, or nil. What could not be found out counts as nothing:
// appends and checkpoints ask again.
func (db *DB) checkClaim() error {
	if err := db.claim.Check(); errors.Is(err, ErrTaken) {
		return fmt.Errorf("%w: %w", ErrDegraded, err)
	}
	return nil
}
