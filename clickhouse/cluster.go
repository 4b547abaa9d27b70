package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/residualdb/residual/clickhouse/schema"
)

// OldestVersion is the oldest server that a store is opened over.
const OldestVersion = "24.8"

// Checked is what was found of a cluster.
type Checked struct {
	Nodes      []Node
	Cluster    string
	Replicated bool
	// SchemaVersion is that of the tables, 0 where there are none.
	SchemaVersion int
}

// Node is one server.
type Node struct {
	Shard, Replica   int
	Address, Version string
	// Err is what is wrong with it, or with its tables.
	Err error
}

// Init makes the tables on every server of a cluster that has none, one server after the other, and checks them.
func Init(ctx context.Context, c Config, l schema.Layout) (checked Checked, err error) {
	l.Database = c.Database
	list, err := c.topology(ctx, l.Cluster)
	if err != nil {
		return Checked{}, err
	}
	all, err := newShards(list)
	if err != nil {
		return Checked{}, err
	}
	defer func() { err = errors.Join(err, all.close()) }()
	made := metaOf(&l, list)
	for _, s := range list {
		if !l.Replicated && len(s.nodes) > 1 {
			return Checked{}, fmt.Errorf("%w: shard %d has %d replicas; without --replicated each of them would have rows of its own", ErrCluster, s.number, len(s.nodes))
		}
		for _, n := range s.nodes {
			if err := n.mayInit(ctx, &l, made.of(s)); err != nil {
				return Checked{}, wrap(err, "look at "+n.address, nil, false)
			}
		}
	}
	for _, s := range list {
		for _, n := range s.nodes {
			if err := n.init(ctx, &l, s, made.of(s)); err != nil {
				return Checked{}, wrap(err, "make tables on "+n.address, nil, false)
			}
		}
	}
	return Check(ctx, c)
}

// mayInit is nil for a server without tables, and for one whose tables are what init would make.
func (n *node) mayInit(ctx context.Context, l *schema.Layout, made meta) error {
	if _, err := n.version(); err != nil {
		return err
	}
	before, err := n.meta(ctx, l.Database)
	if noTables(err) || err == nil && len(before) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return before.differs(n.address, made)
}

