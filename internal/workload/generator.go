package workload

import (
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/residualdb/residual/event"
)

// Generator yields the rows of a workload, in the order of their arrival. It is for one goroutine at a time.
type Generator struct {
	// Immutable after New.
	opts         Options
	fromMs, toMs int64
	lateMs       uint64
	driftFromMs  int64
	driftMs      int64
	lateBelow    uint64 // a row is late if 32 random bits are below it
	waitingBelow uint64
	driftGain    float64

	random rand.PCG
	done   int64
	burst  int // the model of the running burst, for Bursty
	row    row
	day    day
	text   []byte // scratch of Next
}

// row is one event in integers; event and line are two ways to write it.
type row struct {
	number      int64 // from 0, in order of arrival
	ms          int64
	model       int // from 0
	version     int // from 0
	environment int
	waiting     bool

	// Values in hundredths.
	predicted, actual int64

	// Random bits for the features and for a UUID.
	bits, more uint64
}

// New returns a generator for opts, which must pass [Options.Validate].
func New(opts Options) *Generator {
	if err := opts.Validate(); err != nil {
		panic("BUG: workload options: " + err.Error())
	}
	opts = opts.withDefaults()
	g := &Generator{
		opts:         opts,
		fromMs:       opts.From.UnixMilli(),
		toMs:         opts.To.UnixMilli(),
		lateMs:       uint64(opts.LateBy.Milliseconds()),
		driftMs:      opts.DriftOver.Milliseconds(),
		lateBelow:    uint64(opts.LateShare * (1 << 32)),
		waitingBelow: uint64(opts.WaitingShare * (1 << 32)),
		driftGain:    opts.DriftFactor - 1,
	}
	g.driftFromMs = g.toMs - g.driftMs
	g.random.Seed(opts.Seed, 0x7265736964756131)
	return g
}

// Options returns the options in force, defaults filled in.
func (g *Generator) Options() Options { return g.opts }

// Next fills e with the next row and returns true, or returns false at the end.
func (g *Generator) Next(e *event.Event) bool {
	if !g.advance() {
		return false
	}
	r := &g.row
	*e = event.Event{
		Timestamp:      time.UnixMilli(g.shownMs(r)).UTC(),
		ModelID:        string(appendModel(nil, r)),
		PredictionID:   string(g.appendID(nil, r)),
		PredictedValue: float64(r.predicted) / 100,
		ModelVersion:   string(appendVersion(nil, r)),
		Environment:    g.opts.Environments[r.environment],
	}
	g.text = g.appendFeatures(g.text[:0], r, `"`)
	e.Features = string(g.text)
	if !r.waiting {
		e.ActualValue, e.HasActual = float64(r.actual)/100, true
	}
	return true
}

// advance draws the next row. Every row takes the same number of draws, whatever its shape or share, so that a change of one
// option leaves the other columns as they were.
func (g *Generator) advance() bool {
	if g.done == g.opts.Rows {
		return false
	}
	r := &g.row
	r.number = g.done
	g.done++

	place, chance, noise := g.random.Uint64(), g.random.Uint64(), g.random.Uint64()
	r.bits, r.more = g.random.Uint64(), g.random.Uint64()

	r.environment = g.pickEnvironment(uint32(place))
	r.ms = g.arrival(r.number)
	if g.opts.Shape == Bursty {
		if r.number%BurstRows == 0 {
			g.burst = scale(place>>32, g.opts.Models)
		}
		r.model = g.burst
	} else {
		r.model = scale(place>>32, g.opts.Models)
	}
	if chance&(1<<32-1) < g.lateBelow {
		hi, _ := bits.Mul64(r.more, g.lateMs)
		r.ms = max(g.fromMs, r.ms-1-int64(hi))
	}
	r.waiting = chance>>32 < g.waitingBelow
	r.version = g.pickVersion(r.ms, uint32(r.more))
	g.value(r, chance, noise)
	return true
}

// arrival returns when row i arrives: evenly spread, or in bursts that are.
func (g *Generator) arrival(i int64) int64 {
	span := uint64(g.toMs - g.fromMs)
	if g.opts.Shape != Bursty {
		return g.fromMs + int64(spread(uint64(i), span, uint64(g.opts.Rows)))
	}
	bursts := uint64(g.opts.Rows+BurstRows-1) / BurstRows
	start := spread(uint64(i/BurstRows), span, bursts)
	lasts := min(10_000, span/bursts)
	return g.fromMs + int64(start+spread(uint64(i%BurstRows), lasts, BurstRows))
}

// pickEnvironment gives the first environment four fifths of the rows and the others equal shares of the rest.
func (g *Generator) pickEnvironment(random uint32) int {
	others := len(g.opts.Environments) - 1
	const fifth = 1 << 32 / 5
	if others == 0 || random >= fifth {
		return 0
	}
	return 1 + scale(uint64(random)*5, others)
}

// pickVersion lets each version have its share of the time, with one row in ten still from the version before; in
// ManyVersions all are live at once.
func (g *Generator) pickVersion(ms int64, random uint32) int {
	if g.opts.Shape == ManyVersions {
		return scale(uint64(random), g.opts.Versions)
	}
	v := int(spread(uint64(ms-g.fromMs), uint64(g.opts.Versions), uint64(g.toMs-g.fromMs)))
	if v > 0 && random < 1<<32/10 {
		v--
	}
	return v
}

// value draws the prediction, uniform over the magnitude of its model, and the actual: off by a sum of four uniform numbers,
// whose standard deviation is 5 % of the magnitude where nothing drifts.
func (g *Generator) value(r *row, chance, noise uint64) {
	magnitude := magnitudes[r.model%len(magnitudes)]
	hi, _ := bits.Mul64(bits.RotateLeft64(chance, 16)^noise, uint64(magnitude))
	r.predicted = magnitude/2 + int64(hi)

	const mean, deviation = 2 * (1<<16 - 1), 37837.2
	sum := int64(noise&0xffff + noise>>16&0xffff + noise>>32&0xffff + noise>>48)
	off := float64(sum-mean) * (float64(magnitude) * (0.05 / deviation))
	if r.model == g.opts.DriftModel-1 && r.ms >= g.driftFromMs {
		off *= 1 + g.driftGain*float64(r.ms-g.driftFromMs)/float64(g.driftMs)
	}
	r.actual = r.predicted + int64(off)
}

// magnitudes of the values, in hundredths, model by model.
var magnitudes = [...]int64{1e9, 1e8, 1e10, 1e6, 1e7, 1e5}

// scale maps 32 random bits to [0, n).
func scale(random uint64, n int) int {
	return int((random & (1<<32 - 1)) * uint64(n) >> 32)
}

// spread returns i*span/n without overflow; i < n.
func spread(i, span, n uint64) uint64 {
	hi, lo := bits.Mul64(i, span)
	quotient, _ := bits.Div64(hi, lo, n)
	return quotient
}
