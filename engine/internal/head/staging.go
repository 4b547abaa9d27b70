package head

import (
	"bytes"
	"sync/atomic"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/segment"
)

const (
	// stagedRunMax is the longest run that is staged, stagedMax the number of staged rows at which a series is flushed: few
	// enough for a query to look at each.
	stagedRunMax = 16
	stagedMax    = 32

	// stagedChunkRows is a power of two, so that a row's number names its chunk.
	stagedChunkRows = 1 << stagedChunkBits
	stagedChunkBits = 10

	// The text of a chunk has room for as much as the chunk before it turned out to need, within these bounds.
	stagedTextMin = 16 << 10
	stagedTextMax = 256 << 10

	// stagedText marks the number of a staged row among those of a leaf's text.
	stagedText = 1 << 31
)

// Staging holds the rows of one epoch that came few at a time, of all models, in the order they came. A series knows its
// runs in them; so a batch of ten thousand series is written in one place instead of ten thousand. A flush copies the
// numbers of a series to its leaves, once they are many; the texts stay here until the epoch is sealed.
//
// Without it, a load of 10,000 versions takes 1.3 times the processor time, and one of 100,000 models 1.6 times and 1.6
// times the memory.
//
// The publisher appends. A row never changes from then on, and neither does the header of what holds it, so that whoever
// learned of a row under the lock of its model may read it without.
type Staging struct {
	chunks atomic.Pointer[[]*stagedChunk]

	// Owned by the publisher: what is used of the last chunk.
	rows, bytes int
}

type stagedChunk struct {
	rows [stagedChunkRows]stagedRow
	text []byte
}

// stagedRow has the numbers of a row in one line of the cache, since those of a query are scattered. Its id is text[end
// of the row before:idEnd], its features are text[idEnd:end].
type stagedRow struct {
	time              int64
	predicted, actual float64
	idEnd             uint32
	end               uint32 // plus stagedKnown if there is an actual
}

const stagedKnown = 1 << 31

func (r *stagedRow) known() bool     { return r.end&stagedKnown != 0 }
func (r *stagedRow) textEnd() uint32 { return r.end &^ stagedKnown }

// stagedRun is n rows in one chunk from a row on.
type stagedRun struct{ row, n uint32 }

// add appends the rows [from, to) of o and returns the runs they became, which is one unless a chunk ended.
func (st *Staging) add(runs []stagedRun, o *Batch, from, to int) []stagedRun {
	for i := from; i < to; i++ {
		r := stagedRow{time: o.Times[i], predicted: o.predicted[i], actual: o.actual[i]}
		if o.Known[i] {
			r.end = stagedKnown
		}
		row := st.put(&r, o.ID(i), o.features(i))
		if n := len(runs) - 1; i > from && row%stagedChunkRows > 0 {
			runs[n].n++
		} else {
			runs = append(runs, stagedRun{row, 1})
		}
	}
	return runs
}

// put keeps a row, of which it sets where its texts end, and returns its number.
func (st *Staging) put(r *stagedRow, id, features []byte) uint32 {
	c, row := st.room(len(id) + len(features))
	st.bytes += copy(c.text[st.bytes:], id)
	r.idEnd = uint32(st.bytes)
	st.bytes += copy(c.text[st.bytes:], features)
	r.end |= uint32(st.bytes)
	c.rows[row%stagedChunkRows] = *r
	st.rows++
	return row
}

// room returns the chunk that has room for a row with so much text, and the row's number.
func (st *Staging) room(text int) (*stagedChunk, uint32) {
	var chunks []*stagedChunk
	if held := st.chunks.Load(); held != nil {
		chunks = *held
	}
	last := len(chunks) - 1
	if last < 0 || st.rows == stagedChunkRows || st.bytes+text > len(chunks[last].text) {
		size := stagedTextMin
		if st.rows > 0 {
			size = min(max(st.bytes/st.rows*stagedChunkRows*9/8, stagedTextMin), stagedTextMax)
		}
		chunks = append(chunks, &stagedChunk{text: make([]byte, max(size, text))})
		st.chunks.Store(&chunks)
		st.rows, st.bytes = 0, 0
		last++
		if last >= stagedText>>stagedChunkBits {
			panic("BUG: more staged rows than have numbers")
		}
	}
	return chunks[last], uint32(last<<stagedChunkBits + st.rows)
}

// at returns the chunk of a row and its place there.
func (st *Staging) at(row uint32) (c *stagedChunk, i int) {
	return (*st.chunks.Load())[row>>stagedChunkBits], int(row % stagedChunkRows)
}

