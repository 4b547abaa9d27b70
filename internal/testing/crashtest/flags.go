package crashtest

import (
	"flag"
	"runtime"

	"github.com/residualdb/residual/internal/testing/race"
)

// Flags are the flags of a test binary that uses the harness.
type Flags struct {
	seed   uint64
	scale  float64
	replay string
}

// RegisterFlags adds the flags -crash.seed, -crash.scale and -crash.replay to a set, usually flag.CommandLine.
func RegisterFlags(set *flag.FlagSet) *Flags {
	f := new(Flags)
	set.Uint64Var(&f.seed, "crash.seed", 1, "seed of crash and fault sweeps")
	set.Float64Var(&f.scale, "crash.scale", 1, "multiplies the number of cases of crash and fault sweeps")
	set.StringVar(&f.replay, "crash.replay", "", "replay this case of a sweep, as it was reported, instead of the sweep")
	return f
}

// Sweep returns a sweep of so many cases, as the flags modify it, or of few of them with the race detector.
func (f *Flags) Sweep(cases int) Sweep {
	return Sweep{Seed: f.seed, Cases: race.Cases(int(float64(cases) * f.scale)), Every: race.Share, Replay: f.replay}
}

// Sweep says how much to try.
type Sweep struct {
	// Seed decides everything drawn at random.
	Seed uint64

	// Cases is about how many cases to try. A sweep over all operations tries each at least once in Crashes, and
	// draws as many as this in the others if there are more.
	Cases int

	// Every, if it is more than 1, has Crashes and CrashChains end a life after one of so many of its operations, beginning with one that
	// Seed decides.
	Every int

	// Workers is the number of goroutines. Default: GOMAXPROCS.
	Workers int

	// Replay is the text of a Case to try instead.
	Replay string
}

// moments returns those of n moments that a sweep over all of them tries.
func (s Sweep) moments(n int) []int {
	every := max(1, s.Every)
	var moments []int
	for i := int(s.Seed % uint64(every)); i < n; i += every {
		moments = append(moments, i)
	}
	return moments
}

func (s Sweep) workers() int {
	if s.Workers > 0 {
		return s.Workers
	}
	return runtime.GOMAXPROCS(0)
}