// init makes the tables of a server, and says in one of them what they are.
func (n *node) init(ctx context.Context, l *schema.Layout, of *shard, made meta) error {
	unfilled, err := n.unfilled(ctx, l)
	if err != nil {
		return err
	}
	for _, s := range schema.Statements(*l) {
		if err := n.conn.Exec(ctx, s.SQL); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	if unfilled {
		if err := n.fill(ctx, l, of); err != nil {
			return err
		}
	}
	var values []string
	for _, name := range slices.Sorted(maps.Keys(made)) {
		values = append(values, fmt.Sprintf("(%s, %s, 1)", quoted(name), quoted(made[name])))
	}
	return n.conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s.%s (name, value, version) VALUES %s", l.Database, schema.Meta, strings.Join(values, ", ")))
}

// unfilled tells whether there are tables with rows of which the tables that views fill have not all, or may not have: they, or their views,
// are missing, or an init that made them did not come to its end. That is noted before they are made.
func (n *node) unfilled(ctx context.Context, l *schema.Layout) (bool, error) {
	there, err := n.texts(ctx, "SELECT name, engine FROM system.tables WHERE database = "+quoted(l.Database))
	if err != nil || there[schema.Predictions] == "" && there[schema.Actuals] == "" {
		return false, err
	}
	if there[schema.Meta] == "" {
		return true, nil
	}
	before, err := n.meta(ctx, l.Database)
	if err != nil || len(before) == 0 || before[metaUnfilled] != "" {
		return true, err
	}
	missing := false
	for _, name := range append([]string{schema.Predictions, schema.Actuals}, schema.Filled...) {
		missing = missing || there[name] == ""
	}
	if missing {
		err = n.noteUnfilled(ctx, l, "true")
	}
	return missing, err
}

// fill adds to the tables that views fill what is in the tables that these are of.
func (n *node) fill(ctx context.Context, l *schema.Layout, of *shard) error {
	settings := of.insertSettings()
	settings["max_execution_time"] = 0
	for into, selected := range map[string]string{schema.Series: schema.SeriesOf(l.Database, ""), schema.Scopes: schema.ScopesOf(l.Database)} {
		if err := n.conn.Exec(ch.Context(ctx, ch.WithSettings(settings)), fmt.Sprintf("INSERT INTO %s.%s %s", l.Database, into, selected)); err != nil {
			return fmt.Errorf("fill %s: %w", into, err)
		}
	}
	return n.noteUnfilled(ctx, l, "")
}

func (n *node) noteUnfilled(ctx context.Context, l *schema.Layout, value string) error {
	return n.conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s.%s (name, value, version) SELECT %s, %s, toUnixTimestamp64Micro(now64(6))", l.Database, schema.Meta, quoted(metaUnfilled), quoted(value)))
}

func checkVersion(address string, major, minor int, text string) error {
	var oldest [2]int
	for i, part := range strings.Split(OldestVersion, ".") {
		oldest[i], _ = strconv.Atoi(part)
	}
	if major < oldest[0] || major == oldest[0] && minor < oldest[1] {
		return fmt.Errorf("%w: %s is ClickHouse %s; %s is the oldest that this program works with", ErrVersion, address, text, OldestVersion)
	}
	return nil
}

// Check looks at every server of the cluster that the tables name. The error is that of the first server that is not as it should be; Checked
// has those of all.
func Check(ctx context.Context, c Config) (Checked, error) {
	made, err := c.made(ctx)
	if err != nil {
		return Checked{}, err
	}
	checked := Checked{Cluster: made[metaCluster], Replicated: made.replicated()}
	list, err := c.topology(ctx, checked.Cluster)
	if err != nil {
		return checked, err
	}
	var first error
	for _, s := range list {
		for _, n := range s.nodes {
			found := Node{Shard: s.number, Replica: n.replica, Address: n.address}
			if found.Version, found.Err = n.version(); found.Err == nil {
				found.Err = n.check(ctx, c.Database, s, list)
			}
			if found.Err == nil {
				checked.SchemaVersion = schema.Version
			}
			found.Err = wrap(found.Err, "check "+n.address, nil, false)
			if first == nil {
				first = found.Err
			}
			checked.Nodes = append(checked.Nodes, found)
			first = errors.Join(first, n.conn.Close())
		}
	}
	return checked, first
}

// made asks the tables how they were made.
func (c *Config) made(ctx context.Context) (made meta, err error) {
	err = c.first(func(n *node) error {
		if _, err := n.version(); err != nil {
			return err
		}
		if made, err = n.meta(ctx, c.Database); err != nil {
			return err
		}
		return made.checkVersion(n.address)
	})
	return made, err
}

// first calls do with the first of the addresses whose server answers.
func (c *Config) first(do func(*node) error) error {
	if len(c.Addresses) == 0 {
		return fmt.Errorf("%w: it names no server", ErrURL)
	}
	var failed error
	for _, address := range c.Addresses {
		n, err := c.dial(address)
		if err != nil {
			return err
		}
		err = do(n)
		err = errors.Join(err, n.conn.Close())
		if err == nil {
			return nil
		}
		ours := errors.Is(err, ErrSchema) || errors.Is(err, ErrVersion) || errors.Is(err, ErrCluster)
		switch {
		case noTables(err):
			return fmt.Errorf("%w: %s has no tables of this program in the database %s; residual cluster init makes them: %w", ErrSchema, address, c.Database, err)
		case ours || codeOf(err) != 0 || isUntrusted(err):
			return wrap(err, "connect to "+address, nil, false)
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", address, err))
	}
	return wrap(failed, "connect to ClickHouse", nil, false)
}

// topology returns the shards of a cluster; without a name, of the one server that there is.
func (c *Config) topology(ctx context.Context, cluster string) (list []*shard, err error) {
	if cluster == "" {
		if len(c.Addresses) > 1 {
			return nil, fmt.Errorf("%w: there are %d servers and no cluster; name it with --cluster, as it is in remote_servers", ErrCluster, len(c.Addresses))
		}
		return c.oneServer()
	}
	err = c.first(func(n *node) error {
		list, err = c.askTopology(ctx, n.conn, cluster)
		return err
	})
	return list, err
}

func (c *Config) oneServer() ([]*shard, error) {
	if len(c.Addresses) == 0 {
		return nil, fmt.Errorf("%w: it names no server", ErrURL)
	}
	n, err := c.dial(c.Addresses[0])
	if err != nil {
		return nil, err
	}
	n.replica = 1
	return []*shard{{number: 1, weight: 1, nodes: []*node{n}}}, nil
}

func (c *Config) askTopology(ctx context.Context, conn driver.Conn, cluster string) (list []*shard, err error) {
	statement := `SELECT toUInt32(shard_num), toUInt32(shard_weight), toUInt32(replica_num), host_name, port FROM system.clusters
WHERE cluster = ` + quoted(cluster) + ` ORDER BY shard_num, replica_num`
	err = eachRow(ctx, conn, statement, func(rows driver.Rows) error {
		var number, weight, replica uint32
		var host string
		var port uint16
		if err := rows.Scan(&number, &weight, &replica, &host, &port); err != nil {
			return err
		}
		n, err := c.dial(net.JoinHostPort(host, strconv.Itoa(int(port))))
		if err != nil {
			return err
		}
		n.replica = int(replica)
		i := slices.IndexFunc(list, func(s *shard) bool { return s.number == int(number) })
		if i < 0 {
			i, list = len(list), append(list, &shard{number: int(number), weight: uint64(weight)})
		}
		list[i].nodes = append(list[i].nodes, n)
		if replicas := len(list[i].nodes); replicas > 1 {
			list[i].quorum = replicas/2 + 1
		}
		return nil
	})
	if err != nil {
		all := shards{list: list}
		return nil, errors.Join(err, all.close())
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: no cluster %q is in remote_servers", ErrCluster, cluster)
	}
	return list, nil
}

// quoted is a text as SQL has it.
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
