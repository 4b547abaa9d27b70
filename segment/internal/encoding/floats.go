package encoding

import (
	"encoding/binary"
	"math"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/digits"
)

// A column of float64 is stored as
//
//	form        1 byte: a floatForm, plus floatAgainst if the integers are differences to those of a reference column
//	places      1 byte, if decimals
//	integers    see ints.go; for floatSplit exponents, with the sign as their lowest bit, and then fractions
//	exceptions  if decimals: count, then for each the distance from the one before (uvarint) and the 8 bytes of its value
//
// The reference of the actual column is the predicted one, in the rows that have an actual: its bit patterns for
// floatBits, its integers for decimals, which must be of as many places. floatSplit has none.
type floatForm uint8

const (
	floatBits      floatForm = iota // bit patterns
	floatProducts                   // decimals, see fromProducts
	floatQuotients                  // decimals, see fromQuotients
	floatSplit                      // exponents and fractions apart, for patterns that have nothing else in common

	floatAgainst floatForm = 0x80
)

const (
	fracBits = 52
	fracMask = 1<<fracBits - 1
	expMask  = 0x7ff

	// exceptionBytes is about what an exception costs.
	exceptionBytes = 10

	// Products with more than one exception in productShare give way to quotients, decimals with more than one in
	// decimalShare to bit patterns.
	productShare = 64
	decimalShare = 4
)

// decimals is a column as decimals of some number of places.
type decimals struct {
	form       floatForm // floatBits if it is not one
	places     int
	ints       []int64
	exceptions []int // rows whose integer means nothing

	fractions []int64 // memory for floatSplit
}

// reference is the column that another is stored against.
type reference struct {
	values   []float64
	decimals decimals
	rows     columns.Bitmap // those that the other column has; nil if it has all
	from, to int            // of these rows, those that are there
}

// AppendPair appends the predictions, and the actuals of the rows that are set in known, each in its cheapest form.
func (e *Encoder) AppendPair(dst []byte, predicted, actual []float64, known columns.Bitmap) []byte {
	ref := &e.predicted
	dst = e.appendFloats(dst, predicted, &ref.decimals, nil)
	ref.values = append(ref.values[:0], predicted...)
	n := known.Count()
	if n == len(predicted) {
		return e.appendFloats(dst, actual, &e.actual, ref)
	}
	gather(ref.values, ref.values, known)
	if ref.decimals.form != floatBits {
		gather(ref.decimals.ints, ref.decimals.ints, known)
	}
	compact := columns.Resize(&e.known, n)
	gather(compact, actual, known)
	return e.appendFloats(dst, compact, &e.actual, ref)
}

// gather copies the values whose bits are set to the front of dst.
func gather[T any](dst, src []T, known columns.Bitmap) {
	n := 0
	for i, j := known.Run(0, len(src)); i < j; i, j = known.Run(j, len(src)) {
		n += copy(dst[n:], src[i:j])
	}
}

// appendFloats appends v in its cheapest form, bit for bit, and leaves its decimals in own. ref may be nil.
func (e *Encoder) appendFloats(dst []byte, v []float64, own *decimals, ref *reference) []byte {
	own.form = floatBits
	if places, ok := choosePlaces(v); !ok || !own.fit(v, places) {
		return e.appendBits(dst, v, ref)
	}
	plan := planInts(own.ints)
	if ref != nil && ref.decimals.form != floatBits && ref.decimals.places >= own.places {
		if dst, ok := e.appendAgainst(dst, v, own, ref, plan.bytes+exceptionBytes*len(own.exceptions)); ok {
			return dst
		}
	}
	dst = append(dst, byte(own.form), byte(own.places))
	return appendExceptions(e.appendInts(dst, own.ints, plan), v, own.exceptions)
}

// appendAgainst appends v as differences to the decimals of the reference if that takes less than limit bytes.
func (e *Encoder) appendAgainst(dst []byte, v []float64, own *decimals, ref *reference, limit int) ([]byte, bool) {
	if ref.decimals.places > own.places {
		if own = &e.other; !own.fit(v, ref.decimals.places) {
			return dst, false
		}
	}
	diffs := columns.Resize(&e.diffs, len(v))
	for i, n := range own.ints {
		diffs[i] = n - ref.decimals.ints[i]
	}
	plan := planInts(diffs)
	if plan.bytes+exceptionBytes*len(own.exceptions) >= limit {
		return dst, false
	}
	dst = append(dst, byte(own.form|floatAgainst), byte(own.places))
	return appendExceptions(e.appendInts(dst, diffs, plan), v, own.exceptions), true
}

