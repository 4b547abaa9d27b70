// Package sidecar reads and writes the lists that a store has beside its segments: idempotency keys, rejected lines, remembered
// actuals and positions of data sources. It is where the kind of a list meets the codec of its entries; the frame of a list is the business of
// package store, each codec that of the package of what it encodes. What does not decode is an error of class corrupt, what a
// later version has written one of class version. Nothing in it is shared, so that it is as safe for concurrent use as the
// files that it is given.
package sidecar
