// Package encode writes the answers of queries in every format.
//
// A [Table] holds a batch of rows in columns, its own or those of what the rows come from, and how to get the next batch; a
// [Format] writes it to an [Output], which passes pieces on as they are full. So an answer of any length takes a batch, a piece
// and what its format needs. [Exposition] writes the text format of Prometheus for others too.
//
// Nothing here is safe for concurrent use.
package encode
