// Package connector is what connectors have in common: the [Sink] that they fill, the [Load] in which rows are gathered together with
// the position behind them, the [Report] that shows how they do, and errors that say what to do.
//
// # Model
//
// A [Connector] reads from one place outside, for one data source. It decodes what it read into a Load, says in the Load how far it has
// read, and hands it to [Feed.Store]: rows, rejects and positions become one record of the log. When it starts it goes on behind
// [Feed.Positions]. So nothing is lost and nothing is stored twice, whenever the process ends, as long as Loads are stored one after
// the other in the order in which they were read.
//
// # Concurrency
//
// A Feed and a Report are safe for concurrent use. A Load is for one goroutine at a time; two of them can be filled and stored in turns.
//
// # Errors
//
// [Connector.Run] ends with nil only when its context has ended. Every other error is shown, and after a while it is run again.
// [Advise] adds to an error what an operator can do about it, and [Advice] tells whether anybody did.
package connector
