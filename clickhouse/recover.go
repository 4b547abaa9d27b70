package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	// lookEvery is how often blocks that were left behind are looked for.
	lookEvery = 5 * time.Second
	// announcedFor is how long announcements are kept, by the clock of their server. It is longer than any request takes, so that none under way
	// is dropped.
	announcedFor = 5 * time.Minute
)

// lookAfter completes what other processes, or this one, have left behind.
func (s *Store) lookAfter() {
	left := fmt.Sprintf("at < now64(3) - toIntervalMillisecond(%d)", s.config.LeftAfter.Milliseconds())
	var group errorGroup
	for _, of := range s.shards.list {
		group.do(func() error {
			if err := cmp.Or(s.complete(s.context, of, left), s.dropAnnouncements(s.context, of)); err != nil && s.context.Err() == nil {
				s.config.Logger.Warn("blocks that were left behind are not completed yet", "shard", of.number, "error", err)
			}
			return nil
		})
	}
	_ = group.wait()
}

// forOne bounds how long one announcement, or one look at them, may take, so that it does not keep others.
func (s *Store) forOne(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.config.LeftAfter+s.config.InsertTimeout)
}

// complete stores the blocks that are announced on a shard under a condition and have no mark. One announcement at a time is in memory, and
// one that cannot be stored does not keep the others.
func (s *Store) complete(ctx context.Context, of *shard, condition string) error {
	var ids []string
	look, cancel := s.forOne(ctx)
	defer cancel()
	err := of.ask(look, "look for blocks left behind", func(ctx context.Context, conn driver.Conn) error {
		row := conn.QueryRow(query(ctx), fmt.Sprintf(`SELECT arraySort(groupUniqArray(id)) FROM %[1]s.pending
WHERE %[2]s AND id NOT IN (SELECT id FROM %[1]s.requests WHERE kind = 'block')`, s.config.Database, condition))
		return row.Scan(&ids)
	})
	if err != nil {
		return err
	}
	of.completed.only(ids)
	var failed error
	for _, id := range ids {
		if err := s.completeOne(ctx, of, id); err != nil {
			failed = cmp.Or(failed, fmt.Errorf("announcement %s: %w", id, err))
		}
	}
	return failed
}

// completeOne stores the blocks of an announcement, unless somebody has done it meanwhile, and marks it.
//
// A block that is stored is not stored again by this process when another one of them could not be: so each try comes further, however
// many there are, and none is stored time and again.
func (s *Store) completeOne(ctx context.Context, of *shard, id string) error {
	ctx, cancel := s.forOne(ctx)
	defer cancel()
	var texts []string
	err := of.ask(ctx, "read a block left behind", func(ctx context.Context, conn driver.Conn) error {
		row := conn.QueryRow(query(ctx), fmt.Sprintf(`SELECT groupArray(block) FROM %[1]s.pending
WHERE id = %[2]s AND id NOT IN (SELECT id FROM %[1]s.requests WHERE kind = 'block' AND id = %[2]s)`, s.config.Database, quoted(id)))
		return row.Scan(&texts)
	})
	if err != nil || len(texts) == 0 {
		return err
	}
	announced, err := decodeAnnouncement(texts[0])
	if err != nil {
		return err
	}
	blocks, err := announced.blocks(&s.shards)
	if err != nil {
		return err
	}
	blocks = slices.DeleteFunc(blocks, func(b *block) bool { return of.completed.has(id, b) })
	for _, b := range blocks {
		x := s.shards.list[b.shard]
		if x.there() == 0 {
			return wrap(errNoReplica, "complete", x, false)
		}
		if err := x.refusal(time.Now()); err != nil {
			return err
		}
	}
	group := errorGroup{slots: make(chan struct{}, blocksAtOnce)}
	for _, b := range blocks {
		group.do(func() error {
			err := s.store(ctx, b, func(ctx context.Context) error { return s.stillLeft(ctx, of, id) })
			if err == nil {
				of.completed.add(id, b)
			}
			return err
		})
	}
	err = group.wait()
	if errors.Is(err, errMarked) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.finish(ctx, of, id, true, nil); err != nil {
		return err
	}
	s.config.Logger.Info("blocks that were left behind are stored", "id", id)
	return nil
}

// completed are the blocks that this process has stored of announcements that others have left behind and that have no mark yet. It is safe for
// concurrent use.
type completed struct {
	mu sync.Mutex
	of map[string]map[unit]bool // by the announcement; guarded by mu
}

func (c *completed) add(id string, b *block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]map[unit]bool{}
	}
	if c.of[id] == nil {
		c.of[id] = map[unit]bool{}
	}
	c.of[id][b.unit] = true
}

func (c *completed) has(id string, b *block) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[id][b.unit]
}

// only forgets announcements other than some: they have their mark.
func (c *completed) only(ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.of, func(id string, _ map[unit]bool) bool { return !slices.Contains(ids, id) })
}

// errNoReplica is of a shard of which no replica was reached a moment ago.
var errNoReplica = errors.New("no replica of it was reached a moment ago")

// errMarked is of an announcement whose blocks somebody else has stored.
var errMarked = errors.New("it is stored")

// stillLeft is errMarked for an announcement that somebody else has completed. What it has may be deleted since: a block that is stored after
// that would bring it back.
func (s *Store) stillLeft(ctx context.Context, of *shard, id string) error {
	var marks uint64
	err := of.ask(ctx, "look for a mark", func(ctx context.Context, conn driver.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, clockTimeout)
		defer cancel()
		return conn.QueryRow(query(ctx), fmt.Sprintf("SELECT count() FROM %s.requests WHERE kind = 'block' AND id = %s", s.config.Database, quoted(id))).Scan(&marks)
	})
	if err == nil && marks > 0 {
		return errMarked
	}
	return err
}

// dropAnnouncements drops the parts of pending in which everything is stored.
func (s *Store) dropAnnouncements(ctx context.Context, of *shard) error {
	ctx, cancel := s.forOne(ctx)
	defer cancel()
	return of.ask(ctx, "drop announcements", func(ctx context.Context, conn driver.Conn) error {
		var partitions []string
		row := conn.QueryRow(query(ctx), fmt.Sprintf(`SELECT groupUniqArray(partition) FROM system.parts
WHERE active AND database = %[2]s AND table = 'pending' AND partition NOT IN (
    SELECT toString(toStartOfMinute(at)) FROM %[1]s.pending
    WHERE at >= now64(3) - toIntervalMillisecond(%[3]d) OR id NOT IN (SELECT id FROM %[1]s.requests WHERE kind = 'block'))`,
			s.config.Database, quoted(s.config.Database), max(announcedFor, 2*s.config.LeftAfter).Milliseconds()))
		if err := row.Scan(&partitions); err != nil {
			return err
		}
		for _, p := range partitions {
			if err := conn.Exec(ctx, fmt.Sprintf("ALTER TABLE %s.pending DROP PARTITION %s", s.config.Database, quoted(p))); err != nil {
				return err
			}
		}
		return nil
	})
}