// fit sets d to v with the given number of places, in the form that leaves the fewest exceptions. It returns false if
// those are too many.
func (d *decimals) fit(v []float64, places int) bool {
	d.places = places
	for form := floatProducts; form <= floatQuotients; form++ {
		d.form = form
		d.convert(v)
		if form == floatProducts && len(d.exceptions) <= len(v)/productShare {
			return true
		}
	}
	if len(d.exceptions) > len(v)/decimalShare {
		d.form = floatBits
	}
	return d.form != floatBits
}

// convert sets ints and exceptions. An exception takes the integer before it, so that it widens nothing.
func (d *decimals) convert(v []float64) {
	d.exceptions = d.exceptions[:0]
	ints := columns.Resize(&d.ints, len(v))
	p, up, down := digits.FloatTens[d.places], digits.FloatTens[decimalsMax-d.places], inverse14
	if d.places == 0 {
		up, down = 1, 1
	}
	quotients := d.form == floatQuotients
	last := int64(0)
	for i, f := range v {
		scaled := f * p
		n := int64(float64(scaled+roundMagic) - roundMagic)
		back := float64(n) * up * down
		if quotients {
			back = float64(n) / p
		}
		if math.Float64bits(back) != math.Float64bits(f) || !(math.Abs(scaled) < decimalLimit) {
			d.exceptions = append(d.exceptions, i)
			n = last
		}
		ints[i], last = n, n
	}
	leading := 0
	for leading < len(d.exceptions) && d.exceptions[leading] == leading {
		leading++
	}
	if leading < len(v) {
		for i := range leading {
			ints[i] = ints[leading]
		}
	}
}

func appendExceptions(dst []byte, v []float64, exceptions []int) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(exceptions)))
	last := 0
	for _, i := range exceptions {
		dst = binary.AppendUvarint(dst, uint64(i-last))
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v[i]))
		last = i
	}
	return dst
}

// appendBits appends the bit patterns of v.
func (e *Encoder) appendBits(dst []byte, v []float64, ref *reference) []byte {
	patterns := columns.Resize(&e.other.ints, len(v))
	exponents, fractions := columns.Resize(&e.exponents, len(v)), columns.Resize(&e.fractions, len(v))
	for i, f := range v {
		b := math.Float64bits(f)
		patterns[i] = int64(b)
		exponents[i], fractions[i] = int64(b>>fracBits&expMask<<1|b>>63), int64(b&fracMask)
	}
	plan, form := planInts(patterns), floatBits
	if ref != nil {
		diffs := columns.Resize(&e.diffs, len(v))
		for i, n := range patterns {
			diffs[i] = n - int64(math.Float64bits(ref.values[i]))
		}
		if p := planInts(diffs); p.bytes < plan.bytes {
			patterns, plan, form = diffs, p, floatBits|floatAgainst
		}
	}
	if high, low := planInts(exponents), planInts(fractions); high.bytes+low.bytes < plan.bytes {
		dst = e.appendInts(append(dst, byte(floatSplit)), exponents, high)
		return e.appendInts(dst, fractions, low)
	}
	return e.appendInts(append(dst, byte(form)), patterns, plan)
}

// Pair is what [Decoder.DecodePair] decodes: rows [From, To) of the columns that [Encoder.AppendPair] appended. Predicted
// and Actual are as long as the columns, and their other rows are left undefined.
type Pair struct {
	Predicted, Actual []float64
	Known             columns.Bitmap
	Actuals           int // bits set in Known
	From, To          int
}

