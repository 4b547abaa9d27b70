package exact

import (
	"math"
	"math/bits"

	"github.com/residualdb/residual/internal/columns"
)

const batchRows = 256

// Batch is the memory for adding rows that have an actual, batchRows at a time: their numbers become integers of one
// unit, so that the digits of each row go to the same bins and stay in registers. Rows whose numbers do not fit go to
// the sums one by one, which gives the same sums. A row at a time takes ten times as long (BenchmarkErrorKernels).
type Batch struct {
	predicted, actual [batchRows]float64
	fixed             [batchRows]uint64 // magnitudes: of the numbers that are not negative from the front, of the others from the back
	missed            [batchRows]uint8
}

// Next returns up to batchRows rows with an actual from [from, to) and where to go on. The slices are parts of the
// columns, or of b where rows without an actual had to be left out.
func (b *Batch) Next(predicted, actual []float64, known columns.Bitmap, from, to int) (p, q []float64, next int) {
	i, j := known.Run(from, to)
	if j-i >= batchRows || j == to {
		j = min(j, i+batchRows)
		return predicted[i:j], actual[i:j], j
	}
	n := 0
	for ; i < j && n < batchRows; i, j = known.Run(j, to) {
		j = min(j, i+batchRows-n)
		copy(b.predicted[n:], predicted[i:j])
		n += copy(b.actual[n:], actual[i:j])
		next = j
	}
	return b.predicted[:n], b.actual[:n], next
}

// AddErrors adds the errors of rows that [Batch.Next] returned; Quartic only if it is wanted. Equivalent: Errors.Add for
// each.
func (b *Batch) AddErrors(dst *Errors, predicted, actual []float64, quartic bool) {
	x := commonUnit(predicted, actual)
	positive, misses, overflow := fixErrors(&b.fixed, &b.missed, predicted, actual, x)
	if overflow {
		for i, p := range predicted {
			dst.add(p, actual[i], quartic)
		}
		return
	}
	for _, i := range b.missed[:misses] {
		dst.add(predicted[i], actual[i], quartic)
	}
	magnitudes := b.fixed[:len(predicted)]
	dst.addFixed(magnitudes, positive, x)
	if quartic {
		addQuartics(&dst.Quartic, magnitudes, x)
	}
}

// AddValues adds the values of rows that [Batch.Next] returned. Equivalent: Moments.Add for each.
func (b *Batch) AddValues(dst *Moments, values []float64) {
	x := commonUnit(values, nil)
	var zeros [batchRows]float64
	positive, misses, _ := fixErrors(&b.fixed, &b.missed, values, zeros[:], x) // what is not an int64 overflows nothing
	for _, i := range b.missed[:misses] {
		dst.Add(values[i])
	}
	dst.addFixed(b.fixed[:len(values)], positive, x)
}

// commonUnit returns an x for which most values are integers below 2^62 in units of 2^x, judging by every eighth. It is
// from -1022 to 0, so that scaling up is exact.
func commonUnit(v, w []float64) (x int) {
	largest := uint64(0)
	for i := 0; i < len(v); i += 8 {
		largest = max(largest, math.Float64bits(v[i])<<1)
	}
	for i := 0; i < len(w); i += 8 {
		largest = max(largest, math.Float64bits(w[i])<<1)
	}
	return min(max(int(largest>>(fracBits+1))-1022-61, -1022), 0)
}

// fixErrors sets dst to the magnitudes of predicted-actual in units of 2^x, one for each row: those that are not
// negative from the front on, the others from the end back. Rows in which one of the two numbers is not an int64 in
// that unit count as 0 and are listed in missed. If there was an overflow, the result is useless. len(actual) >=
// len(predicted), which is at most batchRows.
func fixErrors(dst *[batchRows]uint64, missed *[batchRows]uint8, predicted, actual []float64, x int) (positive, misses int, overflow bool) {
	up := math.Float64frombits(uint64(1023-x) << fracBits)
	actual = actual[:len(predicted)]
	wrong := int64(0) // its sign, once there was an overflow
	end := len(predicted) - 1
	for i, p := range predicted {
		p *= up
		q := actual[i] * up
		m, n := int64(p), int64(q)
		if float64(m) != p || float64(n) != q {
			m, n = 0, 0
			missed[misses&(batchRows-1)] = uint8(i)
			misses++
		}
		e := m - n
		wrong |= (m ^ n) & (m ^ e)
		sign := e >> 63
		dst[(positive+int(sign)&(end-i))&(batchRows-1)] = uint64(e ^ sign - sign)
		positive += 1 + int(sign)
	}
	return positive, misses, wrong < 0
}

