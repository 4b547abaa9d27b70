package engine

import "github.com/residualdb/residual/segment"

// textChunkRows is the number of rows whose text shares an arena. A head grows by whole chunks, so that what it holds
// already is not copied again; one arena per column would be, about five times over a head's life.
const textChunkRows = 4096

// text holds the prediction ids and features of a head's rows by their number, counted from 0.
type text struct {
	chunks []*textChunk
	rows   int
}

type textChunk struct {
	ids, features segment.Text
}

// appendFrom adds the texts [from, to) of two columns as those of the next rows.
func (t *text) appendFrom(ids, features *segment.Text, from, to int, spares *spares) {
	for from < to {
		room := textChunkRows - t.rows%textChunkRows
		if room == textChunkRows {
			t.grow(spares)
		}
		n := min(room, to-from)
		c := t.chunks[len(t.chunks)-1]
		c.ids.AppendFrom(ids, from, from+n)
		c.features.AppendFrom(features, from, from+n)
		t.rows += n
		from += n
	}
}

// grow adds a chunk. The first one of a head starts small, for models with few rows; later ones are as large as the
// one before turned out.
func (t *text) grow(spares *spares) {
	if n := len(t.chunks); n > 0 {
		t.chunks = append(t.chunks, spares.chunk(t.chunks[n-1]))
	} else {
		t.chunks = append(t.chunks, new(textChunk))
	}
}

func sizedLike(last *segment.Text) segment.Text {
	return segment.Text{Bytes: make([]byte, 0, len(last.Bytes)+len(last.Bytes)/16), Ends: make([]uint32, 0, textChunkRows)}
}

// appendTo adds the texts of rows, in this order, to two columns. Rows that follow each other are copied at once.
func (t *text) appendTo(ids, features *segment.Text, rows []uint32) {
	for len(rows) > 0 {
		n, at := 1, int(rows[0]%textChunkRows)
		for n < len(rows) && rows[n] == rows[0]+uint32(n) && at+n < textChunkRows {
			n++
		}
		c := t.chunks[rows[0]/textChunkRows]
		ids.AppendFrom(&c.ids, at, at+n)
		features.AppendFrom(&c.features, at, at+n)
		rows = rows[n:]
	}
}

func (t *text) id(row uint32) []byte {
	return t.chunks[row/textChunkRows].ids.At(int(row % textChunkRows))
}

func (t *text) features(row uint32) []byte {
	return t.chunks[row/textChunkRows].features.At(int(row % textChunkRows))
}

func (t *text) bytes() int64 {
	n := int64(t.rows) * 2 * 4 // two ends
	for i := range t.chunks {
		n += int64(len(t.chunks[i].ids.Bytes) + len(t.chunks[i].features.Bytes))
	}
	return n
}
