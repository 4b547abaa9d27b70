package client

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func split(t *testing.T, stream io.Reader, size int) []batch {
	t.Helper()
	s := &splitter{stream: stream, size: size}
	var batches []batch
	for {
		b, err := s.next(nil)
		if errors.Is(err, io.EOF) {
			return batches
		}
		require.NoError(t, err)
		batches = append(batches, b)
	}
}

func TestSplitCutsAtNewlines(t *testing.T) {
	f := func(stream string, size int, want ...string) {
		t.Helper()
		var got []string
		for _, b := range split(t, strings.NewReader(stream), size) {
			got = append(got, string(b.body))
		}
		require.Equal(t, want, got)
	}
	f("", 4)
	f("a\n", 4, "a\n")
	f("a", 4, "a")
	f("aa\nbb\ncc\n", 3, "aa\n", "bb\n", "cc\n")
	f("aa\nbb\ncc", 6, "aa\nbb\n", "cc")
	f("aa\nbb\ncc\n", 7, "aa\nbb\n", "cc\n")
	f("aaaaaaaaaa\nb\n", 4, "aaaaaaaaaa\nb\n") // one long line, and what the grown buffer holds after it
	f("\n\n\n", 2, "\n\n", "\n")
}

// TestSplitIsDeterministic checks that cuts, offsets and keys do not depend on how the stream is read, and lose nothing.
func TestSplitIsDeterministic(t *testing.T) {
	const seed = 11
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		var stream []byte
		for range random.IntN(50) {
			stream = append(append(stream, bytes.Repeat([]byte{'x'}, random.IntN(60))...), '\n')
		}
		stream = append(stream, bytes.Repeat([]byte{'y'}, random.IntN(10))...)
		size := 20 + random.IntN(100)
		want := split(t, bytes.NewReader(stream), size)
		var joined []byte
		for i, b := range want {
			require.Equal(t, int64(len(joined)), b.offset)
			joined = append(joined, b.body...)
			require.True(t, i == len(want)-1 || bytes.HasSuffix(b.body, []byte("\n")))
		}
		require.Equal(t, string(stream), string(joined), "seed %d", seed)
		for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
			got := split(t, wrap(bytes.NewReader(stream)), size)
			require.Len(t, got, len(want))
			for i := range got {
				require.Equal(t, want[i].key(), got[i].key())
			}
		}
	}
}

// TestSectionsAreSplits checks that a file is cut exactly where a splitter cuts its bytes.
func TestSectionsAreSplits(t *testing.T) {
	const seed = 12
	random := rand.New(rand.NewPCG(seed, 0))
	name := filepath.Join(t.TempDir(), "file")
	for range 100 {
		var content []byte
		for range random.IntN(60) {
			content = append(append(content, bytes.Repeat([]byte{'x'}, random.IntN(60_000))...), '\n')
		}
		content = append(content, bytes.Repeat([]byte{'y'}, random.IntN(3))...)
		require.NoError(t, os.WriteFile(name, content, 0o600))
		file, err := os.Open(name)
		require.NoError(t, err)
		info, err := file.Stat()
		require.NoError(t, err)
		size := 20_000 + random.IntN(200_000)
		cutter := newSectioner(file, info, int64(size))
		for _, want := range split(t, bytes.NewReader(content), size) {
			got, err := cutter.next(nil)
			require.NoError(t, err)
			require.Equal(t, want.offset, got.offset, "seed %d", seed)
			require.Equal(t, want.size, got.size, "seed %d", seed)
			whole, err := got.part.wholeKey()
			require.NoError(t, err)
			require.Equal(t, want.key(), whole)
			body, err := got.part.open()
			require.NoError(t, err)
			sent, err := io.ReadAll(body)
			require.NoError(t, err)
			require.NoError(t, body.Close())
			require.True(t, bytes.Equal(want.body, sent))
		}
		_, err = cutter.next(nil)
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, file.Close())
	}
}

// TestSplitSums checks that the sums of a batch are those of its body, wherever it is cut.
func TestSplitSums(t *testing.T) {
	f := func(lineBytes int) {
		t.Helper()
		stream := bytes.Repeat(append(bytes.Repeat([]byte{'x'}, lineBytes-1), '\n'), 3_000_000/lineBytes)
		for _, b := range split(t, bytes.NewReader(stream), 5*readBytes) {
			require.Equal(t, sumsOf(b.body), b.sums)
		}
	}
	f(100)
	f(readBytes)
	f(3 * readBytes) // much of what was read is cut off
}

func TestSplitReportsErrors(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("a\nb\nc"), iotest.ErrReader(io.ErrUnexpectedEOF))
	s := &splitter{stream: broken, size: 4}
	b, err := s.next(nil)
	require.NoError(t, err)
	require.Equal(t, "a\nb\n", string(b.body))
	_, err = s.next(nil)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "a stream that breaks off is not a stream that ends")

	s = &splitter{stream: strings.NewReader("ok\n" + strings.Repeat("x", 1000)), size: 8}
	_, err = s.next(nil)
	require.NoError(t, err)
	_, err = s.next(nil)
	require.ErrorIs(t, err, ErrLineTooLong)
	require.ErrorContains(t, err, "the line at byte 3 has more than 128 bytes")
}

func TestKeysDiffer(t *testing.T) {
	seen := map[string]bool{}
	f := func(b batch) {
		t.Helper()
		require.False(t, seen[b.key()], b.key())
		require.LessOrEqual(t, len(b.key()), 128)
		seen[b.key()] = true
	}
	of := func(body string, offset int64) batch {
		return batch{body: []byte(body), offset: offset, size: int64(len(body)), sums: sumsOf([]byte(body))}
	}
	f(of("a\n", 0))
	f(of("b\n", 0))
	f(of("a\n", 2))
	f(of("a\na\n", 0))
}
