package encoding

import "encoding/binary"

// Packed integers are one stream of bits, least first: value i of width w takes bits [i*w, i*w+w). Widths from 58 to 63
// do not occur, so that every value lies in eight consecutive bytes.

// packWidth returns the width in which values of n bits are packed.
func packWidth(n int) uint {
	if n > 57 {
		return 64
	}
	return uint(n)
}

// packedLen returns the number of bytes that n values take.
func packedLen(n int, width uint) int {
	return (n*int(width) + 7) / 8
}

// appendPacked appends the values, which must fit in width bits.
func appendPacked(dst []byte, values []uint64, width uint) []byte {
	if width == 0 {
		return dst
	}
	word, used := uint64(0), uint(0)
	for _, v := range values {
		word |= v << used
		used += width
		if used >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, word)
			used -= 64
			word = v >> (width - used)
		}
	}
	for ; used > 0; used -= min(used, 8) {
		dst = append(dst, byte(word))
		word >>= 8
	}
	return dst
}

// unpack sets every dst[i] to base plus packed value i. src holds at least packedLen bytes; what follows them is read
// and ignored. Eight values a turn, with as many values to a load as 64 bits hold whatever the position within a byte.
// Drift of 6 h against 168 h takes 5.7 us with it
// and 6.4 with one value at a time (BenchmarkDrift in package bench). Equivalent: unpackRef.
func unpack(dst []int64, src []byte, width uint, base int64) {
	if width == 0 {
		for i := range dst {
			dst[i] = base
		}
		return
	}
	// A turn at offset o reads at most o+width+8 bytes.
	turns := min(len(dst)/8, max(len(src)-8, 0)/int(width))
	head := dst[:8*turns]
	mask := ^uint64(0) >> (64 - width)
	switch {
	case width <= 8:
		unpackEights(head, src, width, mask, base)
	case width <= 16:
		unpackFours(head, src, width, mask, base)
	case width <= 30 || width == 32:
		unpackTwos(head, src, width, mask, base)
	default:
		unpackOnes(head, src, width, mask, base)
	}
	for i := len(head); i < len(dst); i++ {
		var last [8]byte
		at := i * int(width)
		copy(last[:], src[at>>3:])
		dst[i] = int64(binary.LittleEndian.Uint64(last[:])>>(at&7)&mask) + base
	}
}

func unpackEights(dst []int64, src []byte, width uint, mask uint64, base int64) {
	for ; len(dst) >= 8; dst = dst[8:] {
		d := (*[8]int64)(dst)
		v := binary.LittleEndian.Uint64(src)
		d[0] = int64(v&mask) + base
		v >>= width & 63
		d[1] = int64(v&mask) + base
		v >>= width & 63
		d[2] = int64(v&mask) + base
		v >>= width & 63
		d[3] = int64(v&mask) + base
		v >>= width & 63
		d[4] = int64(v&mask) + base
		v >>= width & 63
		d[5] = int64(v&mask) + base
		v >>= width & 63
		d[6] = int64(v&mask) + base
		v >>= width & 63
		d[7] = int64(v&mask) + base
		src = src[width:]
	}
}

func unpackFours(dst []int64, src []byte, width uint, mask uint64, base int64) {
	half, shift := 4*width>>3, 4*width&7
	for ; len(dst) >= 8; dst = dst[8:] {
		d := (*[8]int64)(dst)
		v, w := binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint64(src[half:])>>(shift&63)
		d[0], d[4] = int64(v&mask)+base, int64(w&mask)+base
		v, w = v>>(width&63), w>>(width&63)
		d[1], d[5] = int64(v&mask)+base, int64(w&mask)+base
		v, w = v>>(width&63), w>>(width&63)
		d[2], d[6] = int64(v&mask)+base, int64(w&mask)+base
		v, w = v>>(width&63), w>>(width&63)
		d[3], d[7] = int64(v&mask)+base, int64(w&mask)+base
		src = src[width:]
	}
}

func unpackTwos(dst []int64, src []byte, width uint, mask uint64, base int64) {
	for ; len(dst) >= 8; dst = dst[8:] {
		d := (*[8]int64)(dst)
		v0 := binary.LittleEndian.Uint64(src)
		v1 := binary.LittleEndian.Uint64(src[2*width>>3:]) >> (2 * width & 7)
		v2 := binary.LittleEndian.Uint64(src[4*width>>3:]) >> (4 * width & 7)
		v3 := binary.LittleEndian.Uint64(src[6*width>>3:]) >> (6 * width & 7)
		d[0], d[1] = int64(v0&mask)+base, int64(v0>>(width&63)&mask)+base
		d[2], d[3] = int64(v1&mask)+base, int64(v1>>(width&63)&mask)+base
		d[4], d[5] = int64(v2&mask)+base, int64(v2>>(width&63)&mask)+base
		d[6], d[7] = int64(v3&mask)+base, int64(v3>>(width&63)&mask)+base
		src = src[width:]
	}
}

func unpackOnes(dst []int64, src []byte, width uint, mask uint64, base int64) {
	at := uint(0)
	for i := range dst {
		dst[i] = int64(binary.LittleEndian.Uint64(src[at>>3:])>>(at&7)&mask) + base
		at += width
	}
}

// prefixSum turns differences into values: dst[i] = first + dst[0] + ... + dst[i-1].
func prefixSum(dst []int64, first int64) {
	for i, d := range dst {
		dst[i] = first
		first += d
	}
}

// addInts adds src to dst, len(src) >= len(dst).
func addInts(dst, src []int64) {
	src = src[:len(dst)]
	for i := range dst {
		dst[i] += src[i]
	}
}
