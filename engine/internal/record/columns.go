package record

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/residualdb/residual/engine/internal/base"
	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/columns"
)

// appendBits appends the first n bits, eight to a byte.
func appendBits(dst []byte, m event.Bitmap, n int) []byte {
	for first := 0; first < n; first += 8 {
		var bits byte
		for i := first; i < min(first+8, n); i++ {
			if m.Get(i) {
				bits |= 1 << (i - first)
			}
		}
		dst = append(dst, bits)
	}
	return dst
}

// readBits is the inverse of appendBits, into a bitmap that has room for n.
func readBits(m event.Bitmap, n int, src []byte) {
	clear(m)
	for i := range min(n, 8*len(src)) {
		if src[i/8]>>(i%8)&1 == 1 {
			m.Set(i)
		}
	}
}

// fillBits sets the first n bits of a bitmap that has room for them.
func fillBits(m event.Bitmap, n int) {
	clear(m)
	for i := range n {
		m.Set(i)
	}
}

// readIndexes reads an index below count for each row; what names the things that are counted.
func readIndexes(c *columns.Cursor, dst []uint32, count uint64, what string) {
	for i := range dst {
		n := c.Uvarint()
		if n >= count {
			c.Fail(what)
		}
		dst[i] = uint32(n)
	}
}

func readFloats(dst []float64, src []byte) {
	for i := range min(len(dst), len(src)/8) {
		dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[i*8:]))
	}
}

func appendColumn(dst []byte, t *event.Text) []byte {
	start := uint32(0)
	for _, end := range t.Ends {
		dst = binary.AppendUvarint(dst, uint64(end-start))
		start = end
	}
	return append(dst, t.Bytes...)
}

func readColumn(c *columns.Cursor, t *event.Text, rows int, what string) {
	end := uint64(0)
	t.Ends = base.Grown(t.Ends, rows)
	for i := range t.Ends {
		end += c.Uvarint()
		if end > math.MaxUint32 {
			c.Fail(what)
		}
		t.Ends[i] = uint32(end)
	}
	t.Bytes = append(t.Bytes[:0], c.Bytes(int(end))...)
}

func appendRejects(dst []byte, rejects []event.Reject, counts *event.Counts) []byte {
	dst = appendCounts(dst, counts)
	dst = binary.AppendUvarint(dst, uint64(len(rejects)))
	for i := range rejects {
		r := &rejects[i]
		dst = binary.AppendUvarint(dst, uint64(r.Line))
		dst = append(dst, byte(r.Code))
		dst = columns.AppendText(columns.AppendText(columns.AppendText(dst, r.Column), r.Reason), r.Raw)
	}
	return dst
}

// appendCounts appends the number of rejects of each code that has any, closed by code zero.
func appendCounts(dst []byte, counts *event.Counts) []byte {
	for code, n := range counts {
		if n > 0 {
			dst = append(dst, byte(code))
			dst = binary.AppendUvarint(dst, uint64(n))
		}
	}
	return append(dst, 0)
}

func readCounts(c *columns.Cursor, counts *event.Counts) {
	for code := c.Uint8(); code != 0; code = c.Uint8() {
		n := c.Uvarint()
		if int(code) >= len(counts) || n > math.MaxInt32 {
			c.Fail("reject code")
			return
		}
		counts[code] = int(n)
	}
}

func readRejects(c *columns.Cursor, dst []event.Reject, counts *event.Counts) []event.Reject {
	readCounts(c, counts)
	for range c.Count(rejectBytesMin, "rejects") {
		dst = append(dst, event.Reject{
			Line: int(c.Uvarint()), Code: event.Code(c.Uint8()),
			Column: string(c.Text()), Reason: string(c.Text()), Raw: slices.Clone(c.Text()),
		})
	}
	return dst
}
