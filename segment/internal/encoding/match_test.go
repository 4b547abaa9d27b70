package encoding

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/columns"
	"github.com/residualdb/residual/internal/testing/random"
)

// TestMatch cuts texts of a shape and of similar ones, at the end of the arena and before it, and holds the values to
// what was put in. What stands behind a text changes nothing.
func TestMatch(t *testing.T) {
	r := random.Rand(t)
	const numerals, fronts = "0123456789000999...e-E", `{"a":1,`
	const long = "a literal of more bytes than are compared as words"
	for range 20_000 {
		front := fronts[:r.IntN(len(fronts))] + long[:r.IntN(2)*len(long)] + ":"
		number := make([]byte, 1+r.IntN(20))
		for i := range number {
			number[i] = numerals[r.IntN(len(numerals))]
		}
		want, n := scanNumeral(number)
		if n != len(number) {
			continue
		}
		tail := []string{"", "}", ",", "}}}}}}}}}}}}}}}}}"}[r.IntN(4)]
		text := front + string(number) + tail
		var s shapedColumn
		var column columns.Text
		column.Append([]byte(text))
		column.Append([]byte(text))
		column.Append([]byte("5.5e5555}"[r.IntN(9):]))
		if !s.sortByShape(&column) {
			continue
		}
		last := s.shapes[s.of[0]]
		v := &s.values[last.columns[len(last.columns)-1]]
		for row := range 2 {
			require.Equal(t, string(number), string(column.Bytes[v.bounds[row].from:v.bounds[row].to]), text)
			require.Equal(t, want, numeral{v.mantissas[row], v.forms[row]}, text)
		}
		short := columns.Text{Bytes: column.Bytes, Ends: []uint32{uint32(len(text) - len(tail) - len(number))}}
		require.False(t, s.match(&last, &short, 0))
	}
}

func TestLiteralAt(t *testing.T) {
	text := []byte("0123456789abcdefghij")
	for n := range text {
		l := newLiteral(text[:n])
		for end := range len(text) + 1 {
			padded := slices.Concat(text[:end], make([]byte, wordsLen))
			require.Equal(t, n <= end, l.at(padded, 0, end), "%d bytes of %d", n, end)
		}
		for i := range n {
			other := append([]byte(string(text)), make([]byte, wordsLen)...)
			other[i] ^= 0x40
			require.False(t, l.at(other, 0, len(text)), "%d bytes, other at %d", n, i)
		}
	}
}
