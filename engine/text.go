package engine

import "github.com/residualdb/residual/segment"

// textChunkRows is the number of rows whose text shares an arena. A head grows by whole chunks, so that what it holds
// already is not copied again; one arena per column would be, about five times over a head's life.
const textChunkRows = 4096

// text holds the prediction ids and features of a head's rows by their number, counted from 0.
type text struct {
	chunks []textChunk
	rows   int
}

type textChunk struct {
	ids, features segment.Text
}

// append adds the text of the next row.
func (t *text) append(id, features []byte) {
	if t.rows%textChunkRows == 0 {
		t.grow()
	}
	c := &t.chunks[len(t.chunks)-1]
	c.ids.Append(id)
	c.features.Append(features)
	t.rows++
}

// grow adds a chunk. The first one of a head starts small, for models with few rows; later ones are as large as the
// one before turned out.
func (t *text) grow() {
	var next textChunk
	if n := len(t.chunks); n > 0 {
		last := &t.chunks[n-1]
		next = textChunk{ids: sizedLike(&last.ids), features: sizedLike(&last.features)}
	}
	t.chunks = append(t.chunks, next)
}

func sizedLike(last *segment.Text) segment.Text {
	return segment.Text{Bytes: make([]byte, 0, len(last.Bytes)+len(last.Bytes)/16), Ends: make([]uint32, 0, textChunkRows)}
}

func (t *text) id(row uint32) []byte {
	return t.chunks[row/textChunkRows].ids.At(int(row % textChunkRows))
}

func (t *text) features(row uint32) []byte {
	return t.chunks[row/textChunkRows].features.At(int(row % textChunkRows))
}

func (t *text) bytes() int64 {
	n := int64(t.rows) * 8
	for i := range t.chunks {
		n += int64(len(t.chunks[i].ids.Bytes) + len(t.chunks[i].features.Bytes))
	}
	return n
}
