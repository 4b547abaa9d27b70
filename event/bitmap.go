package event

// Bitmap is a column of bits, 64 to a word, lowest bit first. Bits past the
// last row are zero.
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

// Reset empties the bitmap and keeps its memory.
func (m *Bitmap) Reset() { *m = (*m)[:0] }