// addFixed adds magnitudes in units of 2^x: the first ones are of values that are not negative, the others of those
// that are. Bins take what they would number by number; the highest that is not zero is the highest touched.
func (m *Moments) addFixed(magnitudes []uint64, positive, x int) {
	shift := uint(x) & (binBits - 1)
	digits := sumDigits(magnitudes[:positive], shift)
	m.Over.addBins(x>>5, digits[:])
	digits = sumDigits(magnitudes[positive:], shift)
	m.Under.addBins(x>>5, digits[:])
	squares := sumSquares(magnitudes, uint(2*x)&(binBits-1))
	m.Squared.addBins(2*x>>5, squares[:])
}

// sumDigits returns the sums of the digits of m << shift, shift < 32. A multiplication shifts across two words at once,
// and the low digits are what the words have beyond the high ones.
func sumDigits(magnitudes []uint64, shift uint) [3]uint64 {
	var s0, s1, s2 uint64
	power := uint64(1) << (shift & 63)
	for _, m := range magnitudes {
		hi, lo := bits.Mul64(m, power)
		s0 += lo
		s1 += lo >> binBits
		s2 += hi
	}
	return [3]uint64{s0 - s1<<binBits, s1, s2}
}

// sumSquares returns the sums of the digits of m^2 << shift, shift < 32, m < 2^63.
func sumSquares(magnitudes []uint64, shift uint) [5]uint64 {
	var s0, s1, s2, s3, s4 uint64
	power := uint64(1) << (shift & 63)
	for _, m := range magnitudes {
		hi, lo := bits.Mul64(m, m)
		carry, lo := bits.Mul64(lo, power)
		s0 += lo
		s1 += lo >> binBits
		top, hi := bits.Mul64(hi, power)
		hi |= carry
		s2 += hi
		s3 += hi >> binBits
		s4 += top
	}
	return [5]uint64{s0 - s1<<binBits, s1, s2 - s3<<binBits, s3, s4}
}

// addQuartics adds the fourth powers of magnitudes in units of 2^x, at most 2^63. The largest tells which bins a sum of
// them keeps: four digits, where a fourth power has nine. One by one, they cost 17 of about 600 ns of a row loaded
// (BenchmarkBuilder).
func addQuartics(s *Sum, magnitudes []uint64, x int) {
	largest := uint64(0)
	for _, m := range magnitudes {
		largest = max(largest, m)
	}
	if largest == 0 {
		return
	}
	up := max(bits.LeadingZeros64(largest)-1, 0) // after which the largest has 63 bits or is 2^63, and its fourth power 249 to 253
	x -= up
	_, _, w3 := quartic(largest << up)
	lead := 4*x + 192 + bits.Len64(w3) - 1
	low := lead>>5 - (sumBins - 1)
	digits := sumQuartics(magnitudes, uint(up), uint(low*binBits-4*x))
	s.addBins(low, digits[:])
}

// sumQuartics returns the sums of the digits of (m << up)^4 >> down, which has at most 128 bits. down is from 64 to
// 191.
func sumQuartics(magnitudes []uint64, up, down uint) [sumBins]uint64 {
	var s0, s1, s2, s3 uint64
	far, r := down >= 128, down&63
	for _, m := range magnitudes {
		w1, w2, w3 := quartic(m << (up & 63))
		if far {
			w1, w2, w3 = w2, w3, 0
		}
		lo := w1>>r | w2<<1<<(63-r)
		hi := w2>>r | w3<<1<<(63-r)
		s0 += lo
		s1 += lo >> binBits
		s2 += hi
		s3 += hi >> binBits
	}
	return [sumBins]uint64{s0 - s1<<binBits, s1, s2 - s3<<binBits, s3}
}

// quartic returns the upper three of the four words of m^4, the least first, for m <= 2^63.
func quartic(m uint64) (w1, w2, w3 uint64) {
	hi, lo := bits.Mul64(m, m)
	w1, _ = bits.Mul64(lo, lo)
	w3, w2 = bits.Mul64(hi, hi)
	crossHi, crossLo := bits.Mul64(hi, lo)
	var carry uint64
	w1, carry = bits.Add64(w1, crossLo<<1, 0)
	w2, carry = bits.Add64(w2, crossHi<<1|crossLo>>63, carry)
	return w1, w2, w3 + carry
}
