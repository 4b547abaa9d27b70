//go:build !race

package engine_test

const raceEnabled = false

// defaultRuns of the property test.
const defaultRuns = 6
