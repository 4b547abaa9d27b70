package head

import (
	"slices"

	"github.com/residualdb/residual/segment"
)

const (
	// copiedRows is the number of rows whose texts are copied to one chunk. A head grows by whole chunks, so that what it
	// holds already is not copied again.
	copiedRows = 4096

	// chunkRowsMax bounds the rows of a chunk: a row's place in it is the low chunkBits of its number.
	chunkRowsMax = 1 << chunkBits
	chunkBits    = 16

	// chunksMax is how many chunks have a number.
	chunksMax = stagedText >> chunkBits
)

// texts holds the prediction ids and features of those rows of a head that were never staged, in chunks. The number of a row
// is that of its chunk and its place there.
type texts struct {
	chunks []*textChunk
	open   *textChunk // the last one, if texts are copied to it
	size   int64      // about the bytes held
	// generation is that of the head since which nobody else has the open chunk.
	generation uint16
}

// own makes the open chunk, which is about to change, that of the head alone: what views have of it stays as it is.
func (t *texts) own(generation uint16) {
	if t.open == nil || t.generation == generation && generation < generationMax {
		t.generation = generation
		return
	}
	t.generation = generation
	c := *t.open // views do not see what comes behind the ends that they have
	t.open, t.chunks = &c, slices.Clone(t.chunks)
	t.chunks[len(t.chunks)-1] = t.open
}

// textChunk has the texts of some rows. That of a large batch is shared by all heads that have rows of it, and never changes
// again; any other belongs to one head, which copies to it. A load of 3 M rows takes 7 to 9 % more processor time where all texts
// are copied.
type textChunk struct {
	ids, features segment.Text
	// shared is set for the chunk of a batch that heads share, held once one has it.
	shared, held bool
}

// bytes is what the chunk takes of memory.
func (c *textChunk) bytes() int64 {
	return int64(len(c.ids.Bytes)+len(c.features.Bytes)) + 4*int64(c.ids.Len()+c.features.Len())
}

// add adds the texts of the rows [from, to) of c and returns their numbers, in the memory given.
func (t *texts) add(numbers []uint32, c *textChunk, from, to int) []uint32 {
	t.size += textBytes(c, from, to)
	if c.shared {
		if n := len(t.chunks); n == 0 || t.chunks[n-1] != c {
			t.append(c)
			c.held, t.open = true, nil
		}
		return t.number(numbers, from, to)
	}
	for from < to {
		if t.open == nil || t.open.ids.Len() == copiedRows {
			t.grow()
		}
		at := t.open.ids.Len()
		n := min(copiedRows-at, to-from)
		t.open.ids.AppendFrom(&c.ids, from, from+n)
		t.open.features.AppendFrom(&c.features, from, from+n)
		numbers = t.number(numbers, at, at+n)
		from += n
	}
	return numbers
}

// textBytes is what the texts of the rows [from, to) of a chunk take, with their ends.
func textBytes(c *textChunk, from, to int) int64 {
	return int64(c.ids.Size(from, to)+c.features.Size(from, to)) + 2*4*int64(to-from)
}

// number appends the numbers of the rows [from, to) of the last chunk.
func (t *texts) number(numbers []uint32, from, to int) []uint32 {
	for first := uint32(len(t.chunks)-1) << chunkBits; from < to; from++ {
		numbers = append(numbers, first+uint32(from))
	}
	return numbers
}

// grow adds a chunk to copy to. The first one of a head starts small, for models with few rows; later ones are as large as
// the one before turned out.
func (t *texts) grow() {
	c := new(textChunk)
	if t.open != nil {
		c.ids, c.features = sizedLike(&t.open.ids), sizedLike(&t.open.features)
	}
	t.append(c)
	t.open = c
}

func (t *texts) append(c *textChunk) {
	if t.chunks = append(t.chunks, c); len(t.chunks) > chunksMax {
		panic("BUG: more chunks of text than have numbers")
	}
}

func sizedLike(last *segment.Text) segment.Text {
	return segment.Text{Bytes: make([]byte, 0, len(last.Bytes)+len(last.Bytes)/16), Ends: make([]uint32, 0, copiedRows)}
}

// appendTo adds the texts of rows, in this order, to two columns, of which one may be nil. Rows that follow each other are copied
// at once.
func (t *texts) appendTo(ids, features *segment.Text, rows []uint32) {
	for len(rows) > 0 {
		n, at := 1, int(rows[0]%chunkRowsMax)
		for n < len(rows) && rows[n] == rows[0]+uint32(n) && at+n < chunkRowsMax {
			n++
		}
		c := t.chunks[rows[0]>>chunkBits]
		if ids != nil {
			ids.AppendFrom(&c.ids, at, at+n)
		}
		if features != nil {
			features.AppendFrom(&c.features, at, at+n)
		}
		rows = rows[n:]
	}
}

func (t *texts) id(row uint32) []byte {
	return t.chunks[row>>chunkBits].ids.At(int(row % chunkRowsMax))
}

func (t *texts) features(row uint32) []byte {
	return t.chunks[row>>chunkBits].features.At(int(row % chunkRowsMax))
}

// rowTexts finds the texts of rows, those of staged rows too.
type rowTexts struct {
	staging *Staging
	text    texts // of the rows that were never staged
}

// id returns the prediction id of a row by its number among the texts.
func (x *rowTexts) id(row uint32) []byte {
	if row&stagedText != 0 {
		return x.staging.id(row &^ stagedText)
	}
	return x.text.id(row)
}

func (x *rowTexts) features(row uint32) []byte {
	if row&stagedText != 0 {
		return x.staging.features(row &^ stagedText)
	}
	return x.text.features(row)
}

// appendTexts adds the texts of rows, in this order, to two columns, of which one may be nil.
func (x *rowTexts) appendTexts(ids, features *segment.Text, rows []uint32) {
	for len(rows) > 0 {
		n := 0
		for n < len(rows) && rows[n]&stagedText == 0 {
			n++
		}
		x.text.appendTo(ids, features, rows[:n])
		rows = rows[n:]
		for n = 0; n < len(rows) && rows[n]&stagedText != 0; n++ {
			if ids != nil {
				ids.Append(x.staging.id(rows[n] &^ stagedText))
			}
			if features != nil {
				features.Append(x.staging.features(rows[n] &^ stagedText))
			}
		}
		rows = rows[n:]
	}
}
