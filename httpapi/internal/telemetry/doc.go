// Package telemetry is what a server counts and logs of itself, and how it shows what its store counts.
//
// [Counters] and [Log] are told of each answer once it is over. A [Label] names its route; the set of labels is closed, so that no client can
// add to what is counted. [Counters.Write], [WriteStore] and [WriteModels] write families of what Prometheus scrapes; which of them who may see is
// decided by the caller.
//
// Neither holds anything of a request but its path, and that in the log alone, at debug. Warnings are bounded by [Log.Warn] to so many in a second.
//
// Counters and Log are safe for concurrent use. Nothing here returns an error.
package telemetry
