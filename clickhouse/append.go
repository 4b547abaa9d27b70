package clickhouse

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/engine"
	"github.com/residualdb/residual/event"
)

// Append stores a batch and its rejects: when it returns nil they are durable and every query sees them, through any process.
func (s *Store) Append(ctx context.Context, b *event.Batch) (engine.Appended, error) {
	return s.append(ctx, &request{batch: b}, engine.Origin{}, nil)
}

// AppendOnce is Append for a request that may be repeated: the first under a key is stored, others with the same hash have its counts, and
// one with another hash fails with [engine.ErrConflict].
func (s *Store) AppendOnce(ctx context.Context, b *event.Batch, key engine.Key) (engine.Appended, error) {
	return s.append(ctx, &request{batch: b}, engine.Origin{}, &key)
}

// AppendActuals stores actuals, for rows that are there and for those still to come.
func (s *Store) AppendActuals(ctx context.Context, a *event.Actuals) (engine.Appended, error) {
	return s.append(ctx, &request{actuals: a}, engine.Origin{}, nil)
}

// AppendActualsOnce is to AppendActuals what AppendOnce is to Append.
func (s *Store) AppendActualsOnce(ctx context.Context, a *event.Actuals, key engine.Key) (engine.Appended, error) {
	return s.append(ctx, &request{actuals: a}, engine.Origin{}, &key)
}

// AppendFrom is Append for rows that are read elsewhere. Their positions count once they are stored: a reader that goes on from these reads
// rows again rather than leave some out, and a row that is stored again is one row.
func (s *Store) AppendFrom(ctx context.Context, b *event.Batch, o engine.Origin) (engine.Appended, error) {
	return s.append(ctx, &request{batch: b}, o, nil)
}

// AppendOnceFrom is to AppendFrom what AppendOnce is to Append.
func (s *Store) AppendOnceFrom(ctx context.Context, b *event.Batch, key engine.Key, o engine.Origin) (engine.Appended, error) {
	return s.append(ctx, &request{batch: b}, o, &key)
}

// AppendActualsFrom is to AppendActuals what AppendFrom is to Append.
func (s *Store) AppendActualsFrom(ctx context.Context, a *event.Actuals, o engine.Origin) (engine.Appended, error) {
	return s.append(ctx, &request{actuals: a}, o, nil)
}

// AppendActualsOnceFrom is to AppendActuals what AppendOnceFrom is to Append.
func (s *Store) AppendActualsOnceFrom(ctx context.Context, a *event.Actuals, key engine.Key, o engine.Origin) (engine.Appended, error) {
	return s.append(ctx, &request{actuals: a}, o, &key)
}

func (s *Store) append(ctx context.Context, r *request, o engine.Origin, key *engine.Key) (engine.Appended, error) {
	if err := s.check(r, &o); err != nil {
		return engine.Appended{}, err
	}
	r.done, r.importID, r.key = make(chan error, 1), newID(), key
	if key != nil {
		release, err := s.keys.hold(ctx, key.ID)
		if err != nil {
			return engine.Appended{}, fmt.Errorf("wait for another request with the key: %w", err)
		}
		defer release()
		known, ok, err := s.known(ctx, key)
		if err != nil {
			return engine.Appended{}, err
		}
		if ok {
			s.counts.duplicates.Add(1)
			return known, nil
		}
		if err := s.nameRejects(ctx, r); err != nil {
			return engine.Appended{}, err
		}
	}
	appended := engine.Appended{Successful: r.rows(), Quarantined: r.rejected, LSN: s.counts.batches.Add(1)}
	if r.rows() == 0 && len(r.rejects) == 0 && len(r.positions) == 0 && key == nil {
		return appended, nil
	}
	if err := s.laneOf(r).submit(ctx, r); err != nil {
		return engine.Appended{}, err
	}
	s.counts.note(r, s.config.Now())
	return appended, nil
}

// laneOf returns the lane of the shard that all rows of a request are of, or that of several.
func (s *Store) laneOf(r *request) *lane {
	of := slices.Collect(maps.Keys(s.shardsWith(r)))
	if len(of) != 1 {
		return s.several
	}
	lanes := s.lanes
	if r.months() > 1 {
		lanes = s.spread
	}
	return lanes[slices.Index(s.shards.list, of[0])]
}

// known asks all shards that are there for a key. One that is away, or does not answer, says nothing of it.
func (s *Store) known(ctx context.Context, key *engine.Key) (appended engine.Appended, ok bool, err error) {
	if len(key.ID) == 0 || len(key.ID) > engine.KeyBytesMax {
		return appended, false, fmt.Errorf("%w: a key of %d bytes", engine.ErrBatch, len(key.ID))
	}
	var mu sync.Mutex
	err = s.askThere(func(of *shard) error {
		found, hash, counts, err := s.keyOf(ctx, of, key)
		if err != nil || !found {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if ok = true; hash != string(key.Hash[:]) {
			return fmt.Errorf("key %q: %w", key.ID, engine.ErrConflict)
		}
		appended = counts
		return nil
	})
	if err != nil {
		return engine.Appended{}, false, err
	}
	return appended, ok, nil
}

// askThere calls ask for all shards that are there, at once. One that turns out to be away is passed over, unless all are.
func (s *Store) askThere(ask func(of *shard) error) error {
	there := slices.DeleteFunc(slices.Clone(s.shards.list), func(x *shard) bool { return x.there() == 0 })
	if len(there) == 0 {
		there = s.shards.list
	}
	var mu sync.Mutex
	var group errorGroup
	var away error
	reached := 0
	for _, of := range there {
		group.do(func() error {
			err := ask(of)
			mu.Lock()
			defer mu.Unlock()
			if isAway(err) {
				away = err
				return nil
			}
			reached++
			return err
		})
	}
	if err := group.wait(); err != nil {
		return err
	}
	if reached == 0 {
		return away
	}
	return nil
}

// keyOf asks a shard for a key: whether it has it, and the hash and the counts of its request.
func (s *Store) keyOf(ctx context.Context, of *shard, key *engine.Key) (found bool, hash string, counts engine.Appended, err error) {
	err = of.ask(ctx, "look up a key", func(ctx context.Context, conn driver.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, clockTimeout)
		defer cancel()
		found = false
		return eachRow(query(ctx), conn, fmt.Sprintf("SELECT digest, successful, quarantined FROM %s.requests WHERE kind = 'key' AND id = %s ORDER BY at LIMIT 1", s.config.Database, quoted(key.ID)), func(rows driver.Rows) error {
			var successful, quarantined uint64
			if err := rows.Scan(&hash, &successful, &quarantined); err != nil {
				return err
			}
			found, counts = true, engine.Appended{Successful: int(successful), Quarantined: int(quarantined), Duplicate: true}
			return nil
		})
	})
	return found, hash, counts, err
}

// keyLocks let one request at a time of this process have a key, or one deletion its conditions.
type keyLocks struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

// hold waits for a key as long as the context allows, and returns what lets go of it.
func (k *keyLocks) hold(ctx context.Context, id string) (release func(), err error) {
	for {
		k.mu.Lock()
		if k.held == nil {
			k.held = map[string]chan struct{}{}
		}
		other := k.held[id]
		if other == nil {
			mine := make(chan struct{})
			k.held[id] = mine
			k.mu.Unlock()
			return func() {
				k.mu.Lock()
				defer k.mu.Unlock()
				delete(k.held, id)
				close(mine)
			}, nil
		}
		k.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
