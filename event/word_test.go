package event

import (
	"math/rand/v2"
	"testing"

	"github.com/residualdb/residual/internal/jsontext"
)

// The kernels on words against the obvious loops, over bytes drawn from those
// that matter.
func TestWordKernels(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	const telling = "\x00\x08\x09\x0A\x0B\x0C\x0D\x0E\x1F !\"#/09:;AZ[\\]az~\x7F\x80\x81\x89\xA0\xAF\xB0\xC2\xFF"
	first := func(w uint64, is func(byte) bool) int {
		for i := range 8 {
			if is(byte(w >> (8 * i))) {
				return i
			}
		}
		return 8
	}
	isStop := func(c byte) bool { return c < 0x20 || c == '"' || c == '\\' || c >= 0x80 }
	isDigit := func(c byte) bool { return '0' <= c && c <= '9' }
	for range 200_000 {
		var w, letters uint64
		for i := range 8 {
			c := telling[r.IntN(len(telling))]
			if r.IntN(4) == 0 {
				c = byte(r.Uint32())
			}
			w |= uint64(c) << (8 * i)
			letters |= uint64("a0 \tb9\r\n"[r.IntN(8)]) << (8 * i)
		}
		for _, w := range []uint64{w, letters, w & 0x7F7F7F7F7F7F7F7F, w &^ 0xFF, letters ^ w<<32} {
			check := func(name string, marks uint64, is func(byte) bool) {
				if got, want := firstLane(marks), first(w, is); marks != 0 && got != want || marks == 0 && want != 8 {
					t.Fatalf("%s of %016x: %016x, want lane %d", name, w, marks, want)
				}
			}
			check("stops", stops(w), isStop)
			check("nameStops", nameStops(w), func(c byte) bool { return isStop(c) || c == 0x7F })
			n := first(w, func(c byte) bool { return !isDigit(c) })
			if aboveNine(w^lanes*'0') != (n < 8) {
				t.Fatalf("aboveNine of %016x", w)
			}
			if got := laneMask(stops(w)); got != firstBytes(^uint64(0), first(w, isStop)) {
				t.Fatalf("laneMask of %016x: %016x", w, got)
			}
			spaces := notSpaces(w)
			for i := range 8 {
				c := byte(w >> (8 * i))
				if got := spaces>>(8*i+7)&1 == 0; got != jsontext.IsSpace(c) {
					t.Fatalf("notSpaces of %016x: lane %d", w, i)
				}
			}
		}
	}
}
