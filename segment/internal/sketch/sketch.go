package sketch

import (
	"iter"
	"math"
	"math/bits"
	"slices"
)

// Error bounds the relative error of [Sketch.Quantiles], for values from the least normal float64 on.
const Error = 0.01

const (
	// sketchSteps is the number of buckets in which a sketch divides [2^x, 2^(x+1)). Their widths are the same, so that
	// the first is the widest for its values: half its width is at most 1/(2*sketchSteps+1) of the value in the middle.
	sketchSteps = 50

	bucketZero = 0
	bucketInf  = 1 + (1024-leastExp)*sketchSteps // the last one

	fracBits = 52
	expBias  = 1023
	leastExp = -1074 // of the least float64
)

// Sketch counts non-negative values in buckets that are narrow beside their values, so that it knows every quantile to
// within [Error]: a DDSketch (Masson, Rim, Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with
// Relative-Error Guarantees", VLDB 2019) whose logarithm is interpolated in a line between powers of two, in integers,
// and which never drops a bucket. Counts are integers and the bucket of a value depends on the value alone, so it is
// the same for every order and grouping of what was added. The zero Sketch is empty. Reset keeps its memory.
type Sketch struct {
	count uint64
	zeros uint64
	// pages[p] is where in counts, in pages, the buckets from p*pageLen on are, plus one: 0 for a page that no value fell
	// into. Values of one model lie in a few pages, wherever those are.
	pages  [pagesMost]uint8
	counts []uint64
}

// A page holds the counts of about ten powers of two.
const (
	pageBits  = 9
	pageLen   = 1 << pageBits
	pagesMost = bucketInf>>pageBits + 1
)

// Reset empties s.
func (s *Sketch) Reset() {
	s.count, s.zeros = 0, 0
	clear(s.pages[:])
	s.counts = s.counts[:0]
}

// Count returns the number of values.
func (s *Sketch) Count() uint64 { return s.count }

// Add adds a value that is not negative. It may be +Inf.
func (s *Sketch) Add(v float64) {
	s.addBucket(BucketOf(v), 1)
}

// AddBucket adds n values whose bucket, as BucketOf numbers it, is known, and tells whether there is such a bucket.
func (s *Sketch) AddBucket(bucket int, n uint64) bool {
	if bucket < bucketZero || bucket > bucketInf {
		return false
	}
	s.addBucket(bucket, n)
	return true
}

func (s *Sketch) addBucket(bucket int, n uint64) {
	s.count += n
	if bucket == bucketZero { // apart, because errors of zero are usual and far from all others
		s.zeros += n
		return
	}
	*s.at(bucket) += n
}

// at returns the count of a bucket other than that of zero.
func (s *Sketch) at(bucket int) *uint64 {
	page := &s.pages[bucket>>pageBits]
	if *page == 0 {
		n := len(s.counts)
		s.counts = slices.Grow(s.counts, pageLen)[:n+pageLen]
		clear(s.counts[n:])
		*page = uint8(n>>pageBits + 1)
	}
	return &s.counts[int(*page-1)<<pageBits|bucket&(pageLen-1)]
}

// Merge adds all values of o.
func (s *Sketch) Merge(o *Sketch) {
	s.addBucket(bucketZero, o.zeros)
	for bucket, n := range o.buckets() {
		s.addBucket(bucket, n)
	}
}

// AddErrors adds |predicted-actual| of each row. Equivalent: Add for each, at half the cost (BenchmarkSketchesAddColumns).
func (s *Sketch) AddErrors(predicted, actual []float64) {
	actual = actual[:len(predicted)]
	counts := s.counts
	for i, p := range predicted {
		b := math.Float64bits(p-actual[i]) &^ (1 << 63)
		hi, lo := bits.Mul64(b, sketchSteps)
		bucket := uint(hi<<(64-fracBits)|lo>>fracBits) + 1 + (fracBits-1)*sketchSteps
		page := s.pages[bucket>>pageBits]
		if page == 0 || b < 1<<fracBits {
			s.addBucket(BucketOf(math.Float64frombits(b)), 1)
			counts = s.counts
			continue
		}
		counts[uint(page-1)<<pageBits|bucket&(pageLen-1)]++
		s.count++
	}
}

// page returns the counts of a page by its place plus one.
func (s *Sketch) page(place uint8) []uint64 {
	return s.counts[int(place-1)<<pageBits:][:pageLen]
}

// Quantiles sets dst[i] to the value of which percents[i] in a hundred are not greater, by the nearest rank: the least
// v such that at least that share of the values is <= v, give or take Error. It is +Inf if that is, and 0 for an
// empty sketch. percents ascend, and there are some.
func (s *Sketch) Quantiles(dst []float64, percents ...uint64) {
	i, rank := 0, s.rank(percents[0])
	reach := func(bucket int, seen uint64) (all bool) {
		for rank <= seen {
			dst[i] = bucketValue(bucket)
			if i++; i == len(percents) {
				return true
			}
			rank = s.rank(percents[i])
		}
		return false
	}
	seen := s.zeros
	if reach(bucketZero, seen) {
		return
	}
	for p, page := range s.pages {
		if page == 0 {
			continue
		}
		for i, n := range s.page(page) {
			if seen += n; seen >= rank && reach(p<<pageBits|i, seen) {
				return
			}
		}
	}
}

// buckets goes through the buckets other than that of zero that have a count, in ascending order.
func (s *Sketch) buckets() iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		for p, page := range s.pages {
			if page == 0 {
				continue
			}
			for i, n := range s.page(page) {
				if n > 0 && !yield(p<<pageBits|i, n) {
					return
				}
			}
		}
	}
}

// rank returns that of a quantile among the values: how many are not greater.
func (s *Sketch) rank(percent uint64) uint64 {
	hi, lo := bits.Mul64(s.count, percent)
	rank, rest := bits.Div64(hi, lo, 100)
	if rest > 0 {
		rank++
	}
	return rank
}

// BucketOf returns the bucket of v >= 0. The exponent field and the mantissa behind it are a number whose multiple is a
// line between powers of two.
func BucketOf(v float64) int {
	b := math.Float64bits(v)
	if b < 1<<fracBits { // zero, or subnormal
		if b == 0 {
			return bucketZero
		}
		x := bits.Len64(b) - 1
		return 1 + x*sketchSteps + int((b-1<<x)*sketchSteps>>x)
	}
	hi, lo := bits.Mul64(b, sketchSteps)
	return int(hi<<(64-fracBits)|lo>>fracBits) + 1 + (fracBits-1)*sketchSteps
}

// bucketValue returns the value from which none of a bucket is further off than Error of itself: with the bounds
// l and u, 2lu/(l+u).
func bucketValue(bucket int) float64 {
	switch bucket {
	case bucketZero:
		return 0
	case bucketInf:
		return math.Inf(1)
	}
	x, step := (bucket-1)/sketchSteps+leastExp, (bucket-1)%sketchSteps
	l, u := float64(sketchSteps+step), float64(sketchSteps+step+1)
	v := 2 * l * u / ((l + u) * sketchSteps) // from 1 to 2
	if x > -expBias {
		return v * math.Float64frombits(uint64(x+expBias)<<fracBits)
	}
	return math.Ldexp(v, x)
}
