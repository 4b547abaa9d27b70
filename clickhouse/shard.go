package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/go-faster/city"

	"github.com/residualdb/residual/engine"
)

// shard is the servers that have the rows of some models.
type shard struct {
	number int
	weight uint64
	nodes  []*node
	// stop is closed when the store is.
	stop <-chan struct{}
	// quorum is how many replicas have to have a block, 0 where there is one.
	quorum int
	// completed is what is done of announcements on the shard that were left behind.
	completed completed
	// refused is the last block that was refused, nil once one was stored.
	refused atomic.Pointer[refused]
}

// refused is what a block was refused with while its shard can be reached, as for too many parts, and until when it is not tried again.
type refused struct {
	engine.AwayError

	until time.Time
}

// refusedMost bounds how long a shard that has refused a block is left alone.
const refusedMost = 5 * time.Second

// noteStored notes what has become of a block.
func (s *shard) noteStored(err error, now time.Time) {
	e, ok := errors.AsType[*engine.AwayError](err)
	switch {
	case err == nil:
		s.refused.Store(nil)
	case ok && (errors.Is(e.Class, engine.ErrFull) || errors.Is(e.Class, engine.ErrNoSpace)):
		s.refused.Store(&refused{*e, now.Add(min(e.RetryAfter, refusedMost))})
	}
}

// refusal is the error of a shard that has refused a block a moment ago.
func (s *shard) refusal(now time.Time) error {
	r := s.refused.Load()
	if r == nil || now.After(r.until) {
		return nil
	}
	again := r.AwayError
	return &again
}

// foreign is the error of a shard of which a server has other tables than the store needs.
func (s *shard) foreign() error {
	for _, n := range s.nodes {
		if e := n.foreign.Load(); e != nil {
			again := *e
			return &again
		}
	}
	return nil
}

func (s *shard) addresses() string {
	names := make([]string, len(s.nodes))
	for i, n := range s.nodes {
		names[i] = n.address
	}
	return strings.Join(names, ", ")
}

// each yields the nodes in the order in which they are asked: those that were not away a moment ago first. One without replicas comes twice,
// since all that has failed may be a connection that was cut.
func (s *shard) each(yield func(*node) bool) {
	var there, away []*node
	for _, n := range s.nodes {
		if n.isAway() {
			away = append(away, n)
		} else {
			there = append(there, n)
		}
	}
	order := slices.Concat(there, away)
	if len(order) == 1 {
		order = append(order, order[0])
	}
	for _, n := range order {
		if !yield(n) {
			return
		}
	}
}

