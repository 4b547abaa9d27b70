package head

import (
	"encoding/binary"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/segment"
)

const (
	// chunkRows is the number of rows of a chunk of texts, a power of two: the low chunkBits of a row's number are its
	// place in its chunk.
	chunkRows = 1 << chunkBits
	chunkBits = 12

	// chunksMax is how many chunks have a number.
	chunksMax = stagedText >> chunkBits
)

// texts holds the prediction ids and features of those rows of a head that were never staged, in chunks: what is there
// already is not copied again as a head grows. The number of a row is that of its chunk and its place there.
type texts struct {
	chunks []*textChunk
	size   int64 // about the bytes held
}

// textChunk has the texts of up to chunkRows rows.
type textChunk struct{ ids, features segment.Text }

// add copies the texts of the rows [from, to) of b and returns their numbers, in the memory given.
func (t *texts) add(numbers []uint32, b *Batch, from, to int) []uint32 {
	for rows := b.rows[from:to]; len(rows) > 0; {
		c := t.open()
		at := c.ids.Len()
		n := min(chunkRows-at, len(rows))
		t.size += appendRows(&c.ids, &b.events.IDs, rows[:n]) + appendRows(&c.features, &b.events.Features, rows[:n])
		rows = rows[n:]
		for first := uint32(len(t.chunks)-1) << chunkBits; n > 0; n-- {
			numbers = append(numbers, first+uint32(at))
			at++
		}
	}
	return numbers
}

// appendRows adds the values of some rows of src to dst, and returns what they take. Most are at most wordsCopied bytes long,
// of which it copies as many whatever the length, which cannot be foretold; the next value is written over what is too
// much. That takes half of the time of a copy of just the bytes: 3 % of the processor time of a load.
func appendRows(dst *segment.Text, src *event.Text, rows []uint32) int64 {
	b, ends := dst.Bytes, dst.Ends
	for _, row := range rows {
		from, to, end := int(src.Start(int(row))), int(src.Ends[row]), len(b)
		if to-from <= wordsCopied && len(src.Bytes)-from >= wordsCopied && cap(b)-end >= wordsCopied {
			copyWords((*[wordsCopied]byte)(b[end:end+wordsCopied]), (*[wordsCopied]byte)(src.Bytes[from:]))
			b = b[:end+to-from]
		} else {
			b = append(b, src.Bytes[from:to]...)
		}
		ends = append(ends, uint32(len(b)))
	}
	size := len(b) - len(dst.Bytes) + 4*len(rows)
	dst.Bytes, dst.Ends = b, ends
	return int64(size)
}

// wordsCopied is how many bytes copyWords copies.
const wordsCopied = 64

// copyWords copies src by words in registers; an assignment would be a call that looks at lengths and overlaps.
func copyWords(dst, src *[wordsCopied]byte) {
	le := binary.LittleEndian
	a, b, c, d := le.Uint64(src[0:]), le.Uint64(src[8:]), le.Uint64(src[16:]), le.Uint64(src[24:])
	e, f, g, h := le.Uint64(src[32:]), le.Uint64(src[40:]), le.Uint64(src[48:]), le.Uint64(src[56:])
	le.PutUint64(dst[0:], a)
	le.PutUint64(dst[8:], b)
	le.PutUint64(dst[16:], c)
	le.PutUint64(dst[24:], d)
	le.PutUint64(dst[32:], e)
	le.PutUint64(dst[40:], f)
	le.PutUint64(dst[48:], g)
	le.PutUint64(dst[56:], h)
}

// textBytes is what the texts of a row take, with their ends.
func textBytes(id, features []byte) int64 { return int64(len(id)+len(features)) + 2*4 }

// open returns the last chunk, or another one where that is full. The first one of a head starts small, for models with few
// rows; later ones are as large as the one before turned out.
func (t *texts) open() *textChunk {
	c := new(textChunk)
	if n := len(t.chunks); n > 0 {
		last := t.chunks[n-1]
		if last.ids.Len() < chunkRows {
			return last
		}
		c.ids, c.features = sizedLike(&last.ids), sizedLike(&last.features)
	}
	if t.chunks = append(t.chunks, c); len(t.chunks) > chunksMax {
		panic("BUG: more chunks of text than have numbers")
	}
	return c
}

func sizedLike(last *segment.Text) segment.Text {
	return segment.Text{Bytes: make([]byte, 0, len(last.Bytes)+len(last.Bytes)/16), Ends: make([]uint32, 0, chunkRows)}
}

// appendTo adds the texts of rows, in this order, to two columns. Rows that follow each other are copied at once.
func (t *texts) appendTo(ids, features *segment.Text, rows []uint32) {
	for len(rows) > 0 {
		n, at := 1, int(rows[0]%chunkRows)
		for n < len(rows) && rows[n] == rows[0]+uint32(n) && at+n < chunkRows {
			n++
		}
		c := t.chunks[rows[0]>>chunkBits]
		ids.AppendFrom(&c.ids, at, at+n)
		features.AppendFrom(&c.features, at, at+n)
		rows = rows[n:]
	}
}

func (t *texts) id(row uint32) []byte { return t.chunks[row>>chunkBits].ids.At(int(row % chunkRows)) }

func (t *texts) features(row uint32) []byte {
	return t.chunks[row>>chunkBits].features.At(int(row % chunkRows))
}
