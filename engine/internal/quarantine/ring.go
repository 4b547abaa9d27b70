package quarantine

import "sort"

// ring holds the rejected rows of one source in the order they came, each in the bytes that it has in a list, with its number. Adding
// one and dropping the oldest take the same time however many there are.
type ring struct {
	// chunkBytes bounds a chunk, but for one that holds a single longer row.
	chunkBytes int
	// chunks hold the rows from first to next, one behind the other.
	chunks      []*chunk
	first, next uint64
	// bytes is the memory of the chunks.
	bytes int64
}

// chunk is memory for some rows.
type chunk struct {
	first   uint64 // of the ring's rows
	rows    []byte
	ends    []uint32
	numbers []uint64 // of all rows of the quarantine
}

// rejectRowBytes is what a row takes beside its own bytes, chunkBytesMin what a chunk takes at least.
const (
	rejectRowBytes = 12
	chunkBytesMin  = 1 << 10
)

func (c *chunk) next() uint64 { return c.first + uint64(len(c.ends)) }

func (r *ring) len() int { return int(r.next - r.first) }

// push adds a row, which has a higher number than those before it.
func (r *ring) push(entry []byte, number uint64) {
	var last *chunk
	if n := len(r.chunks); n > 0 {
		last = r.chunks[n-1]
	}
	if last == nil || len(last.rows)+len(entry) > cap(last.rows) {
		size := max(min(int(r.bytes/2), r.chunkBytes), min(chunkBytesMin, r.chunkBytes), len(entry))
		last = &chunk{first: r.next, rows: make([]byte, 0, size)}
		r.chunks = append(r.chunks, last)
		r.bytes += int64(cap(last.rows))
	}
	last.rows = append(last.rows, entry...)
	last.ends = append(last.ends, uint32(len(last.rows)))
	last.numbers = append(last.numbers, number)
	r.bytes += rejectRowBytes
	r.next++
}

// drop drops the oldest row; there must be one. The memory of a chunk goes with its last row.
func (r *ring) drop() {
	r.first++
	if c := r.chunks[0]; r.first == c.next() {
		r.bytes -= int64(cap(c.rows)) + rejectRowBytes*int64(len(c.ends))
		r.chunks[0] = nil
		r.chunks = r.chunks[1:]
	}
}

// at returns row i, which must be there, and its number. It is not to be changed.
func (r *ring) at(i uint64) (entry []byte, number uint64) {
	c := r.chunks[sort.Search(len(r.chunks), func(k int) bool { return r.chunks[k].next() > i })]
	at := int(i - c.first)
	start := uint32(0)
	if at > 0 {
		start = c.ends[at-1]
	}
	return c.rows[start:c.ends[at]:c.ends[at]], c.numbers[at]
}

// from returns the first row whose number is at least that; next, if there is none.
func (r *ring) from(number uint64) uint64 {
	return r.first + uint64(sort.Search(r.len(), func(i int) bool {
		_, n := r.at(r.first + uint64(i))
		return n >= number
	}))
}
