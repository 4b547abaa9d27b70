//go:build linux

package main

import (
	"context"
	"fmt"
	"strconv"
)

const clickhouseScript = "clickhouse.js"

// Names of ClickHouse in the ledger.
const (
	clickhouseName       = "ClickHouse"
	clickhouseRollupName = "ClickHouse, minute rollup"
	clickhouseZSTDName   = "ClickHouse, ZSTD(3)"
)

// clickhouseEngine is ClickHouse with the tutorial's table. With rollup a materialized view keeps the sums of each
// minute beside it, and the questions are asked of those.
func clickhouseEngine(modules, name, codec string, rollup bool) engine {
	d := dialect{
		script: clickhouseScript,
		now:    "toDateTime('%s', 'UTC')",
		tables: []string{statement("clickhouse_table", map[string]string{"codec": codec})},
		settle: []string{"OPTIMIZE TABLE ml_model_predictions FINAL"},
		load: func(d dataset) string {
			format := "basic"
			if d.rfc3339 {
				format = "best_effort"
			}
			return statement("clickhouse_load", map[string]string{"file": d.file, "time_format": format})
		},
		bytes: clickhouseBytes,
	}
	if rollup {
		d.variant = "_rollup"
		d.tables = append(d.tables, statement("clickhouse_minutes", nil), statement("clickhouse_minutes_view", nil))
		d.settle = append(d.settle, "OPTIMIZE TABLE ml_model_minutes FINAL")
	}
	return engine{
		name: name, guarantee: "written to files, not synced (the default, fsync_after_insert = 0)",
		open: func(ctx context.Context, dir string) (store, error) {
			p, err := openPeer(ctx, modules, dir, d)
			if err != nil {
				return nil, err // not p, which would be a store that is not nil
			}
			return p, nil
		},
	}
}

// clickhouseBytes counts the parts in use. Those that a merge has replaced stay on disk for some minutes more.
func clickhouseBytes(p *peer) (int64, error) {
	r, err := p.node.do(command{
		Op: "ask", SQL: "SELECT toString(sum(bytes_on_disk)) AS bytes FROM system.parts WHERE active AND database = 'peers'",
	})
	if err != nil {
		return 0, err
	}
	if len(r.Rows) != 1 {
		return 0, fmt.Errorf("%d rows for the bytes on disk", len(r.Rows))
	}
	return strconv.ParseInt(fmt.Sprint(r.Rows[0]["bytes"]), 10, 64)
}
