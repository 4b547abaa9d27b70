// Package clusters holds stores in ClickHouse to the contract of a store, to the answers of the engine, and to what they promise while
// nodes, networks and servers fail. It has tests alone, which `make cluster` runs; without a ClickHouse they are skipped.
//
// # Model
//
// A test starts nodes of its own, one or the shards of a cluster, see package internal/testing/clickhouse. Stores are opened in the process
// of the test where only their answers matter, and served by the program where processes die.
//
// -residual.long makes the differential run and the rounds of faults as long as a release needs them.
package clusters
