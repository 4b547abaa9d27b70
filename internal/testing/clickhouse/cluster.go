package clickhouse

import (
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Names that every cluster of [Start] has.
const (
	// Name is that of the cluster in remote_servers.
	Name = "residual"
	// Database is the one of [Cluster.URL]; it is not there before somebody makes it.
	Database = "residual"

	// User may do everything, Reader may read, Granted what [Cluster.Grant] has said last. Bounded may do everything, and has a profile that
	// leaves out what is beyond some rows.
	User     = "residual"
	Reader   = "reader"
	Granted  = "granted"
	Bounded  = "bounded"
	Password = "secret"
)

// Options says which nodes are started. The zero value is one node.
type Options struct {
	// Shards is how many nodes there are. Default: 1.
	Shards int
	// MemoryBytes bounds what a node takes for queries and inserts. Default: 2 GiB.
	MemoryBytes int64
	// Links has the nodes be reached through links of their own, by clients and by each other.
	Links bool
}

// Cluster is nodes that know each other as the shards of [Name].
type Cluster struct {
	Nodes []*Node

	memory int64 // of each node
}

// Start starts nodes and waits until each answers. They end with the test.
func Start(t testing.TB, opts Options) *Cluster {
	t.Helper()
	p := findProgram(t)
	c := &Cluster{}
	shards := max(opts.Shards, 1)
	ports := freePorts(t, 2*shards)
	dir := t.TempDir()
	for i := range shards {
		c.Nodes = append(c.Nodes, &Node{
			Shard: i + 1, Address: net.JoinHostPort(loopback, ports[2*i]), HTTPAddress: net.JoinHostPort(loopback, ports[2*i+1]),
			program: p, dir: filepath.Join(dir, strconv.Itoa(i+1)), port: ports[2*i], httpPort: ports[2*i+1],
		})
	}
	if opts.Links {
		for _, n := range c.Nodes {
			n.Link = newLink(t, n.Address)
			n.Address = n.Link.Address
		}
	}
	memory := opts.MemoryBytes
	if memory == 0 {
		memory = 2 << 30
	}
	c.configure(t, memory)
	t.Cleanup(func() { c.end(t) })
	for _, n := range c.Nodes {
		n.launch(t)
	}
	for _, n := range c.Nodes {
		n.await(t)
	}
	return c
}

// URL is that of a store in the cluster for [User], without the password.
func (c *Cluster) URL() string {
	addresses := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		addresses[i] = n.Address
	}
	return URL(User, addresses...)
}

// URL is that of a store at some addresses.
func URL(user string, addresses ...string) string {
	return fmt.Sprintf("clickhouse://%s@%s/%s", user, strings.Join(addresses, ","), Database)
}

// end kills every node, and shows what they have complained about if the test has failed.
func (c *Cluster) end(t testing.TB) {
	t.Helper()
	for _, n := range c.Nodes {
		n.end()
		if t.Failed() {
			t.Logf("node %d: %s", n.Shard, n.complaints())
		}
	}
}

// The ports that freePorts takes from: below those that the kernel gives to clients, so that none of them takes the port of a node that is
// down for a moment.
const firstPort, portsMax = 20_000, 10_000

// freePorts returns ports of the loopback that nobody listens on.
func freePorts(t testing.TB, n int) []string {
	t.Helper()
	var ports []string
	for range 100 * n {
		port := strconv.Itoa(firstPort + rand.IntN(portsMax))
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, port))
		if err != nil {
			continue
		}
		defer func() { _ = l.Close() }() // kept until all are found, so that none is found twice
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	require.FailNow(t, "no free ports", "%d of %d found", len(ports), n)
	return nil
}
