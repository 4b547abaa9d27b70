//go:build race

package engine_test

// raceEnabled: the race detector makes sync.Pool forget at random, so that allocations cannot be counted under it.
const raceEnabled = true

// defaultRuns of the property test: they take six times as long here.
const defaultRuns = 2
