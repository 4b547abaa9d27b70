// Package input opens files of events, in whatever format and compression they are, as the rows that a server takes.
//
// An [Input] is one file or standard input. [Input.Open] recognises it by how it begins and returns its rows as NDJSON, however long it is, or the
// file itself where that has them as they are. [ColumnsOf] asks the server which columns a file for a data source may have.
//
// An Input is read by one goroutine. What cannot be recognised is [ErrUnknownKind]; what is broken is an error of internal/rowfile. Neither may be
// sent again to come to an end.
package input
