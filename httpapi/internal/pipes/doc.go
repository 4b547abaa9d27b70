// Package pipes has what can be asked: the pipes that every server has, those of a project, and the quarantines of data sources.
//
// A [Pipe] is a value: its parameters, the columns of its answers, which stores have it, and how a store is asked. Routes, documents and the
// catalog of a server are made of these values. A [Set] is the pipes of one server and does not change once requests see it; a pipe of a project
// may stand in the place of one that the tutorial writes, and of no other.
//
// A [Question] is a request to a pipe. Its run reads parameters, asks the store, and puts rows into the table of the answer: all at once where
// they are few, else as the answer is sent, a batch at a time (pull.go). What a query holds meanwhile is charged to the memory of long answers.
// Every query has the models that the asker may see for its Within, and what an answer took is told to nobody who sees but some.
//
// What a pipe needs of a store is an interface here ([Store], [ReportStore], [RowStore]); what it needs of the server is [Server]. A store that lacks
// an interface does not have the pipes that need it.
//
// Pipes and Sets are safe for concurrent use, a Question is of one goroutine. Errors are of internal/problem, of the store, or of the classes of
// internal/endpoint, which [Problem] makes answers of; a project that a server cannot have is [ErrPipe].
package pipes
