package segment

import (
	"encoding/binary"
	"math"
)

// A stored sketch is the count of zeros and the number of other buckets that have a count (uvarint each); with any, the
// one before the first of them (uvarint), and for each of them a byte: the distance from the one before in the upper
// half, the count in the lower, both less one. 15 in a half says that the rest is in a uvarint that follows, that of
// the distance first. Equal sketches have equal bytes.
const (
	pairBits = 4
	pairMost = 1<<pairBits - 1
)

// appendTo appends s in its stored form.
func (s *Sketch) appendTo(dst []byte) []byte {
	s.unfold()
	used, first := 0, 0
	for p, page := range s.pages {
		if page == 0 {
			continue
		}
		for i, n := range s.page(page) {
			if n > 0 {
				if used++; used == 1 {
					first = p<<pageBits | i
				}
			}
		}
	}
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, s.zeros), uint64(used))
	if used == 0 {
		return dst
	}
	last := first - 1
	dst = binary.AppendUvarint(dst, uint64(last))
	for p, page := range s.pages {
		if page == 0 {
			continue
		}
		for i, n := range s.page(page) {
			if n == 0 {
				continue
			}
			bucket := p<<pageBits | i
			gap, more := uint64(bucket-last-1), n-1
			last = bucket
			dst = append(dst, byte(min(gap, pairMost)<<pairBits|min(more, pairMost)))
			if gap >= pairMost {
				dst = binary.AppendUvarint(dst, gap-pairMost)
			}
			if more >= pairMost {
				dst = binary.AppendUvarint(dst, more-pairMost)
			}
		}
	}
	return dst
}

// addStored adds a stored sketch, read from c. s is useless after a failure.
func (s *Sketch) addStored(c *cursor) {
	zeros := c.uvarint()
	if zeros > rowsMax {
		c.fail("count of a bucket")
	}
	s.count += zeros
	s.zeros += zeros
	p := pairReader{cursor: *c}
	p.begin()
	// Where many counts take more than their half of a byte, to read them twice costs more than it saves.
	if few := len(p.rest) < 2*p.left; few && len(s.counts) == 0 && len(s.pairs) == 0 {
		s.hold(&p, c.rest)
	} else if p.left > 0 {
		s.unfold()
		s.addPairs(&p)
	}
	*c = p.cursor
}

// hold keeps the pairs of p, which lie at the front of stored, as they are.
func (s *Sketch) hold(p *pairReader, stored []byte) {
	s.count += p.advance(math.MaxUint64)
	if p.bucket > bucketInf {
		p.fail("bucket of a sketch")
	}
	s.pairs = append(s.pairs[:0], stored[:len(stored)-len(p.rest)]...)
}

// unfold moves the pairs to pages.
func (s *Sketch) unfold() {
	if len(s.pairs) == 0 {
		return
	}
	s.count = s.zeros
	p := readPairs(s.pairs)
	s.addPairs(&p)
	s.pairs = s.pairs[:0]
}

// addPairs adds what is left of the pairs. Equivalent: what pairReader.advance(1) returns to its bucket, again and again.
func (s *Sketch) addPairs(p *pairReader) {
	b, last, counted := p.rest, p.bucket, s.count
	at, counts := -1, []uint64(nil) // the page of the bucket before
	for ; p.left > 0; p.left-- {
		if len(b) == 0 {
			p.fail("truncated")
			return
		}
		gap, more := uint64(b[0]>>pairBits), uint64(b[0]&pairMost)
		b = b[1:]
		if gap == pairMost || more == pairMost {
			p.rest = b
			gap, more = p.half(gap), p.half(more)
			b = p.rest
		}
		if last += gap + 1; p.err != nil || last > bucketInf {
			p.fail("bucket of a sketch")
			return
		}
		if page := int(last >> pageBits); page != at {
			s.at(int(last))
			at, counts = page, s.page(s.pages[page])
		}
		counts[last&(pageLen-1)] += more + 1
		counted += more + 1
	}
	s.count = counted
	p.rest = b
}

// pairReader reads the buckets of a stored sketch.
type pairReader struct {
	cursor        // at the next pair
	left   int    // pairs
	bucket uint64 // of the last pair
}

// readPairs reads buckets that were stored from their number on.
func readPairs(stored []byte) pairReader {
	p := pairReader{cursor: cursor{rest: stored}}
	p.begin()
	return p
}

// begin reads what is in front of the pairs.
func (p *pairReader) begin() {
	if p.left = p.count("buckets"); p.left == 0 {
		return
	}
	if p.bucket = p.uvarint(); p.bucket >= bucketInf {
		p.fail("bucket of a sketch")
	}
}

// advance reads pairs until their counts add up to n or none is left, and returns what they add up to. Pairs that are in a
// byte each are added eight at a time.
func (p *pairReader) advance(n uint64) (seen uint64) {
	const (
		ones   = 0x0101010101010101
		halves = pairMost * ones
	)
	b, left, bucket := p.rest, p.left, p.bucket
	for left > 0 && seen < n {
		if left >= 8 && len(b) >= 8 {
			word := binary.LittleEndian.Uint64(b)
			gaps, counts := word>>pairBits&halves+ones, word&halves+ones
			if all := counts * ones >> 56; (gaps|counts)&^halves == 0 && seen+all < n {
				b, left = b[8:], left-8
				bucket += gaps * ones >> 56
				seen += all
				continue
			}
		}
		if len(b) > 0 && b[0]>>pairBits < pairMost && b[0]&pairMost < pairMost {
			bucket += uint64(b[0]>>pairBits) + 1
			seen += uint64(b[0]&pairMost) + 1
			b, left = b[1:], left-1
			continue
		}
		p.rest = b
		pair := p.byte()
		bucket += p.half(uint64(pair>>pairBits)) + 1
		seen += p.half(uint64(pair&pairMost)) + 1
		b, left = p.rest, left-1
	}
	p.rest, p.left, p.bucket = b, left, bucket
	return seen
}

// half completes a half of a pair.
func (p *pairReader) half(half uint64) uint64 {
	if half < pairMost {
		return half
	}
	if rest := p.uvarint(); rest <= rowsMax-pairMost-1 {
		return rest + pairMost
	}
	p.fail("pair of a sketch")
	return 0
}
