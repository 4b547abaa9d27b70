package head

// One bit for each row of a leaf, the first row in the lowest bit of the first word.

func setBit(b *[leafRows / 64]uint64, i int)   { b[i/64] |= 1 << (i % 64) }
func clearBit(b *[leafRows / 64]uint64, i int) { b[i/64] &^= 1 << (i % 64) }

// removeBits takes the bits [from, to) out: those above them come down.
func removeBits(b *[leafRows / 64]uint64, from, to int) {
	n := to - from
	for i := to; i < leafRows; i += 64 {
		of := min(64, leafRows-i)
		setBits(b, i-n, of, bitsAt(b, i, of))
	}
	for i := leafRows - n; i < leafRows; i += 64 {
		setBits(b, i, min(64, leafRows-i), 0)
	}
}

// moveBits moves the bits [from, to) up by n, and leaves those that stood there and that nothing moved to as they were.
func moveBits(b *[leafRows / 64]uint64, from, to, n int) {
	for to > from {
		low := max(from, to-64)
		setBits(b, low+n, to-low, bitsAt(b, low, to-low))
		to = low
	}
}

// bitsAt returns n bits, at most 64, from bit i on.
func bitsAt(b *[leafRows / 64]uint64, i, n int) uint64 {
	v := b[i/64] >> (i % 64)
	if i%64+n > 64 {
		v |= b[i/64+1] << (64 - i%64)
	}
	return v & (1<<n - 1)
}

// setBits sets n bits, at most 64, from bit i on to those of v.
func setBits(b *[leafRows / 64]uint64, i, n int, v uint64) {
	mask := uint64(1)<<n - 1
	b[i/64] = b[i/64]&^(mask<<(i%64)) | v<<(i%64)
	if i%64+n > 64 {
		b[i/64+1] = b[i/64+1]&^(mask>>(64-i%64)) | v>>(64-i%64)
	}
}
