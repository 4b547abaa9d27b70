//go:build race

package engine_test

// raceEnabled: the race detector makes sync.Pool forget at random, so that allocations cannot be counted under it.
const raceEnabled = true

// raceShare: with the race detector, which is ten times as slow, one of so many cases of a sweep is tried; `make test` tries them all without it.
const raceShare = 8

// defaultRuns of the property test: they take six times as long here.
const defaultRuns = 2
