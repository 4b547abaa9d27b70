package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/engine"
)

// storePositions stores how far sources were read. The last one of a part counts, by the clock of this process: parts have one reader.
func (s *Store) storePositions(ctx context.Context, home *shard, positions []engine.Position) error {
	var sources, parts, values []string
	var versions []uint64
	now := uint64(time.Now().UnixMicro())
	for i, p := range positions {
		sources, parts, values, versions = append(sources, p.Source), append(parts, p.Part), append(values, p.Value), append(versions, s.positionClock.after(now, 1, 0)+uint64(i))
	}
	return s.insertColumns(ctx, home, "store positions", schema.Positions, "source, part, value, version", sources, parts, values, versions)
}

// Positions returns the values of a source by their parts. Those that only a shard has that is away are missing: what is behind them is
// read again, which changes nothing.
func (s *Store) Positions(source string) map[string]string {
	found, newest := map[string]string{}, map[string]uint64{}
	ctx, cancel := context.WithTimeout(s.context, s.config.InsertTimeout)
	defer cancel()
	for _, of := range s.shards.list {
		err := of.ask(ctx, "read positions", func(ctx context.Context, conn driver.Conn) error {
			return eachRow(query(ctx), conn, fmt.Sprintf("SELECT part, argMax(value, version), max(version) FROM %s.positions WHERE source = %s GROUP BY part", s.config.Database, quoted(source)), func(rows driver.Rows) error {
				var part, value string
				var version uint64
				if err := rows.Scan(&part, &value, &version); err != nil {
					return err
				}
				if version > newest[part] {
					found[part], newest[part] = value, version
				}
				return nil
			})
		})
		if err != nil {
			s.config.Logger.Warn("positions are read without those of a shard", "source", source, "shard", of.number, "error", err)
		}
	}
	for part, value := range found {
		if value == "" {
			delete(found, part)
		}
	}
	return found
}
