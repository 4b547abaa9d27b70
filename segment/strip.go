package segment

import (
	"encoding/binary"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/segment/internal/exact"
)

// stripRows is the number of rows of a strip. A block of more rows than that has sums of errors for each strip of them,
// so that the edge of a window costs the rows of one strip and not those of half a block. Without, at 10 M rows of ten
// models, drift of 6 h against 168 h takes 17.9 us instead of 6.3, and metrics of 24 h 7.0 instead of 3.3 (BenchmarkDrift,
// BenchmarkMetrics in package bench). With the sums, but each edge block decoded as a whole, they take 13.5 and 6.4.
const stripRows = 128

// A block's strips are stored as
//
//	first times   for each strip but the first: the distance of its first time from that of the strip before, uvarint
//	errors        length, then for each strip: Over, Under, Squared, see format_aggregate.go
//	spreads       for each strip: Quartic
//
// and as nothing at all for one strip. Sums are decoded when they are first wanted: many edges lie in a strip or two.
type strips struct {
	starts []int64 // first time of each
	sums   []exact.Errors

	errorsAt, spreadsAt, end int // where in the chunk of numbers sums are, once there is more than one strip
	haveErrors, haveSpreads  bool
}

// stripsOf returns the number of strips of so many rows.
func stripsOf(rows int) int { return (rows + stripRows - 1) / stripRows }

// appendStrips appends the length and the bytes of the strips of c, and sets sum to all its rows.
func (e *encoder) appendStrips(dst []byte, c *Columns, sum *Aggregate) []byte {
	n := c.Len()
	sum.Reset()
	sum.addRowTimes(&c.NumberColumns, 0, n)
	stored, errors, spreads := e.strips[:0], e.errors[:0], e.spreads[:0]
	for i := stripRows; i < n; i += stripRows {
		stored = binary.AppendUvarint(stored, uint64(c.Times[i]-c.Times[i-stripRows]))
	}
	b := &e.batch
	for from := 0; from < n; {
		var s exact.Errors
		for end := min(from+stripRows, n); from < end; {
			p, q, next := b.Next(c.Predicted, c.Actual, c.Known, from, end)
			b.AddErrors(&s, p, q, true)
			sum.addRest(b, p, q)
			from = next
		}
		sum.Errors.Merge(&s)
		errors = s.Squared.AppendTo(s.Under.AppendTo(s.Over.AppendTo(errors)))
		spreads = s.Quartic.AppendTo(spreads)
	}
	if n > stripRows {
		stored = append(columns.AppendText(stored, errors), spreads...)
	}
	e.strips, e.errors, e.spreads = stored, errors, spreads
	return append(binary.AppendUvarint(dst, uint64(len(stored))), stored...)
}

// decode reads what is in front of the sums, for a block of n rows whose first time is first. c is at the front of a
// chunk of size bytes.
func (s *strips) decode(c *columns.Cursor, size, n int, first int64) {
	part := columns.NewCursor(c.Text(), ErrCorrupt)
	s.end = size - len(c.Rest)
	s.haveErrors, s.haveSpreads = false, false
	starts := columns.Resize(&s.starts, stripsOf(n))
	starts[0] = first
	if len(starts) == 1 {
		c.Finish(&part)
		return
	}
	for i := 1; i < len(starts); i++ {
		starts[i] = starts[i-1] + int64(part.Uvarint())
	}
	errors := part.Text()
	s.spreadsAt = s.end - len(part.Rest)
	s.errorsAt = s.spreadsAt - len(errors)
	part.Rest = nil
	c.Finish(&part)
}

// decodeSums makes sums hold as much as want asks, from the same chunk, of more than one strip.
func (s *strips) decodeSums(chunk []byte, want Want) error {
	if !s.haveErrors {
		c := columns.NewCursor(chunk[s.errorsAt:s.spreadsAt], ErrCorrupt)
		for i := range columns.Resize(&s.sums, len(s.starts)) {
			t := &s.sums[i]
			*t = exact.Errors{}
			t.Over.Decode(&c, stripRows)
			t.Under.Decode(&c, stripRows)
			t.Squared.Decode(&c, stripRows)
		}
		if err := c.End(); err != nil {
			return err
		}
		s.haveErrors = true
	}
	if want >= WantSpread && !s.haveSpreads {
		c := columns.NewCursor(chunk[s.spreadsAt:s.end], ErrCorrupt)
		for i := range s.sums {
			s.sums[i].Quartic.Decode(&c, stripRows)
		}
		if err := c.End(); err != nil {
			return err
		}
		s.haveSpreads = true
	}
	return nil
}
