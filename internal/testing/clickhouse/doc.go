// Package clickhouse starts ClickHouse on the loopback for tests: one node, or some that are the shards of a cluster.
//
// # Model
//
// A [Cluster] is nodes that know each other as the shards of the cluster [Name], each a process of its own with a folder and ports of its
// own. A [Node] can be killed, paused, and started again on what it has on its disk. There are no replicas: the library that nodes are
// made of where no server is installed has no replication.
//
// What nodes are made of is what the variable CLICKHOUSE_NODE names, which `make cluster` sets: a program named clickhouse, or the folder
// into which it has put the library of npm's package of chDB and the launcher of library/node.c. Without the variable [Start] skips the
// test.
//
// # Users
//
// [User] with [Password] may do everything. [Reader] with the same password may only read, and
// [Granted] what a test says. The user default, without a password, is for
// [Node.Query] alone.
//
// # Concurrency
//
// Nodes are independent of each other. The methods of one node that start and end its process are for one goroutine at a time.
//
// # Errors
//
// What goes wrong with a process fails the test that asked for it. Processes end with the test, and launchers of the library also with the
// process of the test, however that ends.
package clickhouse
