package segment

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// A block is up to blockRows consecutive rows of one series, in chunks, each with the CRC32C of its bytes behind it:
//
//	numbers    length of strips, strips, times (integers), known, predicted (floats), actual (floats, of the rows that
//	           have one)
//	ids        prediction ids
//	features   features
//	lags       of which rows (as known), lags (integers, of those rows); nothing if no row has one
//	sketches   Sketches; nothing if no row has an actual
//
// known is one byte, and for knownSome the bitmap in words of 8 bytes.
const (
	blockRows    = 1024
	blockRowsMax = 1 << 16 // what a reader accepts

	// A block also ends once its texts reach textBytesBlock. With rows of at most RowBytesMax, its columns of text stay
	// below textBytesMax.
	textBytesBlock = 1 << 20
	textBytesMax   = 1 << 22

	checksumLen = 4
)

const (
	knownNone = iota
	knownAll
	knownSome
)

// chunk numbers the parts of a block.
type chunk uint8

const (
	chunkNumbers chunk = iota
	chunkIDs
	chunkFeatures
	chunkLags
	chunkSketches
	chunks
)

// ColumnSet selects the columns that [Segment.ReadBlock] decodes.
type ColumnSet uint8

const (
	// Numbers are times, predicted and actual.
	Numbers ColumnSet = 1 << chunkNumbers
	// IDs are the prediction ids.
	IDs ColumnSet = 1 << chunkIDs
	// Features are the features.
	Features ColumnSet = 1 << chunkFeatures
	// Lags are the lags.
	Lags ColumnSet = 1 << chunkLags
	// AllColumns are all of them.
	AllColumns = Numbers | IDs | Features | Lags
)

// appendBlock appends the chunks of the rows of c and returns their lengths. It sets sum to the rows.
func (e *encoder) appendBlock(dst []byte, c *Columns, sum *Aggregate) ([]byte, [chunks]uint32) {
	var lens [chunks]uint32
	start := len(dst)
	seal := func(ch chunk) {
		dst = appendChecksum(dst, start)
		lens[ch] = uint32(len(dst) - start)
		start = len(dst)
	}
	dst = e.appendNumbers(e.appendStrips(dst, c, sum), c)
	seal(chunkNumbers)
	dst = e.appendTexts(dst, &c.IDs, 0)
	seal(chunkIDs)
	dst = e.appendTexts(dst, &c.Features, 0)
	seal(chunkFeatures)
	if slices.ContainsFunc(c.Lags, func(lag int64) bool { return lag != NoLag }) {
		dst = e.appendLags(dst, c.Lags)
		seal(chunkLags)
	}
	if sum.Actuals > 0 {
		e.sketches.Reset()
		e.sketches.AddRows(c.Predicted, c.Actual, c.Lags, c.Known, 0, c.Len())
		dst = e.sketches.AppendTo(dst)
		seal(chunkSketches)
	}
	return dst, lens
}

// appendLags appends a column of lags of which there is one.
func (e *encoder) appendLags(dst []byte, lags []int64) []byte {
	e.lagged, e.lags = e.lagged[:0], e.lags[:0]
	for i, lag := range lags {
		e.lagged.Append(i, lag != NoLag)
		if lag != NoLag {
			e.lags = append(e.lags, lag)
		}
	}
	return e.appendInts(appendKnown(dst, e.lagged, len(e.lags), len(lags)), e.lags, planInts(e.lags))
}

