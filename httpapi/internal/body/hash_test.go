package body

import (
	"bytes"
	"encoding/hex"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// hashOf is the hash of a body as it is read through pieces.
func hashOf(t *testing.T, from io.Reader) [16]byte {
	t.Helper()
	h := NewHash("s", "ndjson")
	p := NewLines(from, nil, h)
	for {
		if _, err := p.Next(); err != nil {
			require.ErrorIs(t, err, io.EOF)
			return h.Sum()
		}
	}
}

// HashOf is the hash of a short body under an idempotency key.
func HashOf(source, format, body string) [16]byte {
	h := NewHash(source, format)
	h.Add([]byte(body))
	return h.Sum()
}

func TestBodyHash(t *testing.T) {
	// A body of several pieces with a line too long inside, so that some of it never reaches the decoder.
	body := bytes.Repeat([]byte("0123456789abcde\n"), 80_000)
	body = append(append(body, bytes.Repeat([]byte{'x'}, 3*event.LineBytesMax)...), "\nend"...)
	want := hashOf(t, bytes.NewReader(body))
	require.Equal(t, want, hashOf(t, iotest.HalfReader(bytes.NewReader(body))), "how bytes arrive does not matter")
	require.Equal(t, want, hashOf(t, iotest.DataErrReader(bytes.NewReader(body))))
	for at := 0; at < len(body); at += len(body)/23 + 1 {
		body[at] ^= 1
		require.NotEqual(t, want, hashOf(t, bytes.NewReader(body)), "byte %d counts", at)
		body[at] ^= 1
	}
	require.NotEqual(t, want, hashOf(t, bytes.NewReader(body[:len(body)-1])))
	require.NotEqual(t, want, hashOf(t, bytes.NewReader(append(body, '\n'))))
	require.NotEqual(t, HashOf("a", "ndjson", "x"), HashOf("b", "ndjson", "x"))
	require.NotEqual(t, HashOf("a", "ndjson", "x"), HashOf("a", "json", "x"))
}

// TestBodyHashStays pins the value: stores keep hashes, and one that changes makes repeated requests conflict.
func TestBodyHashStays(t *testing.T) {
	sum := HashOf("ml_model_predictions", "ndjson", "{}\n")
	require.Equal(t, "643593370608ebb8eadb6a3f3c366c16", hex.EncodeToString(sum[:]))
}

// Pieces in the second cache, where one is when it was decoded.
func BenchmarkBodyHash(b *testing.B) {
	const size = PieceBytes / 4
	pieces := bytes.Repeat([]byte("0123456789abcdef"), 2*size/16)
	b.SetBytes(size)
	b.ReportAllocs()
	h, n := NewHash("s", "ndjson"), 0
	for b.Loop() {
		h.Add(pieces[n*size : (n+1)*size])
		n = 1 - n
	}
}
