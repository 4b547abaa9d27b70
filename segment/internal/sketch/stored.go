package sketch

import (
	"encoding/binary"

	"github.com/residualdb/residual/internal/columns"
)

// A stored sketch is the count of zeros and the number of other buckets that have a count (uvarint each); with any, the
// one before the first of them (uvarint), and for each of them a byte: the distance from the one before in the upper
// half, the count in the lower, both less one. 15 in a half says that the rest is in a uvarint that follows, that of
// the distance first. Equal sketches have equal bytes.
const (
	halfBits = 4
	halfMost = 1<<halfBits - 1

	// countMost bounds the count of a bucket.
	countMost = 1 << 32
)

// AppendTo appends s in its stored form.
func (s *Sketch) AppendTo(dst []byte) []byte {
	used, first := 0, 0
	for bucket := range s.buckets() {
		if used++; used == 1 {
			first = bucket
		}
	}
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, s.zeros), uint64(used))
	if used == 0 {
		return dst
	}
	last := first - 1
	dst = binary.AppendUvarint(dst, uint64(last))
	for bucket, n := range s.buckets() {
		gap, more := uint64(bucket-last-1), n-1
		last = bucket
		dst = append(dst, byte(min(gap, halfMost)<<halfBits|min(more, halfMost)))
		if gap >= halfMost {
			dst = binary.AppendUvarint(dst, gap-halfMost)
		}
		if more >= halfMost {
			dst = binary.AppendUvarint(dst, more-halfMost)
		}
	}
	return dst
}

// AddStored adds a stored sketch, read from c. s is useless after a failure.
func (s *Sketch) AddStored(c *columns.Cursor) {
	zeros := c.Uvarint()
	if zeros > countMost {
		c.Fail("count of a bucket")
	}
	s.count += zeros
	s.zeros += zeros
	left := c.Count(1, "buckets")
	if left == 0 {
		return
	}
	last := c.Uvarint()
	if last >= bucketInf {
		c.Fail("bucket of a sketch")
	}
	at, counts := -1, []uint64(nil) // the page of the bucket before
	for ; left > 0; left-- {
		if len(c.Rest) == 0 {
			c.Fail("truncated")
			return
		}
		pair := c.Rest[0]
		c.Rest = c.Rest[1:]
		gap, more := uint64(pair>>halfBits), uint64(pair&halfMost)
		if gap == halfMost {
			gap += decodeRest(c)
		}
		if more == halfMost {
			more += decodeRest(c)
		}
		if last += gap + 1; c.Err != nil || last > bucketInf {
			c.Fail("bucket of a sketch")
			return
		}
		if page := int(last >> pageBits); page != at {
			s.at(int(last))
			at, counts = page, s.page(s.pages[page])
		}
		counts[last&(pageLen-1)] += more + 1
		s.count += more + 1
	}
}

// decodeRest reads what a half of a byte has no room for.
func decodeRest(c *columns.Cursor) uint64 {
	rest := c.Uvarint()
	if rest > countMost-halfMost-1 {
		c.Fail("pair of a sketch")
	}
	return rest
}