func (st *Staging) id(row uint32) []byte {
	c, i := st.at(row)
	start := uint32(0)
	if i > 0 {
		start = c.rows[i-1].textEnd()
	}
	return c.text[start:c.rows[i].idEnd]
}

func (st *Staging) features(row uint32) []byte {
	c, i := st.at(row)
	return c.text[c.rows[i].idEnd:c.rows[i].textEnd()]
}

// run returns the rows of a run.
func (st *Staging) run(r stagedRun) []stagedRow {
	c, i := st.at(r.row)
	return c.rows[i : i+int(r.n)]
}

// stagedColumns are staged rows in columns.
type stagedColumns struct {
	times             [stagedRowsMax]int64
	predicted, actual [stagedRowsMax]float64
	known             [stagedRowsMax]bool
	text              [stagedRowsMax]uint32             // each row's number among the texts
	bits              [(stagedRowsMax + 63) / 64]uint64 // known, for the window
	n                 int
}

// stagedRowsMax is the most that a series has.
const stagedRowsMax = stagedMax - 1 + stagedRunMax

// insert adds a row, of a number among the staged, to columns in the order of time and id, behind those alike.
func (st *Staging) insert(c *stagedColumns, r *stagedRow, row uint32) {
	at := c.n
	for ; at > 0 && c.times[at-1] >= r.time; at-- {
		if c.times[at-1] == r.time && bytes.Compare(st.id(c.text[at-1]&^stagedText), st.id(row)) <= 0 {
			break
		}
		c.times[at], c.predicted[at], c.actual[at], c.known[at], c.text[at] =
			c.times[at-1], c.predicted[at-1], c.actual[at-1], c.known[at-1], c.text[at-1]
	}
	c.times[at], c.predicted[at], c.actual[at] = r.time, r.predicted, r.actual
	c.known[at], c.text[at] = r.known(), stagedText|row
	c.n++
}

// columns returns the rows of some runs in the order of time and id, in the memory of c.
func (st *Staging) columns(c *stagedColumns, runs []stagedRun) run {
	for _, r := range runs {
		rows := st.run(r)
		for i := range rows {
			st.insert(c, &rows[i], r.row+uint32(i))
		}
	}
	return run{c.times[:c.n], c.predicted[:c.n], c.actual[:c.n], c.known[:c.n], nil, c.text[:c.n]}
}

// has tells whether a row of some runs has a time and an id.
func (st *Staging) has(runs []stagedRun, ts int64, id []byte) bool {
	for _, r := range runs {
		rows := st.run(r)
		for i := range rows {
			if rows[i].time == ts && bytes.Equal(st.id(r.row+uint32(i)), id) {
				return true
			}
		}
	}
	return false
}

// addText keeps the texts of a row whose numbers are in a leaf, and returns the number of the texts.
func (st *Staging) addText(id, features []byte) uint32 {
	return st.put(new(stagedRow), id, features) | stagedText
}

// bounds returns the earliest and the latest time of some runs.
func (st *Staging) bounds(runs []stagedRun) (first, last int64) {
	first, last = base.MaxMilli, base.MinMilli
	for _, r := range runs {
		rows := st.run(r)
		for i := range rows {
			first, last = min(first, rows[i].time), max(last, rows[i].time)
		}
	}
	return first, last
}

// window adds the rows of some runs that lie in w to dst.
func (st *Staging) window(dst *base.Answer, runs []stagedRun, w base.Span, want segment.Want) segment.Read {
	var c stagedColumns
	for _, r := range runs {
		rows := st.run(r)
		for i := range rows {
			if rows[i].time >= w.From && rows[i].time < w.To {
				st.insert(&c, &rows[i], r.row+uint32(i)) // an aggregate takes rows in the order of time
			}
		}
	}
	if c.n == 0 {
		return segment.Read{}
	}
	for i, known := range c.known[:c.n] {
		if known {
			c.bits[0] |= 1 << i
		}
	}
	numbers := segment.NumberColumns{Times: c.times[:], Predicted: c.predicted[:], Actual: c.actual[:], Known: c.bits[:]}
	dst.AddColumns(want, &numbers, 0, c.n)
	if want == segment.WantAll {
		dst.Sketches.AddColumns(&numbers, 0, c.n)
	}
	return segment.Read{Rows: uint64(c.n), Bytes: uint64(c.n) * bytesPerEdgeRow}
}
