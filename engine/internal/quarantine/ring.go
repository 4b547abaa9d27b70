package quarantine

import (
	"slices"
	"sort"
)

// ring holds rejected rows in the order they came, each in the bytes that it has in a list. Adding one and
// dropping the oldest take the same time however many there are. A row that was removed is empty: it keeps its number, by which
// a checkpoint says how far it is.
type ring struct {
	// chunkBytes is the size of a chunk, but for one that holds a single longer row.
	chunkBytes int
	// chunks hold the rows from first to next, one behind the other.
	chunks      []*chunk
	first, next uint64
	// bytes is the memory of the chunks.
	bytes int64

	scratch []byte
}

// chunk is memory for some rows.
type chunk struct {
	first uint64 // number of its first row
	rows  []byte
	ends  []uint32
}

// rejectRowBytes is what a row takes beside its own bytes.
const rejectRowBytes = 4

func (c *chunk) next() uint64 { return c.first + uint64(len(c.ends)) }

// row returns row i of the chunk.
func (c *chunk) row(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = c.ends[i-1]
	}
	return c.rows[start:c.ends[i]:c.ends[i]]
}

func (r *ring) len() int { return int(r.next - r.first) }

// push adds a row.
func (r *ring) push(row *Row) {
	r.scratch = appendEntry(r.scratch[:0], row)
	var last *chunk
	if n := len(r.chunks); n > 0 {
		last = r.chunks[n-1]
	}
	if last == nil || len(last.rows)+len(r.scratch) > cap(last.rows) {
		last = &chunk{first: r.next, rows: make([]byte, 0, max(r.chunkBytes, len(r.scratch)))}
		r.chunks = append(r.chunks, last)
		r.bytes += int64(cap(last.rows))
	}
	last.rows = append(last.rows, r.scratch...)
	last.ends = append(last.ends, uint32(len(last.rows)))
	r.bytes += rejectRowBytes
	r.next++
}

// drop drops the oldest row; there must be one. held is false if it was removed before. The memory of a chunk goes with its last
// row.
func (r *ring) drop() (held bool) {
	held = len(r.at(r.first)) > 0
	r.first++
	if c := r.chunks[0]; r.first == c.next() {
		r.bytes -= int64(cap(c.rows)) + rejectRowBytes*int64(len(c.ends))
		r.chunks[0] = nil
		r.chunks = r.chunks[1:]
	}
	return held
}

// at returns row n, which must be there. It is not to be changed.
func (r *ring) at(n uint64) []byte {
	i := sort.Search(len(r.chunks), func(i int) bool { return r.chunks[i].next() > n })
	return r.chunks[i].row(int(n - r.chunks[i].first))
}

// remove empties the rows that are such, and returns how many there were. What is left takes memory of its own, so that the bytes
// of the others are gone.
func (r *ring) remove(such func(row []byte) bool) (removed int) {
	r.bytes = 0
	for i, c := range r.chunks {
		kept := &chunk{first: c.first, rows: make([]byte, 0, len(c.rows)), ends: make([]uint32, 0, len(c.ends))}
		for at := range c.ends {
			row := c.row(at)
			switch there := c.first+uint64(at) >= r.first && len(row) > 0; {
			case there && such(row):
				removed++
			case there:
				kept.rows = append(kept.rows, row...)
			}
			kept.ends = append(kept.ends, uint32(len(kept.rows)))
		}
		kept.rows = slices.Clip(kept.rows)
		r.chunks[i] = kept
		r.bytes += int64(cap(kept.rows)) + rejectRowBytes*int64(len(kept.ends))
	}
	return removed
}
