package head

import (
	"sync/atomic"

	"github.com/residualdb/residual/segment"
)

const (
	// copiedRows is the number of rows whose texts are copied to one chunk. A head grows by whole chunks, so that what
	// it holds already is not copied again; one arena per column would be, about five times over a head's life.
	copiedRows = 4096

	// chunkRowsMax bounds the rows of a chunk: a row's place in it is the low chunkBits of its number.
	chunkRowsMax = 1 << chunkBits
	chunkBits    = 16

	// chunksMax is how many chunks have a number.
	chunksMax = freshText >> chunkBits
)

// text holds the prediction ids and features of a head's rows, in chunks. The number of a row is that of its chunk and
// its place there.
type text struct {
	chunks []*textChunk
	open   *textChunk // the last one, if texts are copied to it
	size   int64      // about the bytes held
}

// textChunk has the texts of some rows. One of a batch is shared by all heads that have rows of it, and does not change
// while they do; any other belongs to one head, which copies to it.
type textChunk struct {
	IDs, Features segment.Text
	Batch         bool
	// Holders counts the heads that have it, and the publisher while it does. The last one gives it back.
	Holders atomic.Int32
}

// add adds the texts [from, to) of c and sets numbers to those of the rows.
func (t *text) add(numbers []uint32, c *textChunk, from, to int, spares *Pools) {
	t.size += TextSize(&c.IDs, from, to) + TextSize(&c.Features, from, to)
	if c.Batch {
		t.hold(c)
		t.number(numbers, from)
		return
	}
	for from < to {
		if t.open == nil || t.open.IDs.Len() == copiedRows {
			t.grow(spares)
		}
		at := t.open.IDs.Len()
		n := min(copiedRows-at, to-from)
		t.open.IDs.AppendFrom(&c.IDs, from, from+n)
		t.open.Features.AppendFrom(&c.Features, from, from+n)
		t.number(numbers[:n], at)
		numbers = numbers[n:]
		from += n
	}
}

// TextSize returns the memory of the values [from, to).
func TextSize(t *segment.Text, from, to int) int64 {
	start := uint32(0)
	if from > 0 {
		start = t.Ends[from-1]
	}
	return int64(t.Ends[to-1]-start) + int64(to-from)*4
}

// number sets the numbers of rows of the last chunk, from a place on.
func (t *text) number(numbers []uint32, at int) {
	first := uint32(len(t.chunks)-1)<<chunkBits + uint32(at)
	for i := range numbers {
		numbers[i] = first + uint32(i)
	}
}

// hold makes the chunk of a batch the last one.
func (t *text) hold(c *textChunk) {
	if n := len(t.chunks); n == 0 || t.chunks[n-1] != c {
		c.Holders.Add(1)
		t.append(c)
		t.open = nil
	}
}

// grow adds a chunk to copy to. The first one of a head starts small, for models with few rows; later ones are as large
// as the one before turned out.
func (t *text) grow(spares *Pools) {
	c := new(textChunk)
	if t.open != nil {
		c = spares.chunk(t.open)
	}
	c.Holders.Store(1)
	t.append(c)
	t.open = c
}

func (t *text) append(c *textChunk) {
	if t.chunks = append(t.chunks, c); len(t.chunks) > chunksMax {
		panic("BUG: more chunks of text than have numbers")
	}
}

func sizedLike(last *segment.Text) segment.Text {
	return segment.Text{Bytes: make([]byte, 0, len(last.Bytes)+len(last.Bytes)/16), Ends: make([]uint32, 0, copiedRows)}
}

// appendTo adds the texts of rows, in this order, to two columns. Rows that follow each other are copied at once.
func (t *text) appendTo(ids, features *segment.Text, rows []uint32) {
	for len(rows) > 0 {
		n, at := 1, int(rows[0]%chunkRowsMax)
		for n < len(rows) && rows[n] == rows[0]+uint32(n) && at+n < chunkRowsMax {
			n++
		}
		c := t.chunks[rows[0]>>chunkBits]
		ids.AppendFrom(&c.IDs, at, at+n)
		features.AppendFrom(&c.Features, at, at+n)
		rows = rows[n:]
	}
}

func (t *text) id(row uint32) []byte {
	return t.chunks[row>>chunkBits].IDs.At(int(row % chunkRowsMax))
}

func (t *text) features(row uint32) []byte {
	return t.chunks[row>>chunkBits].Features.At(int(row % chunkRowsMax))
}
