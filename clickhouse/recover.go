package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	// lookEvery is how often blocks that were left behind are looked for.
	lookEvery = 5 * time.Second
	// announcedFor is how long announcements stay beyond that.
	announcedFor = 20 * time.Minute
)

// lookAfter completes what other processes, or this one, have left behind, until the store is closed.
func (s *Store) lookAfter() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		for _, of := range s.shards.list {
			ctx, cancel := context.WithTimeout(s.context, s.config.LeftAfter+s.config.InsertTimeout)
			if err := s.complete(ctx, of, time.Now().Add(-s.config.LeftAfter)); err != nil && s.context.Err() == nil {
				s.config.Logger.Warn("blocks that were left behind are not completed yet", "shard", of.number, "error", err)
			}
			cancel()
		}
		select {
		case <-ticker.C:
		case <-s.stop:
			return
		}
	}
}

// complete stores the blocks that were announced on a shard before a time and have no mark, and drops announcements that are over.
func (s *Store) complete(ctx context.Context, of *shard, before time.Time) error {
	var ids, texts []string
	err := of.ask(ctx, "look for blocks left behind", func(ctx context.Context, conn driver.Conn) error {
		ids, texts = nil, nil
		rows, err := conn.Query(query(ctx), fmt.Sprintf(`SELECT id, block FROM %[1]s.pending
WHERE at < fromUnixTimestamp64Milli(%[2]d) AND id NOT IN (SELECT id FROM %[1]s.requests WHERE kind = 'block') ORDER BY id LIMIT 100`, s.config.Database, before.UnixMilli()))
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id, text string
			if err := rows.Scan(&id, &text); err != nil {
				return err
			}
			ids, texts = append(ids, id), append(texts, text)
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	for i, id := range ids {
		blocks, err := decodeBlocks(texts[i])
		if err != nil {
			return err
		}
		for _, b := range blocks {
			if b.Shard >= len(s.shards.list) {
				return fmt.Errorf("%w: a block was announced for shard %d of %d", ErrCluster, b.Shard, len(s.shards.list))
			}
			if err := s.store(ctx, b); err != nil {
				return err
			}
		}
		if err := s.finish(ctx, of, id, true, nil); err != nil {
			return err
		}
		s.config.Logger.Info("blocks that were left behind are stored", "id", id)
	}
	return s.dropAnnouncements(ctx, of)
}

// dropAnnouncements drops the parts of pending in which everything is stored.
func (s *Store) dropAnnouncements(ctx context.Context, of *shard) error {
	return of.ask(ctx, "drop announcements", func(ctx context.Context, conn driver.Conn) error {
		var partitions []string
		row := conn.QueryRow(query(ctx), fmt.Sprintf(`SELECT groupUniqArray(partition) FROM system.parts
WHERE active AND database = %[2]s AND table = 'pending' AND partition NOT IN (
    SELECT toString(toStartOfTenMinutes(at)) FROM %[1]s.pending
    WHERE at >= fromUnixTimestamp64Milli(%[3]d) OR id NOT IN (SELECT id FROM %[1]s.requests WHERE kind = 'block'))`,
			s.config.Database, quoted(s.config.Database), time.Now().Add(-announcedFor).UnixMilli()))
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
