package clickhouse

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/engine"
)

// counts are what this process has stored.
type counts struct {
	batches, rows, duplicates, deleted atomic.Uint64

	mu          sync.Mutex
	quarantined [256]int
	recent      engine.TrafficCounter

	// size is what the tables had when they were last looked at.
	size atomic.Pointer[size]
}

// size is what the tables of all shards have, which is counted now and then.
type size struct {
	models, series, months uint64
	rows, rejects          uint64
	// bytes are those of the parts of all tables, rejected of the quarantine alone, and actuals of the actuals that came apart.
	bytes, rejected, actuals uint64
	// free is what may still be written to the fullest disk of any shard, -1 where that is not known.
	free int64
}

// note counts what was stored of a request.
func (c *counts) note(r *request, now time.Time) {
	c.rows.Add(uint64(r.rows()))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recent.Add(now.UnixMilli(), engine.Traffic{Rows: uint64(r.rows()), Rejected: uint64(r.rejected)})
	rejected := r.counts()
	for code, n := range rejected {
		c.quarantined[code] += n
	}
}

// Stats counts what this process has stored, and what there was in the tables when they were last looked at: a minute ago at most, and longer
// while a shard is away.
func (s *Store) Stats() engine.Stats {
	c := &s.counts
	stats := engine.Stats{Elsewhere: true, Unmeasured: true, Disk: engine.Disk{Free: -1, LogFree: -1}, Batches: c.batches.Load(), Rows: c.rows.Load(), Duplicates: c.duplicates.Load(), Deleted: c.deleted.Load()}
	c.mu.Lock()
	for code := range stats.Quarantined {
		stats.Quarantined[code] = c.quarantined[code]
	}
	stats.LastMinute, stats.LastHour, stats.LastDay = c.recent.Until(s.config.Now().UnixMilli())
	c.mu.Unlock()
	if x := c.size.Load(); x != nil {
		stats.Models, stats.Series, stats.Months = int(x.models), int(x.series), int(x.months)
		stats.SealedRows, stats.SealedBytes, stats.QuarantineKept = x.rows, int64(x.bytes-x.rejected-x.actuals), int(x.rejects)
		stats.Disk = engine.Disk{Packs: stats.SealedBytes, Quarantine: int64(x.rejected), Actuals: int64(x.actuals), Free: x.free, LogFree: -1}
		stats.Unmeasured = false
	}
	return stats
}

// measureEvery is how often the tables are looked at.
const measureEvery = time.Minute

// measure looks how much there is in the tables, if all shards are there.
func (s *Store) measure() {
	ctx, cancel := context.WithTimeout(s.context, clockTimeout)
	defer cancel()
	total := size{free: -1}
	for _, of := range s.shards.list {
		var x size
		err := of.ask(ctx, "measure the tables", func(ctx context.Context, conn driver.Conn) error {
			db := quoted(s.config.Database)
			row := conn.QueryRow(query(ctx), fmt.Sprintf(`WITH parts AS (SELECT table, rows, bytes_on_disk FROM system.parts WHERE active AND database = %[2]s)
SELECT uniqExact(model_id), uniqExact(model_id, environment, model_version), uniqExact(model_id, month),
    (SELECT sumIf(rows, table = 'predictions') FROM parts), (SELECT sumIf(rows, table = 'quarantine') FROM parts),
    (SELECT sum(bytes_on_disk) FROM parts), (SELECT sumIf(bytes_on_disk, table = 'quarantine') FROM parts),
    (SELECT sumIf(bytes_on_disk, table = 'actuals') FROM parts)
FROM %[1]s.series`, s.config.Database, db))
			return row.Scan(&x.models, &x.series, &x.months, &x.rows, &x.rejects, &x.bytes, &x.rejected, &x.actuals)
		})
		if err != nil {
			return // what was found before stays
		}
		total.add(&x, s.freeOf(ctx, of))
	}
	s.counts.size.Store(&total)
}

// add adds what a shard has. Of disks the fullest counts: it is the first to refuse rows.
func (s *size) add(x *size, free int64) {
	s.models, s.series, s.months = s.models+x.models, s.series+x.series, s.months+x.months
	s.rows, s.rejects = s.rows+x.rows, s.rejects+x.rejects
	s.bytes, s.rejected, s.actuals = s.bytes+x.bytes, s.rejected+x.rejected, s.actuals+x.actuals
	if free >= 0 && (s.free < 0 || free < s.free) {
		s.free = free
	}
}

// freeOf returns what may still be written to the fullest disk that a shard's rows are on, -1 where the user may not know, or it has no end.
func (s *Store) freeOf(ctx context.Context, of *shard) int64 {
	free := int64(-1)
	_ = of.ask(ctx, "look at the disks", func(ctx context.Context, conn driver.Conn) error {
		return conn.QueryRow(query(ctx), fmt.Sprintf("SELECT if(count() = 0 OR min(unreserved_space) > 9e18, -1, toInt64(min(unreserved_space))) FROM system.disks WHERE name IN (SELECT disk_name FROM system.parts WHERE active AND database = %s)",
			quoted(s.config.Database))).Scan(&free)
	})
	return free
}
