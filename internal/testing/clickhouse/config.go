package clickhouse

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	loopback = "127.0.0.1"

	configName, usersName = "config.xml", "users.xml"
	// What a node has printed, and what it has complained about.
	outputName, logName = "output", "clickhouse.log"
)

// configText is the configuration of a node: its folder thrice, bytes of memory, and the shards. What is small in it keeps several nodes on
// a machine of two processors.
const configText = `<clickhouse>
<logger><level>warning</level><log>%[1]s/clickhouse.log</log></logger>
<path>%[1]s/data</path><listen_host>127.0.0.1</listen_host>
<users_config>%[1]s/users.xml</users_config>
<max_server_memory_usage>%[2]d</max_server_memory_usage>
<mark_cache_size>67108864</mark_cache_size><uncompressed_cache_size>0</uncompressed_cache_size>
<remote_servers><residual>%[3]s</residual><other>%[3]s</other></remote_servers>
</clickhouse>
`

const shardText = `<shard><weight>%d</weight><internal_replication>true</internal_replication><replica>` +
	`<host>127.0.0.1</host><port>%s</port><user>residual</user><password>secret</password></replica></shard>`

const usersText = `<clickhouse>
<profiles><default/><reader><readonly>1</readonly></reader><bounded>
<max_rows_in_set>5</max_rows_in_set><set_overflow_mode>break</set_overflow_mode><max_rows_in_join>5</max_rows_in_join><join_overflow_mode>break</join_overflow_mode>
<max_rows_to_group_by>5</max_rows_to_group_by><group_by_overflow_mode>any</group_by_overflow_mode><max_rows_to_sort>5</max_rows_to_sort><sort_overflow_mode>break</sort_overflow_mode>
<max_rows_to_read>5</max_rows_to_read><max_bytes_to_read>500</max_bytes_to_read><read_overflow_mode>break</read_overflow_mode><max_result_rows>5</max_result_rows><max_result_bytes>500</max_result_bytes>
<result_overflow_mode>break</result_overflow_mode><timeout_overflow_mode>break</timeout_overflow_mode><apply_deleted_mask>0</apply_deleted_mask>
<limit>5</limit><final>1</final><join_use_nulls>1</join_use_nulls><transform_null_in>1</transform_null_in><join_algorithm>direct</join_algorithm>
</bounded></profiles>
<quotas><default/></quotas>
<users>
<default><password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota><access_management>1</access_management></default>
<residual><password>secret</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></residual>
<bounded><password>secret</password><networks><ip>127.0.0.1</ip></networks><profile>bounded</profile><quota>default</quota></bounded>
<reader><password>secret</password><networks><ip>127.0.0.1</ip></networks><profile>reader</profile><quota>default</quota></reader>
<granted><password>secret</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota><grants>%s</grants></granted>
</users>
</clickhouse>
`

// configure writes the configuration of each node.
func (c *Cluster) configure(t testing.TB, memory int64) {
	t.Helper()
	c.memory = memory
	for _, n := range c.Nodes {
		require.NoError(t, os.MkdirAll(filepath.Join(n.dir, "data"), 0o755))
	}
	c.writeUsers(t, nil)
	weights, order := make([]int, len(c.Nodes)), make([]int, len(c.Nodes))
	for i := range c.Nodes {
		weights[i], order[i] = 1, i+1
	}
	c.writeShards(t, weights, order)
}

// Arrange starts every node again with other weights of the shards, in another order of the nodes by their numbers.
func (c *Cluster) Arrange(t testing.TB, weights []int, order ...int) {
	t.Helper()
	c.writeShards(t, weights, order)
	c.restart(t)
}

// Grant starts every node again with other rights of [Granted]: those of statements that grant them, without to whom.
func (c *Cluster) Grant(t testing.TB, statements ...string) {
	t.Helper()
	c.writeUsers(t, statements)
	c.restart(t)
}

func (c *Cluster) restart(t testing.TB) {
	t.Helper()
	for _, n := range c.Nodes {
		n.Kill(t)
		n.Start(t)
	}
}

// writeUsers writes which users there are into the configuration of each node.
func (c *Cluster) writeUsers(t testing.TB, grants []string) {
	t.Helper()
	var queries strings.Builder
	for _, g := range append([]string{"GRANT SHOW ON *.*"}, grants...) { // without any, the user might do everything
		fmt.Fprintf(&queries, "<query>%s</query>", g)
	}
	for _, n := range c.Nodes {
		require.NoError(t, os.WriteFile(filepath.Join(n.dir, usersName), fmt.Appendf(nil, usersText, queries.String()), 0o600))
	}
}

// writeShards writes which shards there are into the configuration of each node.
func (c *Cluster) writeShards(t testing.TB, weights, order []int) {
	t.Helper()
	var shards strings.Builder
	for i, number := range order {
		_, port, err := net.SplitHostPort(c.Nodes[number-1].Address)
		require.NoError(t, err)
		fmt.Fprintf(&shards, shardText, weights[i], port)
	}
	for _, n := range c.Nodes {
		require.NoError(t, os.WriteFile(filepath.Join(n.dir, configName), fmt.Appendf(nil, configText, n.dir, c.memory, shards.String()), 0o600))
	}
}
