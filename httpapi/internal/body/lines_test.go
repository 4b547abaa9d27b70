package body

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// cutAll returns the pieces of a body and the line number before each.
func cutAll(t *testing.T, from io.Reader) (cut [][]byte, lines []int) {
	t.Helper()
	p := NewLines(from, nil, nil)
	for {
		piece, err := p.Next()
		if errors.Is(err, io.EOF) {
			return cut, lines
		}
		require.NoError(t, err)
		require.LessOrEqual(t, cap(p.buf), PieceBytes)
		cut = append(cut, bytes.Clone(piece))
		lines = append(lines, p.Before())
	}
}

// cutRef is what the pieces hold, line by line: each line whole, but of one that is too long only its start.
func cutRef(body []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(body) {
		if len(bytes.TrimSuffix(line, []byte{'\n'})) > event.LineBytesMax {
			line = append(bytes.Clone(line[:event.LineBytesMax+1]), '\n')
		}
		kept = append(kept, line...)
	}
	return kept
}

// truncated applies the same shortening to what was cut, where a long line may have been kept longer.
func truncated(cut [][]byte) []byte {
	var joined []byte
	for _, piece := range cut {
		joined = append(joined, piece...)
		if piece[len(piece)-1] != '\n' {
			joined = append(joined, '\n')
		}
	}
	return cutRef(joined)
}

func TestPiecesHoldEveryLine(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 5 {
		var body []byte
		for range random.IntN(12) {
			n := random.IntN(100)
			switch random.IntN(4) {
			case 0:
				n = random.IntN(3 * event.LineBytesMax)
			case 1:
				n = event.LineBytesMax - 2 + random.IntN(5)
			}
			body = append(append(body, bytes.Repeat([]byte{byte('a' + random.IntN(26))}, n)...), '\n')
		}
		if random.IntN(2) == 0 && len(body) > 0 {
			body = body[:len(body)-1]
		}
		cut, lines := cutAll(t, bytes.NewReader(body))
		want := cutRef(body)
		if len(want) > 0 && want[len(want)-1] != '\n' {
			want = append(want, '\n')
		}
		require.True(t, bytes.Equal(want, truncated(cut)))

		again, linesAgain := cutAll(t, iotest.HalfReader(bytes.NewReader(body)))
		require.True(t, slices.EqualFunc(cut, again, bytes.Equal), "how bytes arrive does not matter")
		require.Equal(t, lines, linesAgain)
	}
}

func TestPiecesCountLines(t *testing.T) {
	long := bytes.Repeat([]byte{'x'}, 3*event.LineBytesMax)
	body := append([]byte("1\n2\n"), long...)
	body = append(body, "\n4\n5"...)
	cut, lines := cutAll(t, bytes.NewReader(body))
	require.Len(t, cut, 3)
	require.Equal(t, "1\n2\n", string(cut[0]))
	require.Equal(t, []int{0, 2, 3}, lines)
	require.Equal(t, "4\n5", string(cut[2]))
}

func TestPiecesOfOnePieceComeWhole(t *testing.T) {
	body := []byte("{\n \"a\": 1\n}")
	cut, _ := cutAll(t, iotest.HalfReader(bytes.NewReader(body)))
	require.Equal(t, [][]byte{body}, cut)
}

func TestPiecesPassErrorsOn(t *testing.T) {
	p := NewLines(iotest.ErrReader(io.ErrClosedPipe), nil, nil)
	_, err := p.Next()
	require.ErrorIs(t, err, io.ErrClosedPipe)
	p = NewLines(io.MultiReader(bytes.NewReader([]byte("x")), iotest.ErrReader(io.ErrShortBuffer)), nil, nil)
	_, err = p.Next()
	require.ErrorIs(t, err, io.ErrShortBuffer)
}