// ask calls do with the connection of a replica, and of the next one where that cannot be reached, or is given up meanwhile.
func (s *shard) ask(ctx context.Context, what string, do func(ctx context.Context, conn driver.Conn) error) error {
	if s.isClosed() {
		return engine.ErrClosed
	}
	if err := s.foreign(); err != nil {
		return err
	}
	var failed error
	for n := range s.each {
		err := n.within(ctx, do)
		if err == nil {
			n.setThere()
			return nil
		}
		if answered(err) {
			return wrap(err, what, s, false)
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return wrap(errors.Join(errLate, err), what, s, false)
		}
		if ctx.Err() != nil {
			return wrap(err, what, s, false)
		}
		if !ofDisk(err) && !noneFree(err) { // the rest of its files can be read
			n.setAway(awayFor)
		}
		if errors.Is(err, errHandedOn) {
			return wrap(err, what, s, false)
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", n.address, err))
	}
	return wrap(failed, what, s, false)
}

// probe asks each replica whether it is there. Where one does not answer and another does, what is under way with the first is given up, so
// that it is asked of the other.
func (s *shard) probe(ctx context.Context) {
	silent := make([]bool, len(s.nodes))
	var group errorGroup
	for i, n := range s.nodes {
		group.do(func() error {
			ctx, cancel := context.WithTimeout(ctx, clockTimeout)
			defer cancel()
			switch err := n.conn.Ping(ctx); {
			case err == nil:
				n.setThere()
			case noneFree(err):
			default:
				n.setAway(probeEvery + clockTimeout)
				late, ok := errors.AsType[net.Error](err)
				silent[i] = ok && late.Timeout() // what is under way with a server that has ended has ended too
			}
			return nil
		})
	}
	_ = group.wait()
	if s.there() == 0 {
		return
	}
	for i, n := range s.nodes {
		if silent[i] {
			n.giveUp()
		}
	}
}

func (s *shard) isClosed() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// there is how many replicas were reached when they were last asked for.
func (s *shard) there() (count int) {
	for _, n := range s.nodes {
		if !n.isAway() {
			count++
		}
	}
	return count
}

// shards are those of a cluster, by number.
type shards struct {
	list  []*shard
	slots []*shard // by the remainder of a hash
}

// newShards lays out the slots of shards as a Distributed table does.
func newShards(list []*shard) (shards, error) {
	s := shards{list: list}
	for _, x := range list {
		for range x.weight {
			s.slots = append(s.slots, x)
		}
	}
	if len(s.slots) == 0 {
		return s, errors.Join(fmt.Errorf("%w: its shards have no weight", ErrCluster), s.close())
	}
	return s, nil
}

// of returns the shard of a model.
func (s *shards) of(model string) *shard {
	if len(s.slots) == 1 {
		return s.slots[0]
	}
	return s.slots[city.CH64([]byte(model))%uint64(len(s.slots))]
}

// weights are those of the shards, which together with their order say where each model is.
func (s *shards) weights() []uint64 {
	weights := make([]uint64, len(s.list))
	for i, x := range s.list {
		weights[i] = x.weight
	}
	return weights
}

func (s *shards) close() error {
	var errs []error
	for _, x := range s.list {
		for _, n := range x.nodes {
			errs = append(errs, n.conn.Close())
		}
	}
	return errors.Join(errs...)
}

// versionTagBits are the low bits of a version, which tell processes apart whose blocks come in the same microsecond.
const versionTagBits = 12

// clock gives the versions of a shard.
type clock struct {
	mu   sync.Mutex
	last uint64
}

// after returns the first of some versions, which are later than now, a time of the shard in microseconds, and than all before.
func (c *clock) after(now, steps, tag uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := max(now, c.last+1)
	c.last = first + steps - 1
	return first<<versionTagBits | tag
}

// timesOf asks the shards of requests for their time; those that do not answer have failed.
func (s *Store) timesOf(ctx context.Context, requests []*request) (times map[*shard]uint64, failed map[*shard]error) {
	times, failed = map[*shard]uint64{}, map[*shard]error{}
	var mu sync.Mutex
	var group errorGroup
	asked := map[*shard]bool{}
	for _, r := range requests {
		for x := range s.shardsWith(r) {
			if asked[x] {
				continue
			}
			asked[x] = true
			group.do(func() error {
				now, err := s.timeOf(ctx, x)
				err = saying(err, "; nothing was stored, send the request again")
				mu.Lock()
				defer mu.Unlock()
				if times[x] = now; err != nil {
					failed[x] = err
				}
				return nil
			})
		}
	}
	_ = group.wait()
	return times, failed
}

// timeOf returns the time of a shard, in microseconds; the error of one that has just refused a block, before anything is announced for it.
func (s *Store) timeOf(ctx context.Context, of *shard) (now uint64, err error) {
	if err := of.refusal(time.Now()); err != nil {
		return 0, err
	}
	err = of.ask(ctx, "ask for the time", func(ctx context.Context, conn driver.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, clockTimeout)
		defer cancel()
		return conn.QueryRow(ctx, "SELECT toUInt64(toUnixTimestamp64Micro(now64(6)))").Scan(&now)
	})
	return now, err
}

// clockTimeout bounds a question that costs nothing: who does not answer it takes no block either.
const clockTimeout = 5 * time.Second
