// Package schema has the tables of a store in ClickHouse: which there are, how each is made, and which views fill which.
//
// A [Layout] says in which database they are, on how many servers, and for how long they keep rows; [Statements] makes them, and may be run again. A
// change of what is made takes another [Version]: a store is not opened over tables of another one.
//
// All is text that depends on the Layout alone: nothing here talks to a server, and there are no errors.
package schema
