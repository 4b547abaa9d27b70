package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/clickhouse/schema"
	"github.com/residualdb/residual/engine"
)

// meta is what the tables of a server say of themselves, by name. Which shard a model is on follows from it, so that it never changes.
type meta map[string]string

const (
	metaSchema     = "schema"
	metaCluster    = "cluster"
	metaReplicated = "replicated"
	// metaShards are the shards of the cluster when the tables were made, see layoutOf; metaShard is the number of the one that has this table.
	metaShards = "shards"
	metaShard  = "shard"
	// metaRetention is that of the layout, in days.
	metaRetention = "retention"
	// metaUnfilled is set while what views fill has not all that is in the tables that they are of.
	metaUnfilled = "unfilled"
)

// metaOf is what tables of a layout say of themselves, on any shard.
func metaOf(l *schema.Layout, list []*shard) meta {
	return meta{
		metaSchema: strconv.Itoa(schema.Version), metaCluster: l.Cluster, metaReplicated: strconv.FormatBool(l.Replicated), metaShards: layoutOf(list),
		metaRetention: strconv.Itoa(int(l.Retention / (24 * time.Hour))),
	}
}

// of is what the tables of one shard say.
func (m meta) of(s *shard) meta {
	m = maps.Clone(m)
	m[metaShard] = strconv.Itoa(s.number)
	return m
}

// layoutOf are the numbers and weights of shards, as "1:1 2:1": they decide which shard a model is on.
func layoutOf(list []*shard) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = fmt.Sprintf("%d:%d", s.number, s.weight)
	}
	return strings.Join(texts, " ")
}

// checkVersion is an error for tables of another version of this program.
func (m meta) checkVersion(address string) error {
	version, err := strconv.Atoi(m[metaSchema])
	switch {
	case err != nil:
		return fmt.Errorf("%w: the tables on %s do not say of which version they are; residual cluster init makes them", ErrSchema, address)
	case version > schema.Version:
		return fmt.Errorf("%w: the tables on %s are of version %d; this program has version %d: a newer residual is needed", ErrSchema, address, version, schema.Version)
	case version < schema.Version:
		return fmt.Errorf("%w: the tables on %s are of version %d; this program has version %d: serve them with the residual that made them, or move the rows to a new database", ErrSchema, address, version, schema.Version)
	}
	return nil
}

// layout is how the tables of rows were made, but for ActualsTTL, which is in their TTL alone.
func (m meta) layout(database string) schema.Layout {
	return schema.Layout{Database: database, Replicated: m.replicated(), Retention: m.retention()}
}

func (m meta) replicated() bool { return m[metaReplicated] == "true" }

// retention is that of the tables, 0 where they keep rows for ever.
func (m meta) retention() time.Duration {
	days, _ := strconv.Atoi(m[metaRetention])
	return time.Duration(days) * 24 * time.Hour
}

// retain takes the retention of the tables where none is given. A longer one is refused: rows would be taken that are dropped at once.
func (o *Options) retain(tables time.Duration) error {
	if tables == 0 {
		return nil
	}
	orDefault(&o.Retention, tables)
	if o.Retention > tables {
		return fmt.Errorf("%w: the tables keep rows for %s; a retention of %s is longer", ErrSchema, tables, o.Retention)
	}
	for _, of := range o.RetentionOf {
		if of.Keep == 0 || of.Keep > tables {
			return fmt.Errorf("%w: the tables keep rows for %s; that of models %s is longer", ErrSchema, tables, of.Models)
		}
	}
	return nil
}

// checkShards is an error where a server, in a list of shards, is not where it was when its tables were made: the rows of many models would
// be looked for on another shard than they are on.
func (m meta) checkShards(address string, of *shard, list []*shard) error {
	if was, is := m[metaShards], layoutOf(list); was != is {
		return fmt.Errorf("%w: the tables on %s were made for the shards and weights %q, and the cluster has %q now; models would be looked for on other shards than they are on: "+
			"give remote_servers the shards that it had, or move the rows to a new database", ErrCluster, address, was, is)
	}
	if was := m[metaShard]; was != strconv.Itoa(of.number) {
		return fmt.Errorf("%w: %s is shard %d now and has the tables of shard %s: give remote_servers the order that it had", ErrCluster, address, of.number, was)
	}
	return nil
}

