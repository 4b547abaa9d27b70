package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/engine"
)

// keep stores requests of one shard, or of several where the shard is nil, and returns what became of each. Where a shard is away the
// requests that have rows on it are refused, and nothing of them is stored; the others go on.
func (s *Store) keep(ctx context.Context, of *shard, announced bool, requests []*request) []error {
	errs := make([]error, len(requests))
	times, failed := s.timesOf(ctx, requests)
	for i, r := range requests {
		for x := range s.shardsWith(r) {
			errs[i] = cmp.Or(errs[i], failed[x])
		}
	}
	kept := without(requests, errs)
	if len(kept) == 0 {
		return errs
	}
	ends := s.keepThere(ctx, of, announced, kept, times)
	for i := range errs {
		if errs[i] == nil {
			errs[i], ends = ends[0], ends[1:]
		}
	}
	return errs
}

// keepThere stores requests whose shards are there, by the times of these.
func (s *Store) keepThere(ctx context.Context, of *shard, announced bool, requests []*request, times map[*shard]uint64) []error {
	errs := make([]error, len(requests))
	all := func(err error) []error { // which has happened to each of them
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	blocks := blocksOf(requests, &s.shards)
	now := s.config.Now()
	for _, b := range blocks {
		b.stamp(s.clocks[b.shard].after(times[s.shards.list[b.shard]], b.steps(), s.tag), now)
	}
	home := of
	switch {
	case of != nil:
	case len(blocks) > 0:
		home = s.shards.list[blocks[0].shard]
	default:
		home = s.home()
	}
	id := newID()
	announced = announced && len(blocks) > 0
	if announced {
		text := announcementOf(requests, blocks, &s.shards).encode()
		if err := s.insertColumns(ctx, home, "announce blocks", schema.Pending, "id, block", []string{id}, []string{text}); err != nil {
			return all(err)
		}
	}
	group := errorGroup{slots: make(chan struct{}, blocksAtOnce)}
	failed := make(map[int]error) // by the month of a block
	for _, b := range blocks {
		group.do(func() error {
			err := s.store(ctx, b, nil)
			if err == nil || announced {
				return err
			}
			group.mu.Lock()
			defer group.mu.Unlock()
			failed[b.month] = err
			return nil
		})
	}
	if err := group.wait(); err != nil {
		return all(unknown(err)) // what is announced is stored once the shards are there
	}
	for i, r := range requests {
		errs[i] = failed[r.month()]
	}
	if err := s.storeRejects(ctx, home, without(requests, errs)); err != nil {
		for i, r := range requests {
			switch {
			case errs[i] != nil || len(r.rejects) == 0:
			case r.rows() == 0: // nothing of it is stored
				errs[i] = err
			default:
				errs[i] = unknown(err)
			}
		}
	}
	if err := s.finish(ctx, home, id, announced, without(requests, errs)); err != nil {
		for i := range errs {
			errs[i] = cmp.Or(errs[i], unknown(err))
		}
	}
	return errs
}

// blocksAtOnce bounds how many blocks of some requests are on their way at a time: rows of a hundred years are a thousand blocks.
const blocksAtOnce = 16

// unknown is an error after a part was stored.
func unknown(err error) error {
	if errors.Is(err, engine.ErrOutcomeUnknown) {
		return err
	}
	text := "a part of the cluster failed under this request; send it again"
	if e, ok := errors.AsType[*engine.AwayError](err); ok {
		text = e.Text + "; whether the rows of this request are stored is not known, send it again"
		return &engine.AwayError{Class: engine.ErrOutcomeUnknown, Text: text, RetryAfter: max(e.RetryAfter, 2*time.Second), Err: err}
	}
	return &engine.AwayError{Class: engine.ErrOutcomeUnknown, Text: text, RetryAfter: 5 * time.Second, Err: err}
}

// home is the shard that has what belongs to no shard: the first whose last block did not fail and that has all replicas it takes to store one,
// else the first.
func (s *Store) home() *shard {
	for i, x := range s.shards.list {
		if x.there() >= max(x.quorum, 1) && s.lanes[i].failure() == nil {
			return x
		}
	}
	return s.shards.list[0]
}

// store stores one block, again and again until its shard says what became of it, or the time is over. It may have been stored more
// often than once by then, which is the same. may is asked before each try, unless it is nil; its error ends them.
func (s *Store) store(ctx context.Context, b *block, may func(ctx context.Context) error) error {
	of := s.shards.list[b.shard]
	var mayNot error
	err := s.insert(ctx, of, "store a block", func(ctx context.Context, conn driver.Conn, settings ch.Settings) (bool, error) {
		if may != nil {
			if mayNot = may(ctx); mayNot != nil {
				return false, errNotTried
			}
		}
		return b.send(ctx, conn, s.config.Database, settings)
	})
	if mayNot != nil {
		return mayNot
	}
	of.noteStored(err, time.Now())
	return err
}

// retryPause is how long a shard that does not say what became of a block is left alone.
const retryPause = 300 * time.Millisecond

// errNotTried is of a try that is not made, and says nothing of the server.
var errNotTried = errors.New("it was not tried")

// insert calls do until it is known what became of it, the time is over, or it is not to be tried.
func (s *Store) insert(ctx context.Context, of *shard, what string, do func(ctx context.Context, conn driver.Conn, settings ch.Settings) (sent bool, err error)) error {
	if err := of.foreign(); err != nil {
		return err
	}
	uncertain := false
	for {
		var failed error
		busy := false
		for n := range of.each {
			sent := false
			err := n.within(ctx, func(ctx context.Context, conn driver.Conn) (err error) {
				sent, err = do(ctx, conn, of.insertSettings())
				return err
			})
			if err == nil {
				n.setThere()
				return nil
			}
			if errors.Is(err, errNotTried) {
				return err
			}
			f := faultOf(err)
			uncertain = uncertain || sent && f.is(maybeStored)
			said := codeOf(err) != 0 || ofValues(err)
			if answered(err) && !f.is(maybeStored) {
				return wrap(err, what, of, uncertain)
			}
			if noneFree(err) {
				busy = true
			} else if !said && ctx.Err() == nil {
				n.setAway(awayFor)
			}
			if said || failed == nil { // what one server says is more than that another cannot be reached
				failed = err
			}
		}
		if !uncertain && !busy {
			return wrap(failed, what, of, false)
		}
		timer := time.NewTimer(retryPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return wrap(failed, what, of, uncertain)
		}
	}
}

// noneFree tells that all connections to a server are in use, which says nothing of the server.
func noneFree(err error) bool { return errors.Is(err, ch.ErrAcquireConnTimeout) }

// insertColumns stores columns of a table on a shard.
func (s *Store) insertColumns(ctx context.Context, of *shard, what, table, names string, columns ...any) error {
	return s.insert(ctx, of, what, func(ctx context.Context, conn driver.Conn, settings ch.Settings) (bool, error) {
		return send(ch.Context(ctx, ch.WithSettings(settings)), conn, fmt.Sprintf("INSERT INTO %s.%s (%s)", s.config.Database, table, names), onePiece(columns...))
	})
}

// finish notes that blocks that were announced are stored, the keys of requests, and the positions behind them.
func (s *Store) finish(ctx context.Context, home *shard, id string, announced bool, requests []*request) error {
	var ids, kinds, digests []string
	var successful, quarantined []uint64
	add := func(name, kind, digest string, rows, rejected int) {
		ids, kinds, digests = append(ids, name), append(kinds, kind), append(digests, digest)
		successful, quarantined = append(successful, uint64(rows)), append(quarantined, uint64(rejected))
	}
	if announced {
		add(id, "block", "", 0, 0)
	}
	var positions []engine.Position
	for _, r := range requests {
		if r.key != nil {
			add(r.key.ID, "key", string(r.key.Hash[:]), r.rows(), r.rejected)
		}
		positions = append(positions, r.positions...)
	}
	if len(positions) > 0 {
		if err := s.storePositions(ctx, home, positions); err != nil {
			return err
		}
	}
	if len(ids) == 0 {
		return nil
	}
	at := slices.Repeat([]int64{time.Now().UnixMilli()}, len(ids))
	return s.insertColumns(ctx, home, "note requests", schema.Requests, "id, kind, digest, successful, quarantined, at",
		ids, kinds, digests, successful, quarantined, at)
}

// errorGroup waits for what is done at once, and keeps the first error.
type errorGroup struct {
	// slots bounds by its size how much is done at a time; nil does not.
	slots chan struct{}

	wg   sync.WaitGroup
	mu   sync.Mutex
	errs []error
	// bug is what a goroutine has panicked with.
	bug string
}

func (g *errorGroup) do(f func() error) {
	if g.slots != nil {
		g.slots <- struct{}{}
	}
	g.wg.Go(func() {
		defer func() {
			if g.slots != nil {
				<-g.slots
			}
			if v := recover(); v != nil {
				g.mu.Lock()
				defer g.mu.Unlock()
				g.bug = fmt.Sprintf("%v\n%s", v, debug.Stack())
			}
		}()
		g.here(f)
	})
}

// here calls f in the goroutine of the caller: the last of several calls saves the start of a goroutine.
func (g *errorGroup) here(f func() error) {
	if err := f(); err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.errs = append(g.errs, err)
	}
}

// wait returns the first error. It panics where one of the goroutines has, so that a bug ends what has met it and not the process.
func (g *errorGroup) wait() error {
	g.wg.Wait()
	if g.bug != "" {
		panic(g.bug)
	}
	if len(g.errs) > 0 {
		return g.errs[0]
	}
	return nil
}
