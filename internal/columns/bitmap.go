package columns

import "math/bits"

// Bitmap is a column of bits, 64 to a word, lowest bit first. Bits past the last row are zero.
type Bitmap []uint64

// Get returns bit i. A bit past the last word is zero.
func (m Bitmap) Get(i int) bool {
	word := uint(i) / 64
	return word < uint(len(m)) && m[word]>>(uint(i)%64)&1 != 0
}

// Set sets bit i and grows the bitmap to hold it.
func (m *Bitmap) Set(i int) {
	for len(*m) <= i/64 {
		*m = append(*m, 0)
	}
	(*m)[i/64] |= 1 << (uint(i) % 64)
}

// Append adds bit n to a bitmap of n bits.
func (m *Bitmap) Append(n int, bit bool) {
	if n%64 == 0 {
		*m = append(*m, 0)
	}
	if bit {
		(*m)[n/64] |= 1 << (uint(n) % 64)
	}
}

// AppendFrom adds the bits [from, to) of o to a bitmap of n bits.
func (m *Bitmap) AppendFrom(n int, o Bitmap, from, to int) {
	for from < to {
		take := min(64-n&63, to-from)
		bits := o.word(from) & (^uint64(0) >> (64 - take))
		if n&63 == 0 {
			*m = append(*m, 0)
		}
		(*m)[n>>6] |= bits << (n & 63)
		n, from = n+take, from+take
	}
}

// word returns the 64 bits from bit i on.
func (m Bitmap) word(i int) uint64 {
	at, shift := i>>6, uint(i)&63
	w := uint64(0)
	if at < len(m) {
		w = m[at] >> shift
	}
	if at+1 < len(m) {
		w |= m[at+1] << 1 << (63 - shift)
	}
	return w
}

// Reset empties the bitmap and keeps its memory.
func (m *Bitmap) Reset() { *m = (*m)[:0] }

// Count returns the number of bits set.
func (m Bitmap) Count() int {
	n := 0
	for _, w := range m {
		n += bits.OnesCount64(w)
	}
	return n
}

// CountBelow returns the number of bits set before bit i.
func (m Bitmap) CountBelow(i int) int {
	n := m[:min(i>>6, len(m))].Count()
	if i>>6 < len(m) {
		n += bits.OnesCount64(m[i>>6] & (1<<(uint(i)&63) - 1))
	}
	return n
}

// Run returns the first run [from, to) of set bits at or after i, cut off at end. from is end if there is none.
func (m Bitmap) Run(i, end int) (from, to int) {
	from = m.NextSet(i, end)
	return from, m.NextClear(from, end)
}

// NextSet returns the first set bit of [i, end), or end if there is none.
func (m Bitmap) NextSet(i, end int) int { return m.next(i, end, 0) }

// NextClear returns the first bit of [i, end) that is not set, or end if there is none.
func (m Bitmap) NextClear(i, end int) int { return m.next(i, end, ^uint64(0)) }

// next returns the first position in [i, end) whose bit, flipped by flip, is set; end if there is none.
func (m Bitmap) next(i, end int, flip uint64) int {
	for ; i < end; i = i&^63 + 64 {
		word := flip
		if i>>6 < len(m) {
			word ^= m[i>>6]
		}
		if word >>= uint(i) & 63; word != 0 {
			return min(i+bits.TrailingZeros64(word), end)
		}
	}
	return end
}

// LastSet returns the last set bit of [i, end), or i-1 if there is none.
func (m Bitmap) LastSet(i, end int) int {
	for end--; end >= i && !m.Get(end); end-- {
	}
	return end
}
