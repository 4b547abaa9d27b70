package event

import (
	"encoding/binary"
	"math/bits"
)

// A word is eight bytes of a text, the first one lowest; each byte is a lane.
const (
	lanes    = 0x0101010101010101
	laneTops = 0x8080808080808080
)

// slack is how many bytes of memory lie behind the end of every text that load may read, so that it need not look out
// for the end. What they hold does not matter: whoever finds something in a word clips it to the length of the text.
const slack = 24

// hasSlack tells whether a text may be read by load.
func hasSlack(b []byte) bool { return cap(b)-len(b) >= slack }

// load returns the word at i. b has slack, and i is not past its end.
func load(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i : i+8]) }

// store writes a word at i, which b has room for.
func store(b []byte, i int, w uint64) { binary.LittleEndian.PutUint64(b[i:i+8], w) }

// partWord returns up to eight bytes as a word padded with zeros, wherever they lie.
func partWord(b []byte) uint64 {
	var w uint64
	for i, c := range b {
		w |= uint64(c) << (8 * i)
	}
	return w
}

// firstBytes keeps the first n bytes of a word; n is 0 to 8.
func firstBytes(w uint64, n int) uint64 { return w & (1<<(8*n) - 1) }

// shortName is how long a text may be to be two words.
const shortName = 16

// shortWords returns the first shortName bytes of a text, which has slack, padded with zeros: all there is to it if it
// is no longer and holds no zero byte.
func shortWords(s []byte) (lo, hi uint64) {
	return firstBytes(load(s, 0), min(len(s), 8)), firstBytes(load(s, 8), min(max(len(s), 8)-8, 8))
}

// firstLane returns the index of the lowest marked lane, and 8 where none is.
func firstLane(marks uint64) int { return bits.TrailingZeros64(marks) / 8 }

// stops marks, in the top bit of its lane, the first byte of w that does not stand for itself in a JSON string: a
// quote, a backslash, a control character or a byte of a multi-byte rune. Lanes above the first mark may be marked
// falsely, because a subtraction borrows upwards; the first never is.
func stops(w uint64) uint64 {
	quote := w ^ lanes*'"'
	slash := w ^ lanes*'\\'
	return ((quote - lanes) | (slash - lanes) | (w - lanes*0x20) | w) & laneTops
}

// nameStops is stops for a name, where DEL is a control character too.
func nameStops(w uint64) uint64 { return stops(w) | (w+lanes)&laneTops }

// laneMask keeps the lanes below the lowest marked one, all where none is.
func laneMask(marks uint64) uint64 { return uint64(int64((marks-1)&^marks) >> 7) }

// aboveNine tells whether any lane of w is above 9.
func aboveNine(w uint64) bool { return (w+lanes*(0x80-10)|w)&laneTops != 0 }

// notSpaces marks every lane of w that is not JSON white space, and no other. Tab and carriage return differ in one
// bit.
func notSpaces(w uint64) uint64 {
	return nonZero(w^lanes*' ') & nonZero((w|lanes*('\t'^'\r'))^lanes*'\r') & nonZero(w^lanes*'\n') & laneTops
}

// nonZero sets the top bit of every lane of w that is not zero.
func nonZero(w uint64) uint64 { return w&^laneTops + ^uint64(laneTops) | w }

// hashText hashes a text, a word at a time. It does not withstand chosen collisions. It needs no slack.
func hashText(s []byte) uint64 {
	const odd = 0x9E3779B97F4A7C15
	h := uint64(len(s))
	for ; len(s) >= 8; s = s[8:] {
		h = (h ^ binary.LittleEndian.Uint64(s)) * odd
		h ^= h >> 32
	}
	h = (h ^ partWord(s)) * odd
	return h ^ h>>32
}
