// Package race tells tests whether the race detector looks on, and how much they try then.
//
// The detector makes a program ten times as slow, and sees what goroutines do at the same time. A sweep over many cases, of which each does what
// the others do at the same time, shows it as much by a few of them. `make test` runs such sweeps twice: a share of each with the detector, and
// whole without it.
package race

// Enabled tells whether the race detector looks on.
const Enabled = Share > 1

// Fewer is of how many cases one is tried where one in [Share] would show too little.
const Fewer = (Share + 3) / 4

// Cases returns how many of n cases a sweep tries: with the race detector one in [Share], and at least one.
func Cases(n int) int { return (n + Share - 1) / Share }