// layoutEvery is how often tables and servers are compared with what the store was opened over.
const layoutEvery = 10 * time.Second

// compare looks whether each server has the tables of its shard, and remote_servers the servers that the store was opened over. A shard of
// which a server has other tables is not used until it has its own again. Other servers are told of alone: the store goes on with those that
// have its rows.
func (s *Store) compare() {
	ctx, cancel := context.WithTimeout(s.context, clockTimeout)
	defer cancel()
	var group errorGroup
	for _, of := range s.shards.list {
		for _, n := range of.nodes {
			group.do(func() error {
				s.compareTables(ctx, of, n)
				return nil
			})
		}
	}
	_ = group.wait()
	if s.cluster == "" {
		return
	}
	for _, of := range s.shards.list {
		var list []*shard
		err := of.ask(ctx, "look at the cluster", func(ctx context.Context, conn driver.Conn) (err error) {
			list, err = s.config.askTopology(ctx, conn, s.cluster)
			return err
		})
		now := shards{list: list}
		_ = now.close()
		if err != nil && !errors.Is(err, ErrCluster) {
			continue
		}
		text := ""
		if was, is := serversOf(s.shards.list), serversOf(list); was != is {
			text = fmt.Sprintf("remote_servers has other shards or servers of the cluster %s than when this server was started, which goes on with those", s.cluster)
			if s.moved.Load() == nil {
				s.config.Logger.Warn(text, "were", was, "are", is)
			}
		}
		s.moved.Store(nil)
		if text != "" {
			s.moved.Store(&text)
		}
		return
	}
}

// compareTables notes whether a server has the tables of its shard. One that does not answer stays as it is known.
func (s *Store) compareTables(ctx context.Context, of *shard, n *node) {
	found, err := n.meta(ctx, s.config.Database)
	if err != nil || len(found) == 0 {
		return
	}
	if err = cmp.Or(found.checkVersion(n.address), found.checkShards(n.address, of, s.shards.list)); err == nil {
		if n.foreign.Swap(nil) != nil {
			s.config.Logger.Info("a server of the cluster has the tables of its shard again", "shard", of.number, "address", n.address)
		}
		return
	}
	other := &engine.AwayError{
		Class: engine.ErrUnavailable, RetryAfter: faultOfTables.after, Err: fmt.Errorf("%w: %w", ErrSchema, err),
		Text: fmt.Sprintf("shard %d of the cluster: %s", of.number, faultOfTables.text),
	}
	if n.foreign.Swap(other) == nil {
		s.config.Logger.Error("a shard is not used any more", "shard", of.number, "error", err)
	}
}

// serversOf are the shards of a cluster, with their weights and the addresses of their servers.
func serversOf(list []*shard) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = fmt.Sprintf("%d:%d (%s)", s.number, s.weight, s.addresses())
	}
	return strings.Join(texts, " ")
}

// differs is an error where tables that are there are not those that would be made.
func (m meta) differs(address string, made meta) error {
	if err := m.checkVersion(address); err != nil {
		return err
	}
	for _, x := range []struct{ name, text string }{
		{metaCluster, "cluster %q"},
		{metaReplicated, "replicated: %s"},
		{metaShards, "the shards and weights %q"},
		{metaShard, "shard %s"},
		{metaRetention, "retention of %s days"},
	} {
		if was, is := m[x.name], made[x.name]; was != is {
			return fmt.Errorf("%w: the tables on %s are there and stay as they are, made with "+x.text+"; now it would be "+strings.Split(x.text, ",")[0], ErrSchema, address, was, is)
		}
	}
	return nil
}