// appendKnown appends which of the rows have something, known of them.
func appendKnown(dst []byte, b Bitmap, known, rows int) []byte {
	switch known {
	case 0:
		return append(dst, knownNone)
	case rows:
		return append(dst, knownAll)
	}
	dst = append(dst, knownSome)
	for _, w := range b {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}

func (e *encoder) appendNumbers(dst []byte, c *Columns) []byte {
	dst = e.appendInts(dst, c.Times, planInts(c.Times))
	known := c.Known.Count()
	dst = appendKnown(dst, c.Known, known, c.Len())
	dst = e.appendFloats(dst, c.Predicted, &e.predicted.decimals, nil)
	e.predicted.values = append(e.predicted.values[:0], c.Predicted...)
	if known == c.Len() {
		return e.appendFloats(dst, c.Actual, &e.actual, &e.predicted)
	}
	e.predicted.gather(c.Known)
	actual := grow(&e.known, known)
	gather(actual, c.Actual, c.Known)
	return e.appendFloats(dst, actual, &e.actual, &e.predicted)
}

// gather keeps the rows of the reference whose bits are set.
func (r *reference) gather(known Bitmap) {
	gather(r.values, r.values, known)
	if r.decimals.form != floatBits {
		gather(r.decimals.ints, r.decimals.ints, known)
	}
}

// gather copies the values whose bits are set to the front of dst.
func gather[T any](dst, src []T, known Bitmap) {
	n := 0
	for i, j := known.run(0, len(src)); i < j; i, j = known.run(j, len(src)) {
		n += copy(dst[n:], src[i:j])
	}
}

// decodeChunk sets the columns of a chunk of n rows, given without its checksum.
func (sc *Scratch) decodeChunk(dst *Columns, ch chunk, b []byte, n int) error {
	switch ch {
	case chunkNumbers:
		return sc.decodeNumbers(dst, b, n)
	case chunkIDs:
		return sc.decodeText(&dst.IDs, b, n)
	case chunkFeatures:
		return sc.decodeText(&dst.Features, b, n)
	case chunkLags:
		return sc.decodeLags(dst, b, n)
	default:
		panic("BUG: no such chunk")
	}
}

// decodeNumbers sets the number columns of dst, n rows, from a chunk without its checksum.
func (sc *Scratch) decodeNumbers(dst *Columns, b []byte, n int) error {
	c := cursor{rest: b}
	c.block() // the strips
	decodeInts(&c, grow(&dst.Times, n))
	actuals := decodeKnown(&c, grow(&dst.Known, (n+63)/64), n)
	return sc.decodeValues(&c, dst, actuals, 0, n)
}

// decodeValues sets predicted and actual of the rows [from, to), from what follows known in the chunk of numbers. The
// rest of both is left undefined.
func (sc *Scratch) decodeValues(c *cursor, dst *Columns, actuals, from, to int) error {
	if c.err != nil {
		return c.err
	}
	n, known := len(dst.Times), dst.Known
	ref := &sc.predicted
	ref.values, ref.rows, ref.from, ref.to = grow(&dst.Predicted, n), nil, from, to
	decodeFloats(c, ref.values, from, to, &ref.decimals, nil)
	actual := grow(&dst.Actual, n)
	if actuals == n {
		decodeFloats(c, actual, from, to, &sc.actual, ref)
		return c.end()
	}
	ref.rows = known
	compact := grow(&sc.values, actuals)
	first, end := known.countBelow(from), known.countBelow(to)
	decodeFloats(c, compact, first, end, &sc.actual, ref)
	clear(actual[from:to])
	compact = compact[first:end]
	for i, j := known.run(from, to); i < j; i, j = known.run(j, to) {
		compact = compact[copy(actual[i:j], compact):]
	}
	return c.end()
}

// decodeKnown sets known for n rows and returns the number of bits set.
func decodeKnown(c *cursor, known Bitmap, n int) int {
	clear(known)
	switch c.byte() {
	case knownNone:
	case knownAll:
		for i := range known {
			known[i] = ^uint64(0)
		}
		if n&63 != 0 {
			known[n>>6] = 1<<(n&63) - 1
		}
	case knownSome:
		for i := range known {
			known[i] = c.uint64()
		}
		if n&63 != 0 && known[n>>6]>>(n&63) != 0 {
			c.fail("actuals beyond the rows")
		}
	default:
		c.fail("known actuals")
	}
	return known.Count()
}

// decodeLags sets the lags of n rows from a chunk without its checksum.
func (sc *Scratch) decodeLags(dst *Columns, b []byte, n int) error {
	c := cursor{rest: b}
	lagged := grow(&sc.lagged, (n+63)/64)
	compact := grow(&sc.lags, decodeKnown(&c, lagged, n))
	decodeInts(&c, compact)
	lags := noLags(dst, n)
	for i, j := lagged.run(0, n); i < j; i, j = lagged.run(j, n) {
		compact = compact[copy(lags[i:j], compact):]
	}
	if slices.ContainsFunc(lags, func(lag int64) bool { return lag < NoLag }) {
		c.fail("negative lag")
	}
	return c.end()
}

// noLags sets the lags of n rows to none.
func noLags(dst *Columns, n int) []int64 {
	lags := grow(&dst.Lags, n)
	for i := range lags {
		lags[i] = NoLag
	}
	return lags
}

// decodeText sets a text column of n rows from a chunk without its checksum.
func (sc *Scratch) decodeText(dst *Text, b []byte, n int) error {
	c := cursor{rest: b}
	dst.Reset()
	sc.decodeTexts(&c, dst, n, 0)
	return c.end()
}

func appendChecksum(dst []byte, start int) []byte {
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

// checksum is CRC32C.
func checksum(b []byte) uint32 {
	return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
}
