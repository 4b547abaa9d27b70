// Package digits has what is needed to read decimal numbers fast: digits eight at a time, and powers of ten.
//
// A word is eight bytes of text, the first one lowest, as binary.LittleEndian reads them. Nothing here keeps state.
package digits

import "math/bits"

// Tens holds the powers of ten that a uint64 can hold.
var Tens = [20]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// FloatTens holds the powers of ten that a float64 holds exactly.
var FloatTens = [23]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// Count returns how many decimal digits a word begins with, 0 to 8.
func Count(word uint64) int {
	v := word ^ 0x3030303030303030
	// The top bit of a byte that is no digit; bytes behind the first such may be marked falsely, by the carry.
	others := (v + 0x7676767676767676 | v) & 0x8080808080808080
	return bits.TrailingZeros64(others) / 8
}

// Value returns the number that the first n bytes of a word write, which are decimal digits; n is 0 to 8.
func Value(word uint64, n int) uint64 {
	const pairs = 0x000000FF000000FF
	v := (word ^ 0x3030303030303030) << (64 - 8*n) // zeros in front
	v = v*10 + v>>8
	return (v&pairs*(100+1_000_000<<32) + v>>16&pairs*(1+10_000<<32)) >> 32
}
