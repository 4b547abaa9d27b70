package segment

import "encoding/binary"

// stripRows is the number of rows of a strip. A block of more rows than that has sums of errors for each strip of them,
// so that the edge of a window costs the rows of one strip and not those of half a block.
const stripRows = 128

// A block's strips are stored as
//
//	first times   for each strip but the first: the distance of its first time from that of the strip before, uvarint
//	sums          for each strip: Over, Under, Squared, see format_aggregate.go
//
// and as nothing at all for one strip.
type strips struct {
	starts []int64 // first time of each
	sums   []errorSums
}

// errorSums are the sums that [Aggregate.MergeErrors] takes.
type errorSums struct{ over, under, squared Sum }

// stripsOf returns the number of strips of so many rows.
func stripsOf(rows int) int { return (rows + stripRows - 1) / stripRows }

// addTo adds the sums to those of a, not the counts and times.
func (s *errorSums) addTo(a *Aggregate) {
	a.Over.Merge(&s.over)
	a.Under.Merge(&s.under)
	a.Squared.Merge(&s.squared)
}

// appendStrips appends the length and the bytes of the strips of c, and sets sum to all its rows.
func (e *encoder) appendStrips(dst []byte, c *Columns, sum *Aggregate) []byte {
	n := c.Len()
	sum.Reset()
	sum.addRowTimes(c.Times, c.Known, 0, n)
	stored := e.strips[:0]
	for i := stripRows; i < n; i += stripRows {
		stored = binary.AppendUvarint(stored, uint64(c.Times[i]-c.Times[i-stripRows]))
	}
	b := &e.batch
	for from := 0; from < n; {
		var a Aggregate
		for end := min(from+stripRows, n); from < end; {
			p, q, next := b.next(c.Predicted, c.Actual, c.Known, from, end)
			b.addErrors(&a, p, q, true)
			b.addRest(sum, p, q)
			from = next
		}
		s := errorSums{a.Over, a.Under, a.Squared}
		s.addTo(sum)
		sum.Quartic.Merge(&a.Quartic)
		if n > stripRows {
			stored = s.squared.appendTo(s.under.appendTo(s.over.appendTo(stored)))
		}
	}
	e.strips = stored
	return append(binary.AppendUvarint(dst, uint64(len(stored))), stored...)
}

// decode reads the strips of a block of n rows whose first time is first.
func (s *strips) decode(c *cursor, n int, first int64) {
	part := cursor{rest: c.block()}
	count := stripsOf(n)
	starts := grow(&s.starts, count)
	starts[0] = first
	if s.sums = s.sums[:0]; count == 1 {
		c.finish(&part)
		return
	}
	for i := 1; i < count; i++ {
		starts[i] = starts[i-1] + int64(part.uvarint())
	}
	sums := grow(&s.sums, count)
	for i := range sums {
		sums[i] = errorSums{}
		sums[i].over.decode(&part, stripRows)
		sums[i].under.decode(&part, stripRows)
		sums[i].squared.decode(&part, stripRows)
	}
	c.finish(&part)
}
