package event

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// Names of every length around a word, two words and the longest, with a byte that
// ends or spoils them in every place, and cut off in every place.
func TestScanName(t *testing.T) {
	for n := range NameBytesMax + 3 {
		if n > 40 && n < NameBytesMax-1 {
			continue
		}
		text := append(append([]byte{'"'}, bytes.Repeat([]byte{'a'}, n)...), `", "`...)
		requireName(t, text)
		for i := range text {
			requireName(t, text[:i])
			for _, c := range []byte("\"\\\x00\x1F \x7F\x80\xC2\xFF~") {
				broken := bytes.Clone(text)
				broken[i] = c
				requireName(t, broken)
			}
		}
	}
}

// requireName compares scanName with scanString and checkName. The slack holds
// quotes, which must not end a name.
func requireName(t *testing.T, text []byte) {
	t.Helper()
	b := append(bytes.Clone(text), bytes.Repeat([]byte{'"'}, slack)...)[:len(text)]
	lo, hi, end, ok := scanName(b, 0)
	wantEnd, escaped, f := 0, false, faultWantString
	if len(b) > 0 && b[0] == '"' {
		wantEnd, escaped, f = scanString(b, 1)
	}
	if f == faultNone {
		f = checkName(b[1:wantEnd])
	}
	usual := f == faultNone && !escaped && !bytes.ContainsFunc(b[:wantEnd], func(r rune) bool { return r >= 0x80 })
	require.Equal(t, usual, ok, "%q", text)
	if !ok {
		return
	}
	require.Equal(t, wantEnd+1, end, "%q", text)
	wantLo, wantHi := shortWords(b[1:wantEnd])
	require.Equal(t, [2]uint64{wantLo, wantHi}, [2]uint64{lo, hi}, "%q", text)
}
