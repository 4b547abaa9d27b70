// Package random draws what randomised tests of several packages need, from a seed that is in the log of each test.
package random

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/residualdb/residual/internal/testing/race"
)

var (
	// seedFlag replays a randomised test.
	seedFlag = flag.Uint64("residual.seed", 0, "seed of randomised tests; 0 draws one")
	// longFlag multiplies the rounds of randomised tests.
	longFlag = flag.Bool("residual.long", false, "run many more rounds of randomised tests")
)

// Rounds is n, or many times as much with -residual.long.
func Rounds(n int) int {
	if *longFlag {
		return 50 * n
	}
	return n
}

// Cases is [Rounds] of a test of one goroutine, of which there is a share with the race detector.
func Cases(n int) int { return Rounds(race.Cases(n)) }

// Rand returns a generator whose seed is in the log.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := *seedFlag; s != 0 {
		seed = s
	}
	t.Logf("replay with -residual.seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// Extremes are the floats at the edges of the format.
func Extremes() []float64 {
	edges := []float64{
		0, math.SmallestNonzeroFloat64, 0x1p-1022, 0x1.fffffffffffffp-1023, 0x1.fffffffffffffp-1022, 1, 1 - 0x1p-53, 1 + 0x1p-52, 0.1, 0.3, 1e22, 1e23,
		0x1p53, 0x1p53 + 2, 0x1p63, 0x1p511, 0x1p512, math.Pi, math.MaxFloat64, 0x1p1023, 17e9, 123.45, 0x1p-537, 0x1p-31, 0x1p-32, 0x1p-33, 0x1p31, 0x1p32,
	}
	for _, v := range edges {
		edges = append(edges, -v)
	}
	return edges
}

// Float draws from several worlds: decimals, near-equal numbers, any finite bit pattern, edges.
func Float(r *rand.Rand) float64 {
	switch r.IntN(5) {
	case 0:
		return math.Round(r.Float64()*1e5) / 100
	case 1:
		return math.Round(r.NormFloat64()*1e4) / 1000
	case 2:
		edges := Extremes()
		return edges[r.IntN(len(edges))]
	case 3:
		return math.Ldexp(r.NormFloat64(), r.IntN(120)-60)
	}
	for {
		if v := math.Float64frombits(r.Uint64()); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
}
