//go:build !race

package engine_test

const raceEnabled = false

// raceShare: without the race detector every case of a sweep is tried.
const raceShare = 1

// defaultRuns of the property test.
const defaultRuns = 6
