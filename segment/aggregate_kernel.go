package segment

import (
	"math"
	"math/bits"
	"slices"
)

// AddErrors adds the rows [from, to) of parallel columns to what [Aggregate.MergeErrors] takes. Times must be ascending.
func (a *Aggregate) AddErrors(times []int64, predicted, actual []float64, known Bitmap, from, to int) {
	if from >= to {
		return
	}
	a.addTimes(uint64(to-from), times[from], times[to-1])
	acc := errorBins{base: unset}
	for i, j := known.run(from, to); i < j; i, j = known.run(j, to) {
		a.addActualTimes(uint64(j-i), times[i], times[j-1])
		addErrors(&acc, a, predicted[i:j], actual[i:j])
	}
	acc.flush(a)
}

// AddRows adds the rows [from, to) of parallel columns, in whatever order they are.
func (a *Aggregate) AddRows(times []int64, predicted, actual []float64, known Bitmap, from, to int) {
	if from >= to {
		return
	}
	a.addTimes(uint64(to-from), slices.Min(times[from:to]), slices.Max(times[from:to]))
	acc := errorBins{base: unset}
	for i, j := known.run(from, to); i < j; i, j = known.run(j, to) {
		a.addActualTimes(uint64(j-i), slices.Min(times[i:j]), slices.Max(times[i:j]))
		addErrors(&acc, a, predicted[i:j], actual[i:j])
		for ; i < j; i++ {
			a.addRest(predicted[i], actual[i])
		}
	}
	acc.flush(a)
}

const (
	// Exponents in addErrors count from a bit grid of their own, so that they are never negative: grid bit 0 is bit -1088 = -34 * 32.
	gridBin  = -34
	gridBias = leastExp - 1 - gridBin*binBits

	errorLanes  = 8 // bins for each sign
	squareLanes = 2 * errorLanes
	gapFast     = 9 // exponents at most this far apart leave the difference of two mantissas in 63 bits
	unset       = -1 << 20
)

// errorBins collects |e| and e^2 of many rows before they go to the sums of an aggregate: absolute[i] is bin base+i of the rows with e >= 0,
// absolute[errorLanes+i] of those with e < 0, squared[i] is bin 2*base+i.
type errorBins struct {
	base     int // counted from gridBin; unset before the first row
	absolute [2 * errorLanes]uint64
	squared  [squareLanes]uint64
}

// addErrors adds e and e^2 of rows whose actuals are all known, len(actual) >= len(predicted). All is integer arithmetic without branches but those
// that select the rare rows (exponents more than gapFast apart, subnormals, an error out of the range of acc), which go straight to a: the sums do not
// depend on the way. Equivalent: Aggregate.addError.
func addErrors(acc *errorBins, a *Aggregate, predicted, actual []float64) {
	actual = actual[:len(predicted)]
	for i, predicted := range predicted {
		p, q := math.Float64bits(predicted), math.Float64bits(actual[i])
		px, qx := int(p>>fracBits)&expMask, int(q>>fracBits)&expMask
		pm, qm := p&fracMask|1<<fracBits, q&fracMask|1<<fracBits
		if px == 0 || qx == 0 {
			if p<<1 == 0 {
				pm, px = 0, qx
			}
			if q<<1 == 0 {
				qm, qx = 0, px
			}
		}
		x := min(px, qx)
		k := (x+gridBias)>>5 - acc.base
		if uint(px-qx+gapFast) > 2*gapFast || x == 0 || uint(k) > errorLanes-3 {
			if acc.base != unset || x == 0 || uint(px-qx+gapFast) > 2*gapFast {
				a.addError(predicted, actual[i])
				continue
			}
			k = (errorLanes - 3) / 2
			acc.base = (x+gridBias)>>5 - k
		}
		ps, qs := int64(p)>>63, int64(q)>>63
		e := (int64(pm<<(uint(px-x)&63)) ^ ps - ps) - (int64(qm<<(uint(qx-x)&63)) ^ qs - qs)
		sign := e >> 63
		m := uint64(e ^ sign - sign)

		r := uint(x+gridBias) & (binBits - 1)
		lo := m << r
		lane := uint(k) + uint(sign)&errorLanes
		acc.absolute[lane&15] += lo & binMask
		acc.absolute[(lane+1)&15] += lo >> binBits
		acc.absolute[(lane+2)&15] += m >> 1 >> (63 - r)

		hi, lo := bits.Mul64(m, m)
		r = 2 * uint(x+gridBias) & (binBits - 1)
		lane = uint(x+gridBias)>>4 - 2*uint(acc.base)
		carry := hi >> 1 >> (63 - r)
		hi = hi<<r | lo>>1>>(63-r)
		lo <<= r
		acc.squared[lane&15] += lo & binMask
		acc.squared[(lane+1)&15] += lo >> binBits
		acc.squared[(lane+2)&15] += hi & binMask
		acc.squared[(lane+3)&15] += hi >> binBits
		acc.squared[(lane+4)&15] += carry
	}
}

// flush moves what acc holds to the sums of a. Bins go to the window of a sum as they would have row by row: the highest that is not zero is the
// highest touched.
func (acc *errorBins) flush(a *Aggregate) {
	a.Over.addBins(acc.base+gridBin, acc.absolute[:errorLanes])
	a.Under.addBins(acc.base+gridBin, acc.absolute[errorLanes:])
	a.Squared.addBins(2*(acc.base+gridBin), acc.squared[:])
}
