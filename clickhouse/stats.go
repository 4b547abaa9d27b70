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
	at                     time.Time
	models, series, months uint64
	rows, bytes            uint64
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

// Stats counts what this process has stored, and what there was in the tables when they were last looked at, at most a minute ago.
func (s *Store) Stats() engine.Stats {
	c := &s.counts
	stats := engine.Stats{Batches: c.batches.Load(), Rows: c.rows.Load(), Duplicates: c.duplicates.Load(), Deleted: c.deleted.Load()}
	c.mu.Lock()
	for code := range stats.Quarantined {
		stats.Quarantined[code] = c.quarantined[code]
	}
	stats.LastMinute, stats.LastHour, stats.LastDay = c.recent.Until(s.config.Now().UnixMilli())
	c.mu.Unlock()
	if x := c.size.Load(); x != nil {
		stats.Models, stats.Series, stats.Months = int(x.models), int(x.series), int(x.months)
		stats.SealedRows, stats.SealedBytes = x.rows, int64(x.bytes)
	}
	return stats
}

// measureEvery is how often the tables are looked at.
const measureEvery = time.Minute

// measure looks how much there is in the tables of the shards that are there.
func (s *Store) measure(ctx context.Context) {
	var total size
	for _, of := range s.shards.list {
		err := of.ask(ctx, "measure the tables", func(ctx context.Context, conn driver.Conn) error {
			var x size
			db := s.config.Database
			row := conn.QueryRow(query(ctx), fmt.Sprintf(`SELECT uniqExact(model_id), uniqExact(model_id, environment, model_version), uniqExact(model_id, month),
    (SELECT sum(rows) FROM system.parts WHERE active AND database = %[2]s AND table = 'predictions'), (SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = %[2]s)
FROM %[1]s.series`, db, quoted(db)))
			if err := row.Scan(&x.models, &x.series, &x.months, &x.rows, &x.bytes); err != nil {
				return err
			}
			total.models, total.series, total.months = total.models+x.models, total.series+x.series, total.months+x.months
			total.rows, total.bytes = total.rows+x.rows, total.bytes+x.bytes
			return nil
		})
		if err != nil {
			return // what was found before stays
		}
	}
	total.at = time.Now()
	s.counts.size.Store(&total)
}
