package segment

import "encoding/binary"

// stripRows is the number of rows of a strip. A block of more rows than that has sums of errors for each strip of them,
// so that the edge of a window costs the rows of one strip and not those of half a block.
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
	sums   []stripSums

	errorsAt, spreadsAt, end int // where in the chunk of numbers sums are, once there is more than one strip
	haveErrors, haveSpreads  bool
}

// stripSums are the sums that [Aggregate.mergeSpread] takes.
type stripSums struct{ over, under, squared, quartic Sum }

// stripsOf returns the number of strips of so many rows.
func stripsOf(rows int) int { return (rows + stripRows - 1) / stripRows }

// addTo adds the sums to those of a, as far as want asks, not the counts and times.
func (s *stripSums) addTo(a *Aggregate, want Want) {
	a.Over.Merge(&s.over)
	a.Under.Merge(&s.under)
	a.Squared.Merge(&s.squared)
	if want >= WantSpread {
		a.Quartic.Merge(&s.quartic)
	}
}

// appendStrips appends the length and the bytes of the strips of c, and sets sum to all its rows.
func (e *encoder) appendStrips(dst []byte, c *Columns, sum *Aggregate) []byte {
	n := c.Len()
	sum.Reset()
	sum.addRowTimes(c.Times, c.Known, 0, n)
	stored, errors, spreads := e.strips[:0], e.errors[:0], e.spreads[:0]
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
		s := stripSums{a.Over, a.Under, a.Squared, a.Quartic}
		s.addTo(sum, WantSpread)
		errors = s.squared.appendTo(s.under.appendTo(s.over.appendTo(errors)))
		spreads = s.quartic.appendTo(spreads)
	}
	if n > stripRows {
		stored = append(appendString(stored, errors), spreads...)
	}
	e.strips, e.errors, e.spreads = stored, errors, spreads
	return append(binary.AppendUvarint(dst, uint64(len(stored))), stored...)
}

// decode reads what is in front of the sums, for a block of n rows whose first time is first. c is at the front of a
// chunk of size bytes.
func (s *strips) decode(c *cursor, size, n int, first int64) {
	part := cursor{rest: c.block()}
	s.end = size - len(c.rest)
	s.haveErrors, s.haveSpreads = false, false
	starts := grow(&s.starts, stripsOf(n))
	starts[0] = first
	if len(starts) == 1 {
		c.finish(&part)
		return
	}
	for i := 1; i < len(starts); i++ {
		starts[i] = starts[i-1] + int64(part.uvarint())
	}
	errors := part.block()
	s.spreadsAt = s.end - len(part.rest)
	s.errorsAt = s.spreadsAt - len(errors)
	part.rest = nil
	c.finish(&part)
}

// decodeSums makes sums hold as much as want asks, from the same chunk, of more than one strip.
func (s *strips) decodeSums(chunk []byte, want Want) error {
	if !s.haveErrors {
		c := cursor{rest: chunk[s.errorsAt:s.spreadsAt]}
		for i := range grow(&s.sums, len(s.starts)) {
			t := &s.sums[i]
			*t = stripSums{}
			t.over.decode(&c, stripRows)
			t.under.decode(&c, stripRows)
			t.squared.decode(&c, stripRows)
		}
		if err := c.end(); err != nil {
			return err
		}
		s.haveErrors = true
	}
	if want >= WantSpread && !s.haveSpreads {
		c := cursor{rest: chunk[s.spreadsAt:s.end]}
		for i := range s.sums {
			s.sums[i].quartic.decode(&c, stripRows)
		}
		if err := c.end(); err != nil {
			return err
		}
		s.haveSpreads = true
	}
	return nil
}
