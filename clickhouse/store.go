package clickhouse

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// Store is predictions, actuals and all that belongs to them in ClickHouse. It is safe for concurrent use.
type Store struct {
	config     Config
	shards     shards
	cluster    string
	replicated bool
	// moved says that the cluster has other servers now; nil if not.
	moved  atomic.Pointer[string]
	clocks []clock // by the place of their shard
	// positionClock gives the versions of positions.
	positionClock clock
	// tag tells the versions of this process from those of others.
	tag uint64

	// lanes and spread are by the place of their shard: requests of one month, and of several.
	lanes, spread []*lane
	// several has the requests of several shards, and those that have no rows.
	several *lane
	keys    keyLocks
	// deletions are those under way, by their conditions.
	deletions keyLocks
	counts    counts
	forms     forms
	// lists has a value for each list of many series that is being made.
	lists chan struct{}

	// context ends with the store, and stop is closed before.
	context context.Context
	cancel  context.CancelFunc
	stop    chan struct{}
	closing sync.Once
	writers sync.WaitGroup
	others  sync.WaitGroup
}

// Open opens the store whose tables [Init] has made. It fails where a server is too old, a table is missing or of another version, or the
// user is not let in; shards that cannot be reached it waits for later, as long as one can.
func Open(ctx context.Context, c Config) (*Store, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("open a store in ClickHouse: %w", err)
	}
	c.Options = c.withDefaults()
	made, err := c.made(ctx)
	if err == nil {
		err = c.retain(made.retention())
	}
	if err != nil {
		return nil, err
	}
	list, err := c.topology(ctx, made[metaCluster])
	if err != nil {
		return nil, err
	}
	s := &Store{config: c, cluster: made[metaCluster], replicated: made.replicated(), stop: make(chan struct{}), lists: make(chan struct{}, listsAtOnce)}
	if s.shards, err = newShards(list); err != nil {
		return nil, err
	}
	s.clocks = make([]clock, len(list))
	if err := s.checkNodes(ctx); err != nil {
		return nil, errors.Join(err, s.shards.close())
	}
	s.tag = binary.LittleEndian.Uint64(randomBytes(8)) & (1<<versionTagBits - 1)
	s.context, s.cancel = context.WithCancel(context.Background())
	s.start()
	return s, nil
}

// checkNodes checks the tables of each server that can be reached.
func (s *Store) checkNodes(ctx context.Context) error {
	var group errorGroup
	for _, of := range s.shards.list {
		for _, n := range of.nodes {
			group.do(func() error {
				ctx, cancel := context.WithTimeout(ctx, dialTimeout+clockTimeout)
				defer cancel()
				_, err := n.version()
				if err == nil {
					err = n.check(ctx, s.config.Database, of, s.shards.list)
				}
				if err = wrap(err, "check "+n.address, nil, false); err == nil || errors.Is(err, errReadOnlyReplica) {
					return nil
				}
				if errors.Is(err, engine.ErrUnavailable) {
					s.config.Logger.Warn("a server of the cluster is away", "shard", of.number, "address", n.address, "error", err)
					n.setAway(awayFor)
					return nil
				}
				return err
			})
		}
	}
	return group.wait()
}

func (s *Store) start() {
	add := func(of *shard, announces bool) *lane {
		l := newLane(s, of, announces)
		s.writers.Go(l.run)
		return l
	}
	for _, of := range s.shards.list {
		of.stop = s.context.Done()
		s.lanes, s.spread = append(s.lanes, add(of, false)), append(s.spread, add(of, true))
	}
	s.several = add(nil, true)
	for _, x := range []struct {
		pause time.Duration
		do    func()
	}{{probeEvery, s.probe}, {layoutEvery, s.compare}, {measureEvery, s.measure}, {lookEvery, s.lookAfter}} {
		s.others.Go(func() { s.every(x.pause, x.do) })
	}
}

// Close stores what waits and closes all connections. It is idempotent.
func (s *Store) Close() (err error) {
	s.closing.Do(func() {
		close(s.stop)
		s.writers.Wait()
		s.cancel()
		s.others.Wait()
		err = s.shards.close()
	})
	return err
}

// probeEvery is how often servers that are away are looked for.
const probeEvery = 2 * time.Second

// every calls do again and again until the store is closed, at first at once, with a pause between two calls.
func (s *Store) every(pause time.Duration, do func()) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		do()
		select {
		case <-ticker.C:
		case <-s.stop:
			return
		}
	}
}

// probe asks all servers whether they are there, so that health tells of one that is away also while nobody asks it anything.
func (s *Store) probe() {
	var group errorGroup
	for _, of := range s.shards.list {
		group.do(func() error {
			of.probe(s.context)
			return nil
		})
	}
	_ = group.wait()
}

// Health says whether events are taken. One shard that is away, or has too few replicas, refuses those of its models alone, and is told of
// as what is amiss.
func (s *Store) Health() engine.Health {
	h := engine.Health{Ready: true}
	var missing, few []string
	for i, of := range s.shards.list {
		switch there := of.there(); {
		case of.foreign() != nil:
			missing = append(missing, brief(of.foreign()))
		case there == 0:
			missing = append(missing, fmt.Sprintf("shard %d (%s) cannot be reached", of.number, of.addresses()))
		case there < of.quorum:
			few = append(few, fmt.Sprintf("of shard %d (%s) %d of %d replicas can be reached, and it takes events with %d", of.number, of.addresses(), there, len(of.nodes), of.quorum))
		default:
			if err := cmp.Or(s.lanes[i].failure(), s.spread[i].failure()); err != nil {
				h.Amiss = brief(err)
			}
		}
	}
	if err := s.several.failure(); err != nil && h.Amiss == "" {
		h.Amiss = brief(err)
	}
	if text := s.moved.Load(); text != nil && h.Amiss == "" {
		h.Amiss = *text
	}
	if away := slices.Concat(missing, few); len(away) > 0 {
		h.Amiss = strings.Join(away, "; ")
	}
	if len(missing) == len(s.shards.list) {
		h.Degraded, h.Reason = true, h.Amiss
		h.Err = &engine.AwayError{Class: engine.ErrUnavailable, Text: h.Amiss + "; nothing was stored, send the request again", RetryAfter: awayFor, Err: engine.ErrUnavailable}
	}
	return h
}

// brief is what an error says to who has sent a request.
func brief(err error) string {
	if e, ok := errors.AsType[*engine.AwayError](err); ok {
		text, _, _ := strings.Cut(e.Text, ";")
		return text
	}
	return "the last block could not be stored, which is no fault of the cluster; the answer to its requests has been an error"
}

// Rules bounds the timestamps that a decoder accepts now.
func (s *Store) Rules() event.Rules {
	return engine.RulesOf(s.config.Now(), s.config.MaxFuture, s.config.Retention, s.config.RetentionOf)
}

// newID names what a process sends.
func newID() string { return hex.EncodeToString(randomBytes(12)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // which never fails
	return b
}
