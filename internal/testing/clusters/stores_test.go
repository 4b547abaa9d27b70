package clusters_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/clickhouse/schema"
	nodes "github.com/residualdb/residual/internal/testing/clickhouse"
	"github.com/residualdb/residual/internal/testing/storetest"
)

// databases counts those of this process, so that each store has one of its own.
var databases atomic.Int64

// makeTables makes the tables of an empty store in a cluster, and returns how it is opened.
func makeTables(t *testing.T, c *nodes.Cluster, opts clickhouse.Options) clickhouse.Config {
	t.Helper()
	config := clickhouse.Config{Database: fmt.Sprint("test", databases.Add(1)), Username: nodes.User, Password: nodes.Password, Options: opts}
	for _, n := range c.Nodes {
		config.Addresses = append(config.Addresses, n.Address)
	}
	layout := schema.Layout{Database: config.Database, ActualsTTL: 30 * 24 * time.Hour}
	if len(c.Nodes) > 1 {
		layout.Cluster = nodes.Name
	}
	checked, err := clickhouse.Init(t.Context(), config, layout)
	require.NoError(t, err)
	require.Len(t, checked.Nodes, len(c.Nodes))
	for _, n := range checked.Nodes {
		require.NoError(t, n.Err)
	}
	return config
}

func openStore(t *testing.T, config clickhouse.Config) *clickhouse.Store {
	t.Helper()
	s, err := clickhouse.Open(t.Context(), config)
	require.NoError(t, err)
	return s
}

// TestContract holds a store in one server, and one in two shards, to the contract.
func TestContract(t *testing.T) {
	for _, shards := range []int{1, 2} {
		t.Run(fmt.Sprint("shards=", shards), func(t *testing.T) {
			c := nodes.Start(t, nodes.Options{Shards: shards})
			// docs/cluster.md says so of each.
			without, sliceRows := []string{"actuals: orphans end in the quarantine"}, 0
			if shards > 1 {
				sliceRows = 50 // so that long answers are of several
				without = append(without, "visibility: a request is seen whole")
			}
			storetest.Run(t, storetest.Subject{
				Doors: true, Without: without,
				New: func(t *testing.T, opts storetest.Options) func(*testing.T) storetest.Store {
					t.Helper()
					config := makeTables(t, c, clickhouse.Options{Now: opts.Now, ActualsTTL: opts.ActualsTTL, BatchWait: time.Millisecond, SliceRows: sliceRows})
					t.Cleanup(func() {
						for _, n := range c.Nodes {
							n.Query(t, "DROP DATABASE "+config.Database+" SYNC")
						}
					})
					return func(t *testing.T) storetest.Store {
						t.Helper()
						return openStore(t, config)
					}
				},
			})
		})
	}
}
