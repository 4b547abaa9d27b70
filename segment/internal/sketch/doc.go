// Package sketch counts values in buckets, so that quantiles of millions of them can be read from a few hundred bytes.
//
// A [Sketch] is the same for every order and grouping of what was added, in memory and as stored; adding a stored one
// is how sketches are merged. It is for one goroutine at a time. Reading a stored sketch is the only thing that can
// fail: the fault is in the [columns.Cursor], and the sketch then means nothing.
package sketch
