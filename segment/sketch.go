package segment

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// SketchError bounds the relative error of [Sketch.Quantiles], for values from the least normal float64 on.
const SketchError = 0.01

const (
	// sketchSteps is the number of buckets in which a sketch divides [2^x, 2^(x+1)). Their widths are the same, so that
	// the first is the widest for its values: half its width is at most 1/(2*sketchSteps+1) of the value in the middle.
	sketchSteps = 50

	bucketZero = 0
	bucketInf  = 1 + (1024-leastExp)*sketchSteps // the last one
)

// Sketch counts non-negative values in buckets that are narrow beside their values, so that it knows every quantile to
// within [SketchError]: a DDSketch (Masson, Rim, Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with
// Relative-Error Guarantees", VLDB 2019) whose logarithm is interpolated in a line between powers of two, in integers,
// and which never drops a bucket. Counts are integers and the bucket of a value depends on the value alone, so it is
// the same for every order and grouping of what was added. The zero Sketch is empty. Reset keeps its memory.
type Sketch struct {
	count  uint64
	zeros  uint64
	counts []uint64 // counts[i] is that of bucket first+i
	first  int
}

// windowLeast is the least number of buckets that a sketch has room for: ten powers of two.
const windowLeast = 10 * sketchSteps

// Reset empties s.
func (s *Sketch) Reset() {
	s.count, s.zeros = 0, 0
	if len(s.counts) > 16*windowLeast { // after values of rare magnitudes, lest every query pay for clearing them
		s.counts = nil
	}
	clear(s.counts)
}

// Count returns the number of values.
func (s *Sketch) Count() uint64 { return s.count }

// Add adds a value that is not negative. It may be +Inf.
func (s *Sketch) Add(v float64) {
	s.addBucket(bucketOf(v), 1)
}

func (s *Sketch) addBucket(bucket int, n uint64) {
	s.count += n
	if bucket == bucketZero { // apart, because errors of zero are usual and far from all others
		s.zeros += n
		return
	}
	i := bucket - s.first
	if uint(i) >= uint(len(s.counts)) {
		s.reach(bucket)
		i = bucket - s.first
	}
	s.counts[i] += n
}

// addErrors adds |predicted-actual| of each row. Equivalent: Add for each, at half the cost (BenchmarkSketchesAddRows).
func (s *Sketch) addErrors(predicted, actual []float64) {
	actual = actual[:len(predicted)]
	counts, first := s.counts, s.first
	for i, p := range predicted {
		b := math.Float64bits(p-actual[i]) &^ (1 << 63)
		hi, lo := bits.Mul64(b, sketchSteps)
		at := int(hi<<(64-fracBits)|lo>>fracBits) + 1 + (fracBits-1)*sketchSteps - first
		if uint(at) >= uint(len(counts)) || b < 1<<fracBits {
			s.addBucket(bucketOf(math.Float64frombits(b)), 1)
			counts, first = s.counts, s.first
			continue
		}
		counts[at]++
		s.count++
	}
}

// reach makes room for a bucket.
func (s *Sketch) reach(bucket int) {
	first, end := max(bucket-windowLeast/2, 0), bucket+windowLeast/2
	if len(s.counts) > 0 {
		first, end = min(first, s.first), max(end, s.first+len(s.counts))
	}
	wider := make([]uint64, end-first)
	if len(s.counts) > 0 {
		copy(wider[s.first-first:], s.counts)
	}
	s.counts, s.first = wider, first
}

// Quantiles sets dst[i] to the value of which percents[i] in a hundred are not greater, by the nearest rank: the least
// v such that at least that share of the values is <= v, give or take SketchError. It is +Inf if that is, and 0 for an
// empty sketch. percents ascend.
func (s *Sketch) Quantiles(dst []float64, percents ...uint64) {
	seen, at := s.zeros, -1 // values in the buckets up to at
	for i, percent := range percents {
		hi, lo := bits.Mul64(s.count, percent)
		rank, rest := bits.Div64(hi, lo, 100)
		if rest > 0 {
			rank++
		}
		for seen < rank {
			at++
			seen += s.counts[at]
		}
		if dst[i] = 0; at >= 0 {
			dst[i] = bucketValue(s.first + at)
		}
	}
}

// bucketOf returns the bucket of v >= 0. The exponent field and the mantissa behind it are a number whose multiple is a
// line between powers of two.
func bucketOf(v float64) int {
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

// bucketValue returns the value from which none of a bucket is further off than SketchError of itself: with the bounds
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
	return math.Ldexp(2*l*u/((l+u)*sketchSteps), x)
}

// A stored sketch is the count of zeros and the number of other buckets that have a count (uvarint each); with any, the
// one before the first of them (uvarint), and for each of them a byte: the distance from the one before in the upper
// half, the count in the lower, both less one. 15 in a half says that the rest is in a uvarint that follows, that of
// the distance first. Equal sketches have equal bytes.
const (
	pairBits = 4
	pairMost = 1<<pairBits - 1
)

// appendTo appends s in its stored form.
func (s *Sketch) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, s.zeros)
	used, last := 0, 0
	for i, n := range s.counts {
		if n == 0 {
			continue
		}
		if used == 0 {
			last = s.first + i - 1
		}
		used++
	}
	dst = binary.AppendUvarint(dst, uint64(used))
	if used == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(last))
	for i, n := range s.counts {
		if n == 0 {
			continue
		}
		gap, more := uint64(s.first+i-last-1), n-1
		last = s.first + i
		dst = append(dst, byte(min(gap, pairMost)<<pairBits|min(more, pairMost)))
		if gap >= pairMost {
			dst = binary.AppendUvarint(dst, gap-pairMost)
		}
		if more >= pairMost {
			dst = binary.AppendUvarint(dst, more-pairMost)
		}
	}
	return dst
}

// addStored adds a stored sketch, read from c. s is useless after a failure.
func (s *Sketch) addStored(c *cursor) {
	zeros, used := c.uvarint(), c.count("buckets")
	if zeros > rowsMax {
		c.fail("count of a bucket")
		return
	}
	s.count += zeros
	s.zeros += zeros
	if used == 0 {
		return
	}
	last := c.uvarint()
	if last >= bucketInf {
		c.fail("bucket of a sketch")
	}
	b := c.rest
	for ; used > 0; used-- {
		if len(b) == 0 {
			c.fail("truncated")
			return
		}
		gap, more := uint64(b[0]>>pairBits), uint64(b[0]&pairMost)
		b = b[1:]
		if gap == pairMost || more == pairMost {
			c.rest = b
			gap, more = pairRest(c, gap), pairRest(c, more)
			b = c.rest
		}
		last += gap + 1
		if c.err != nil || last > bucketInf || more >= rowsMax {
			c.fail("bucket of a sketch")
			return
		}
		i := int(last) - s.first
		if uint(i) >= uint(len(s.counts)) {
			s.reach(int(last))
			i = int(last) - s.first
		}
		s.counts[i] += more + 1
		s.count += more + 1
	}
	c.rest = b
}

func pairRest(c *cursor, half uint64) uint64 {
	if half < pairMost {
		return half
	}
	if rest := c.uvarint(); rest <= rowsMax {
		return rest + pairMost
	}
	c.fail("pair of a sketch")
	return 0
}
