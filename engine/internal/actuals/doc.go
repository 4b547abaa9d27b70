// Package actuals remembers actuals for predictions still to come.
//
// # Model
//
// An [Actual] is about the predictions of a model and an id, of one version or one environment where it names them. A
// [Memory] holds the newest of each scope until it is forgotten: its time is over ([Memory.Expire]), the memory is full
// ([Memory.Shrink]), a newer one about as much or more takes its place, or a deletion says so ([Memory.Judge],
// [Memory.JudgeSome]). One that withdraws an actual is held only while there is another that it has to hold back.
//
// An actual is met once a prediction has had it. Those that have been met go first when the memory is full: the others
// are news that nobody has had yet, and the caller is told of each of them that goes.
//
// # Guarantees
//
// What a memory holds depends on the calls alone and their order. Of each model they come in the order of the log; records of
// different models may change places where one takes long, so that at its bound, and there alone, a memory may have given
// up another of the oldest actuals than a replay of the log does. Each
// call takes time that does not grow with what is held, but for a logarithm; a [Snapshot] copies
// nothing, and pieces of some 40 KiB are copied when they change while it is read.
//
// # Concurrency
//
// A Memory is for one goroutine at a time, a Snapshot for another one beside it.
package actuals
