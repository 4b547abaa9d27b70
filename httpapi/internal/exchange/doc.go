// Package exchange is one request and its answer: what handlers read from a client, and the ways to answer.
//
// An [Exchange] has the request as it was understood (its path, its principal, its parameters, the bytes that its body holds) and takes the
// answer: a value as JSON, a body, a file, or a table of rows in a format. An answer that fits one piece is sent at once, in the memory that
// the response has. A longer one is a stream: it outlives the handler, is formatted while it is sent, and holds no more than it was charged for.
//
// [Streams] bounds the memory of all long answers of a server. When there is none left, the answer whose client has taken nothing for longest is
// cut off, if that is longer than a second; else the new one is refused. A client that takes an answer too slowly, or an answer that takes longer
// than it may, is cut off in such a way that the client does not take what it has for the whole.
//
// An Exchange belongs to the goroutine that serves the request and is used again for another one. What is in the request, and bytes of its
// parameters, must not be kept. Streams, and what [Shared] has, are safe for concurrent use.
//
// Errors are of internal/problem, or what the source of the rows returned.
package exchange
