package segment

import (
	"encoding/binary"
	"math"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/segment/internal/exact"
)

// rowsMax bounds the rows of an aggregate.
const rowsMax = 1 << 32

// appendTo appends a in its stored form:
//
//	rows, actuals           uvarint
//	if rows > 0             MinTime varint, MaxTime-MinTime uvarint
//	if actuals > 0          ActualMinTime-MinTime, MaxTime-ActualMaxTime, actuals-PercentRows uvarint, MaxAbsError 8 bytes,
//	                        Over, Under, Squared, Quartic, Over, Under and Squared of the actuals, Percent, Symmetric
//
// The form of a Sum is described at [exact.Sum.AppendTo]. Equal aggregates have equal bytes.
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
		dst = s.AppendTo(dst)
	}
	return dst
}

// decodeAggregate reads what Aggregate.appendTo wrote.
func decodeAggregate(c *columns.Cursor) Aggregate {
	a := Aggregate{Counts: Counts{Rows: c.Uvarint(), Actuals: c.Uvarint()}}
	if a.Rows > rowsMax || a.Actuals > a.Rows {
		c.Fail("aggregate counts")
	}
	if a.Rows > 0 {
		a.MinTime = c.Varint()
		a.MaxTime = a.MinTime + int64(c.Uvarint())
	}
	if a.Actuals > 0 {
		a.ActualMinTime = a.MinTime + int64(c.Uvarint())
		a.ActualMaxTime = a.MaxTime - int64(c.Uvarint())
		a.PercentRows = a.Actuals - c.Uvarint()
		a.MaxAbsError = math.Float64frombits(c.Uint64())
		for _, s := range a.sums() {
			s.Decode(c, a.Actuals)
		}
		if a.ActualMinTime < a.MinTime || a.ActualMaxTime < a.ActualMinTime || a.ActualMaxTime > a.MaxTime {
			c.Fail("aggregate times")
		}
		if a.PercentRows > a.Actuals || !(a.MaxAbsError >= 0) {
			c.Fail("aggregate numbers")
		}
	}
	if a.MaxTime < a.MinTime {
		c.Fail("aggregate times")
	}
	if c.Err != nil {
		return Aggregate{}
	}
	return a
}

// sums lists the sums in their stored order.
func (a *Aggregate) sums() [9]*exact.Sum {
	return [...]*exact.Sum{&a.Errors.Over, &a.Errors.Under, &a.Errors.Squared, &a.Errors.Quartic, &a.Actual.Over, &a.Actual.Under, &a.Actual.Squared, &a.Percent, &a.Symmetric}
}
