package segment

import (
	"encoding/binary"
	"math"
)

const (
	rowsMax = 1 << 32

	// No sum of fourth powers or quotients of float64 has its top bin beyond these, carries aside.
	binLowest  = -140
	binHighest = 140
)

// appendTo appends a in its stored form:
//
//	rows, actuals           uvarint
//	if rows > 0             MinTime varint, MaxTime-MinTime uvarint
//	if actuals > 0          ActualMinTime-MinTime, MaxTime-ActualMaxTime, actuals-PercentRows uvarint, MaxAbsError 8 bytes,
//	                        Over, Under, Squared, Quartic, ActualOver, ActualUnder, ActualSquared, Percent, Symmetric
//
// A Sum is the number of its bins (1 byte, 0 if empty, without the zero bins at its low end), then its top (varint) and
// the bins from the top down (uvarint each). Equal aggregates have equal bytes.
func (a *Aggregate) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, a.Rows)
	dst = binary.AppendUvarint(dst, a.Actuals)
	if a.Rows > 0 {
		dst = binary.AppendVarint(dst, a.MinTime)
		dst = binary.AppendUvarint(dst, uint64(a.MaxTime-a.MinTime))
	}
	if a.Actuals == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(a.ActualMinTime-a.MinTime))
	dst = binary.AppendUvarint(dst, uint64(a.MaxTime-a.ActualMaxTime))
	dst = binary.AppendUvarint(dst, a.Actuals-a.PercentRows)
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(a.MaxAbsError))
	for _, s := range a.sums() {
		dst = s.appendTo(dst)
	}
	return dst
}

// decodeAggregate reads what Aggregate.appendTo wrote.
func decodeAggregate(c *cursor) Aggregate {
	a := Aggregate{Counts: Counts{Rows: c.uvarint(), Actuals: c.uvarint()}}
	if a.Rows > rowsMax || a.Actuals > a.Rows {
		c.fail("aggregate counts")
	}
	if a.Rows > 0 {
		a.MinTime = c.varint()
		a.MaxTime = a.MinTime + int64(c.uvarint())
	}
	if a.Actuals > 0 {
		a.ActualMinTime = a.MinTime + int64(c.uvarint())
		a.ActualMaxTime = a.MaxTime - int64(c.uvarint())
		a.PercentRows = a.Actuals - c.uvarint()
		a.MaxAbsError = math.Float64frombits(c.uint64())
		for _, s := range a.sums() {
			s.decode(c, a.Actuals)
		}
		if a.ActualMinTime < a.MinTime || a.ActualMaxTime < a.ActualMinTime || a.ActualMaxTime > a.MaxTime {
			c.fail("aggregate times")
		}
		if a.PercentRows > a.Actuals || !(a.MaxAbsError >= 0) {
			c.fail("aggregate numbers")
		}
	}
	if a.MaxTime < a.MinTime {
		c.fail("aggregate times")
	}
	if c.err != nil {
		return Aggregate{}
	}
	return a
}

// sums lists the sums in their stored order.
func (a *Aggregate) sums() [9]*Sum {
	return [...]*Sum{&a.Over, &a.Under, &a.Squared, &a.Quartic, &a.ActualOver, &a.ActualUnder, &a.ActualSquared, &a.Percent, &a.Symmetric}
}

func (s *Sum) appendTo(dst []byte) []byte {
	low := 0
	for low < sumBins && s.bins[low] == 0 {
		low++
	}
	dst = append(dst, byte(sumBins-low))
	if low == sumBins {
		return dst
	}
	dst = binary.AppendVarint(dst, int64(s.top))
	for i := sumBins - 1; i >= low; i-- {
		dst = binary.AppendUvarint(dst, s.bins[i])
	}
	return dst
}

// decode reads a sum of at most n addends.
func (s *Sum) decode(c *cursor, n uint64) {
	count := int(c.byte())
	if count > sumBins {
		c.fail("sum of too many bins")
	}
	if count == 0 || c.err != nil {
		return
	}
	top := c.varint()
	for i := range count {
		s.bins[sumBins-1-i] = c.uvarint()
		if s.bins[sumBins-1-i] > n*binMask {
			c.fail("bin beyond its addends")
		}
	}
	if top < binLowest || top > binHighest || s.bins[sumBins-1] == 0 || s.bins[sumBins-count] == 0 {
		c.fail("sum out of form")
	}
	s.top = int32(top)
}
