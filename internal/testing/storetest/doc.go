// Package storetest is the contract of a store, as tests: what the HTTP surface relies on, whatever keeps the rows.
//
// # Model
//
// A [Subject] is a kind of store. [Run] makes an empty one for each test, writes to it through the interfaces of package httpapi, and holds
// what it answers to what is written in the test: no other store is asked. Times are those of a clock that stands at [Now] until a test
// moves it. Rows, actuals and answers are texts, which world.go reads and writes.
//
// # What is not held to anything
//
// How many rows an answer has read, log sequence numbers, memory and speed: stores differ in these. A store that cannot count what it
// replaces says so in its Subject.
//
// # Floats
//
// Answers are compared by twelve digits, quantiles within one in a hundred.
package storetest
