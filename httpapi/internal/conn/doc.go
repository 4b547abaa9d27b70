// Package conn has the connections of a server and the heads of the requests on them.
//
// A [Listener] bounds the open connections, all together and from one address, and makes room by ending those that only
// hold one open. A [Conn] sees to it that a client which is refused gets to read why. [CheckFraming] and [ParseTarget]
// refuse heads that two servers in a row might read differently.
//
// A Listener is safe for concurrent use. A Conn belongs to the goroutine that serves it, but for Abort and what
// [Conn.Keep] says. Every refusal is a [*problem.Error].
package conn
