package segment

import "math/bits"

// Bitmap holds one bit per row, row i in bit i%64 of word i/64. Bits beyond the rows are zero.
type Bitmap []uint64

// Get returns bit i, false beyond the words held.
func (b Bitmap) Get(i int) bool {
	return i>>6 < len(b) && b[i>>6]>>(uint(i)&63)&1 != 0
}

// Set sets bit i, growing b as needed.
func (b *Bitmap) Set(i int) {
	for len(*b) <= i>>6 {
		*b = append(*b, 0)
	}
	(*b)[i>>6] |= 1 << (uint(i) & 63)
}

// Append sets or clears bit i, which must be the one after the last.
func (b *Bitmap) Append(i int, bit bool) {
	if i&63 == 0 {
		*b = append(*b, 0)
	}
	if bit {
		(*b)[i>>6] |= 1 << (uint(i) & 63)
	}
}

// appendFrom adds the bits [from, to) of o from bit n on, which must be the one after the last.
func (b *Bitmap) appendFrom(n int, o Bitmap, from, to int) {
	for from < to {
		take := min(64-n&63, to-from)
		bits := o.word(from) & (^uint64(0) >> (64 - take))
		if n&63 == 0 {
			*b = append(*b, 0)
		}
		(*b)[n>>6] |= bits << (n & 63)
		n, from = n+take, from+take
	}
}

// word returns the 64 bits from bit i on.
func (b Bitmap) word(i int) uint64 {
	at, shift := i>>6, uint(i)&63
	w := uint64(0)
	if at < len(b) {
		w = b[at] >> shift
	}
	if at+1 < len(b) {
		w |= b[at+1] << 1 << (63 - shift)
	}
	return w
}

// Count returns the number of bits set.
func (b Bitmap) Count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// countBelow returns the number of bits set before bit i.
func (b Bitmap) countBelow(i int) int {
	n := b[:min(i>>6, len(b))].Count()
	if i>>6 < len(b) {
		n += bits.OnesCount64(b[i>>6] & (1<<(uint(i)&63) - 1))
	}
	return n
}

// run returns the first run [from, to) of set bits at or after i, cut off at end. from is end if there is none.
func (b Bitmap) run(i, end int) (from, to int) {
	from = b.next(i, end, 0)
	return from, b.next(from, end, ^uint64(0))
}

// last returns the last set bit of [i, end), or i-1 if there is none.
func (b Bitmap) last(i, end int) int {
	for end--; end >= i && !b.Get(end); end-- {
	}
	return end
}

// next returns the first position in [i, end) whose bit, flipped by flip, is set; end if there is none.
func (b Bitmap) next(i, end int, flip uint64) int {
	for ; i < end; i = i&^63 + 64 {
		word := flip
		if i>>6 < len(b) {
			word ^= b[i>>6]
		}
		if word >>= uint(i) & 63; word != 0 {
			return min(i+bits.TrailingZeros64(word), end)
		}
	}
	return end
}
