package segment

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/segment/internal/encoding"
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
// known is a bitmap. The forms of columns and bitmaps are described in package encoding.
const (
	blockRows    = 1024
	blockRowsMax = 1 << 16 // what a reader accepts

	// A block also ends once its texts reach textBytesBlock. With rows of at most RowBytesMax, its columns of text stay
	// below textBytesMax.
	textBytesBlock = 1 << 20
	textBytesMax   = 1 << 22

	checksumLen = 4
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
	dst = e.columns.AppendTexts(dst, &c.IDs)
	seal(chunkIDs)
	dst = e.columns.AppendTexts(dst, &c.Features)
	seal(chunkFeatures)
	if slices.ContainsFunc(c.Lags, func(lag int64) bool { return lag != NoLag }) {
		dst = e.appendLags(dst, c.Lags)
		seal(chunkLags)
	}
	if sum.Actuals > 0 {
		e.sketches.Reset()
		e.sketches.AddColumns(&c.NumberColumns, 0, c.Len())
		dst = e.sketches.AppendTo(dst)
		seal(chunkSketches)
	}
	return dst, lens
}

// appendLags appends a column of lags in which at least one row has a lag.
func (e *encoder) appendLags(dst []byte, lags []int64) []byte {
	e.lagged, e.lags = e.lagged[:0], e.lags[:0]
	for i, lag := range lags {
		e.lagged.Append(i, lag != NoLag)
		if lag != NoLag {
			e.lags = append(e.lags, lag)
		}
	}
	return e.columns.AppendInts(encoding.AppendBitmap(dst, e.lagged, len(e.lags), len(lags)), e.lags)
}

func (e *encoder) appendNumbers(dst []byte, c *Columns) []byte {
	dst = e.columns.AppendInts(dst, c.Times)
	dst = encoding.AppendBitmap(dst, c.Known, c.Known.Count(), c.Len())
	return e.columns.AppendPair(dst, c.Predicted, c.Actual, c.Known)
}

// decodeChunk sets the columns of a chunk of n rows, given without its checksum.
func (sc *Scratch) decodeChunk(dst *Columns, ch chunk, b []byte, n int) error {
	c := columns.NewCursor(b, ErrCorrupt)
	switch ch {
	case chunkNumbers:
		c.Text() // the strips
		encoding.DecodeInts(&c, columns.Resize(&dst.Times, n))
		actuals := encoding.DecodeBitmap(&c, &dst.Known, n)
		return sc.decodeValues(&c, &dst.NumberColumns, actuals, 0, n)
	case chunkIDs:
		sc.columns.DecodeTexts(&c, &dst.IDs, n)
	case chunkFeatures:
		sc.columns.DecodeTexts(&c, &dst.Features, n)
	case chunkLags:
		sc.decodeLags(&c, dst, n)
	default:
		panic("BUG: no such chunk")
	}
	return c.End()
}

// decodeValues sets predicted and actual of the rows [from, to), from what follows known in the chunk of numbers. The
// rest of both is left undefined.
func (sc *Scratch) decodeValues(c *columns.Cursor, dst *NumberColumns, actuals, from, to int) error {
	n := len(dst.Times)
	return sc.columns.DecodePair(c, &encoding.Pair{
		Predicted: columns.Resize(&dst.Predicted, n), Actual: columns.Resize(&dst.Actual, n),
		Known: dst.Known, Actuals: actuals, From: from, To: to,
	})
}

// decodeLags sets the lags of n rows.
func (sc *Scratch) decodeLags(c *columns.Cursor, dst *Columns, n int) {
	compact := columns.Resize(&sc.lags, encoding.DecodeBitmap(c, &sc.lagged, n))
	encoding.DecodeInts(c, compact)
	lags := noLags(dst, n)
	for i, j := sc.lagged.Run(0, n); i < j; i, j = sc.lagged.Run(j, n) {
		compact = compact[copy(lags[i:j], compact):]
	}
	if slices.ContainsFunc(lags, func(lag int64) bool { return lag < NoLag }) {
		c.Fail("negative lag")
	}
}

// noLags sets the lags of n rows to none.
func noLags(dst *Columns, n int) []int64 {
	lags := columns.Resize(&dst.Lags, n)
	for i := range lags {
		lags[i] = NoLag
	}
	return lags
}

func appendChecksum(dst []byte, start int) []byte {
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

// checksum is CRC32C.
func checksum(b []byte) uint32 {
	return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
}