// DecodePair decodes rows of a pair that is all that c has left. The actual of a row without one is 0.
func (d *Decoder) DecodePair(c *columns.Cursor, p *Pair) error {
	ref := &d.predicted
	ref.values, ref.rows, ref.from, ref.to = p.Predicted, nil, p.From, p.To
	decodeFloats(c, ref.values, span{p.From, p.To}, &ref.decimals, nil)
	if p.Actuals == len(p.Predicted) {
		decodeFloats(c, p.Actual, span{p.From, p.To}, &d.actual, ref)
		return c.End()
	}
	ref.rows = p.Known
	compact := columns.Resize(&d.values, p.Actuals)
	some := span{p.Known.CountBelow(p.From), p.Known.CountBelow(p.To)}
	decodeFloats(c, compact, some, &d.actual, ref)
	clear(p.Actual[p.From:p.To])
	compact = compact[some.from:some.to]
	for i, j := p.Known.Run(p.From, p.To); i < j; i, j = p.Known.Run(j, p.To) {
		compact = compact[copy(p.Actual[i:j], compact):]
	}
	return c.End()
}

// decodeFloats sets the part of dst from the front of c, at which a column of len(dst) floats lies, and leaves the
// decimals in own. The rest of both is left undefined. ref is nil if there is no reference.
func decodeFloats(c *columns.Cursor, dst []float64, part span, own *decimals, ref *reference) {
	form := floatForm(c.Uint8())
	if form == floatSplit {
		own.form = floatBits
		decodeSplit(c, dst, part, own)
		return
	}
	own.form = form &^ floatAgainst
	ints := columns.Resize(&own.ints, len(dst))
	if own.form != floatBits {
		own.places = int(c.Uint8())
	}
	if own.form > floatQuotients || own.form != floatBits && own.places > decimalsMax || form&floatAgainst != 0 && ref == nil {
		own.form = floatBits
		c.Fail("form of floats")
		return
	}
	DecodeIntsRange(c, ints, part.from, part.to)
	decoded, floats := ints[part.from:part.to], dst[part.from:part.to]
	if form&floatAgainst != 0 {
		if own.form != floatBits && (ref.decimals.form == floatBits || ref.decimals.places != own.places) {
			c.Fail("reference of floats")
			return
		}
		ref.addTo(decoded, own.form)
	}
	switch own.form {
	case floatBits:
		for i, n := range decoded {
			floats[i] = math.Float64frombits(uint64(n))
		}
		return
	case floatProducts:
		fromProducts(floats, decoded, own.places)
	default:
		fromQuotients(floats, decoded, own.places)
	}
	decodeExceptions(c, dst)
}

// decodeExceptions puts exceptions in their places.
func decodeExceptions(c *columns.Cursor, dst []float64) {
	at := uint64(0)
	for range c.Count(1, "exceptions") {
		at += c.Uvarint()
		v := c.Uint64()
		if at >= uint64(len(dst)) {
			c.Fail("exception out of place")
			return
		}
		dst[at] = math.Float64frombits(v)
	}
}

// decodeSplit reads exponents and fractions.
func decodeSplit(c *columns.Cursor, dst []float64, part span, own *decimals) {
	exponents, fractions := columns.Resize(&own.ints, len(dst)), columns.Resize(&own.fractions, len(dst))
	DecodeIntsRange(c, exponents, part.from, part.to)
	DecodeIntsRange(c, fractions, part.from, part.to)
	fromSplit(dst[part.from:part.to], exponents[part.from:part.to], fractions[part.from:part.to])
}

// fromSplit puts exponents, with the sign as their lowest bit, and fractions together. Both have len(dst).
func fromSplit(dst []float64, exponents, fractions []int64) {
	exponents, fractions = exponents[:len(dst)], fractions[:len(dst)]
	for i := range dst {
		x := uint64(exponents[i])
		dst[i] = math.Float64frombits(x>>1<<fracBits | x<<63 | uint64(fractions[i])&fracMask)
	}
}

// addTo turns the differences to the reference, as stored in the given form, back to integers.
func (r *reference) addTo(diffs []int64, form floatForm) {
	if r.rows == nil {
		r.addRows(diffs, r.from, form)
		return
	}
	for i, j := r.rows.Run(r.from, r.to); i < j; i, j = r.rows.Run(j, r.to) {
		r.addRows(diffs[:j-i], i, form)
		diffs = diffs[j-i:]
	}
}

// addRows is addTo for consecutive rows of the reference from row i on.
func (r *reference) addRows(diffs []int64, i int, form floatForm) {
	if form == floatBits {
		for k, v := range r.values[i : i+len(diffs)] {
			diffs[k] += int64(math.Float64bits(v))
		}
		return
	}
	addInts(diffs, r.decimals.ints[i:])
}
