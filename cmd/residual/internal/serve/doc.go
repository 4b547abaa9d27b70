// Package serve is what 'residual serve' is made of: a store behind HTTP, with the project that it serves, from the start of a process to its
// end.
//
// A [Server] listens before its store is open and answers that it is starting. Its store is the engine over a data directory, or tables in a
// cluster of ClickHouse ([ClusterFlags]). Beside the rows a store has a [Workspace]: tokens, and the project that is deployed; servers before one
// cluster share it, follow what others change there, and take turns at the connectors. A folder may be served in the place of what is
// deployed. [Flags] say all of this, and each part reads those that are its own: limits divide the memory, the listener has the address and
// the certificate.
//
// Guarantees. What is served changes as a whole or not at all: a project with errors takes the place of none. A folder with errors keeps a
// server from starting; of what is deployed the server has what can be used, and withholds the rest, so that what is stored stays within
// reach. No secret is in a log or an answer. A server that is stopped lets requests end, within 5 seconds; all that it answered is stored.
// One whose disk has failed answers queries for some seconds and ends, so that whoever watches it starts another. Where no token exists it
// listens on loopback alone.
//
// [Start], Open, Wait and Stop are called by one goroutine, in this order; a server that started is stopped whatever came of it, and stopping
// twice is no error. [Run] does all four, and has effects on the process: its signals, and how many threads share a processor; Start sets the
// memory limit of the runtime. So a process has one server at a time, but in tests. Flags hold no locks: they are set before, and read then.
//
// Flags that are not understood, alone or together, are a [arg.UsageError]. Errors of opening a store say what to do where there is something to
// do ([StoreError], [ClusterError]), and keep their class.
package serve
