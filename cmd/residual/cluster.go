package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/residualdb/residual/clickhouse"
	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/cmd/residual/internal/arg"
	"github.com/residualdb/residual/cmd/residual/internal/serve"
)

func newCluster(env func(string) (string, bool)) *cobra.Command {
	var flags serve.ClusterFlags
	cmd := group(&cobra.Command{
		Use:   "cluster",
		Short: "Make, check and show the tables of a store in ClickHouse",
		Long: `A store may be tables in ClickHouse, one server or a cluster of shards and replicas, in the place of a data directory: 'residual serve
--store' serves it, and any number of servers may serve the same one. ClickHouse ` + clickhouse.OldestVersion + ` or newer is needed. docs/cluster.md says what such a store
promises, and how large a cluster is needed.`,
		Example: `  residual cluster init --store clickhouse://residual@ch1:9000/residual --cluster main --replicated
  residual cluster check --store clickhouse://residual@ch1:9000/residual`,
	}, newClusterInit(&flags, env), newClusterCheck(&flags, env), newClusterDDL(&flags))
	flags.Register(cmd.PersistentFlags(), "URL of the store: clickhouse://USER@HOST:9000,HOST:9000/DATABASE, with ?secure=true for TLS")
	return cmd
}

// layoutFlags say how tables are made.
type layoutFlags struct {
	cluster               string
	replicated            bool
	retention, actualsTTL arg.Span
}

func (f *layoutFlags) register(flags *pflag.FlagSet) {
	f.actualsTTL = arg.Span(30 * arg.Day)
	flags.StringVar(&f.cluster, "cluster", "", "name of the cluster in remote_servers of ClickHouse; without it there is one server")
	flags.BoolVar(&f.replicated, "replicated", false, "make replicated tables, by the macros {shard} and {replica} of each server")
	flags.Var(&f.retention, "retention", "have ClickHouse drop rows that are older; 0 keeps all")
	flags.Var(&f.actualsTTL, "actuals-ttl", "how much longer actuals are kept than predictions, for those still to come")
}

func (f *layoutFlags) layout(database string) (schema.Layout, error) {
	if f.replicated && f.cluster == "" {
		return schema.Layout{}, arg.Usagef("--replicated needs --cluster: replicas are those of a cluster")
	}
	if f.retention != 0 && time.Duration(f.retention) < arg.Day {
		return schema.Layout{}, arg.Usagef("--retention %s: at least 1d is allowed, or 0", &f.retention)
	}
	return schema.Layout{
		Database: database, Cluster: f.cluster, Replicated: f.replicated, Retention: time.Duration(f.retention), ActualsTTL: time.Duration(f.actualsTTL),
	}, nil
}

func newClusterInit(store *serve.ClusterFlags, env func(string) (string, bool)) *cobra.Command {
	var flags layoutFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the tables on every server of the cluster",
		Long: `Init makes the database and the tables on each server, one behind the other, and says which servers there are. What is there already
stays as it is, so it may be run again, after a replica was added. Tables of another cluster or retention are refused.`,
		Example: `  residual cluster init --store clickhouse://residual@127.0.0.1:9000/residual
  residual cluster init --store clickhouse://residual@ch1:9000/residual --cluster main --replicated --retention 400d --store-password-file /run/secrets/clickhouse`,
		Args: arg.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withCluster(cmd, store, env, func(ctx context.Context, c clickhouse.Config) (clickhouse.Checked, error) {
				layout, err := flags.layout(c.Database)
				if err != nil {
					return clickhouse.Checked{}, err
				}
				return clickhouse.Init(ctx, c, layout)
			})
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

func newClusterCheck(store *serve.ClusterFlags, env func(string) (string, bool)) *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Say of every server of the cluster whether it can be used",
		Long:    `Check asks each server for its version and its tables, and changes nothing. It exits with 1 if one of them cannot be used.`,
		Example: "  residual cluster check --store clickhouse://residual@ch1:9000,ch2:9000/residual",
		Args:    arg.None,
		RunE:    func(cmd *cobra.Command, _ []string) error { return withCluster(cmd, store, env, clickhouse.Check) },
	}
}

func newClusterDDL(store *serve.ClusterFlags) *cobra.Command {
	var flags layoutFlags
	cmd := &cobra.Command{
		Use:   "ddl",
		Short: "Print the statements that make the tables, and run none",
		Long: `Ddl prints what init runs on each server, for whoever makes tables in other ways. It connects to nobody. Beside the tables, init notes how they
were made, in the table meta: run it over the tables when they are there.`,
		Example: "  residual cluster ddl --store clickhouse://residual@ch1:9000/residual --cluster main --replicated > residual.sql",
		Args:    arg.None,
		RunE: func(cmd *cobra.Command, _ []string) error {
			database, err := store.Database()
			if err != nil {
				return err
			}
			layout, err := flags.layout(database)
			if err != nil {
				return err
			}
			for _, s := range schema.Statements(layout) {
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "-- %s\n%s;\n\n", s.Name, s.SQL); err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags.register(cmd.Flags())
	return cmd
}

// withCluster runs what asks every server of a cluster, and shows what they are.
func withCluster(cmd *cobra.Command, store *serve.ClusterFlags, env func(string) (string, bool), ask func(context.Context, clickhouse.Config) (clickhouse.Checked, error)) error {
	c, err := store.Config(env)
	if err != nil {
		return err
	}
	ctx, stop := untilInterrupt(cmd.Context())
	defer stop()
	checked, err := ask(ctx, c)
	if shown := showCluster(cmd.OutOrStdout(), &checked); err == nil {
		err = shown
	}
	return serve.ClusterError(err)
}

// showCluster prints a line for each server that is known. The error counts those that cannot be used.
func showCluster(out io.Writer, checked *clickhouse.Checked) error {
	t := table{columns: []tableColumn{{name: "shard", right: true}, {name: "replica", right: true}, {name: "server"}, {name: "version"}, {name: "tables"}}}
	if len(checked.Nodes) == 0 {
		return nil
	}
	bad := 0
	for _, n := range checked.Nodes {
		state := "version " + strconv.Itoa(checked.SchemaVersion)
		if n.Err != nil {
			bad++
			state = n.Err.Error()
		}
		t.rows = append(t.rows, []string{strconv.Itoa(n.Shard), strconv.Itoa(n.Replica), n.Address, n.Version, state})
	}
	if err := t.write(out); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d servers cannot be used", bad, len(checked.Nodes))
	}
	return nil
}
