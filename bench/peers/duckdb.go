//go:build linux

package main

import "context"

const (
	duckdbScript = "duckdb.js"
	duckdbName   = "DuckDB" // in the ledger
)

// duckdbEngine is DuckDB with the tutorial's columns.
func duckdbEngine(modules string) engine {
	d := dialect{
		script: duckdbScript,
		now:    "TIMESTAMP '%s'",
		tables: []string{statement("duckdb_table", nil)},
		load:   func(d dataset) string { return statement("duckdb_load", map[string]string{"file": d.file}) },
		settle: []string{"CHECKPOINT"},
		bytes:  func(p *peer) (int64, error) { return onDisk(p.dir, "") },
	}
	return engine{
		name: duckdbName, guarantee: "one transaction, synced when it commits",
		open: func(ctx context.Context, dir string) (store, error) {
			p, err := openPeer(ctx, modules, dir, d)
			if err != nil {
				return nil, err // not p, which would be a store that is not nil
			}
			return p, nil
		},
	}
}
