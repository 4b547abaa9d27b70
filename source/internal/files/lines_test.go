package files

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// TestLines cuts random texts, and goes on behind each run by its offset and by its number of lines: the same runs follow.
func TestLines(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 3 {
		var text []byte
		for range 1 + random.IntN(6) {
			n := random.IntN(100)
			switch random.IntN(4) {
			case 0:
				n = random.IntN(3 * event.LineBytesMax)
			case 1:
				n = event.LineBytesMax - 2 + random.IntN(5)
			}
			text = append(append(text, bytes.Repeat([]byte{byte('a' + random.IntN(26))}, n)...), '\n')
		}
		if random.IntN(2) == 0 {
			text = text[:len(text)-1]
		}
		if len(text) == 0 {
			continue
		}
		all, err := runsOf(&lines{from: iotest.HalfReader(bytes.NewReader(text))})
		require.NoError(t, err)
		var want [][]byte
		for line := range bytes.Lines(text) {
			want = append(want, shortened(line))
		}
		var got [][]byte
		for _, r := range all {
			for line := range bytes.Lines(r.text) {
				got = append(got, shortened(line))
			}
			require.Len(t, got, r.count, "lines up to here")
		}
		require.Equal(t, want, got)
		for i, r := range all {
			rest, err := runsOf(&lines{from: bytes.NewReader(text[r.offset:]), count: r.count, offset: r.offset})
			require.NoError(t, err)
			require.Equal(t, append([]cutRun(nil), all[i+1:]...), rest)
			skipped := &lines{from: iotest.DataErrReader(bytes.NewReader(text))}
			if err := skipped.skip(r.count); i+1 < len(all) {
				require.NoError(t, err)
				require.Equal(t, r.offset, skipped.offset)
				rest, err = runsOf(skipped)
				require.NoError(t, err)
				require.Equal(t, append([]cutRun(nil), all[i+1:]...), rest)
			}
		}
	}
	require.ErrorIs(t, (&lines{from: bytes.NewReader([]byte("a\nb\n"))}).skip(3), io.EOF)
	_, err := runsOf(&lines{from: io.MultiReader(bytes.NewReader([]byte("x\n")), iotest.ErrReader(io.ErrClosedPipe))})
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

// shortened is the beginning of a line that is too long, and another line as it is.
func shortened(line []byte) []byte {
	if line = bytes.TrimSuffix(line, []byte{'\n'}); len(line) > event.LineBytesMax {
		line = line[:event.LineBytesMax+1]
	}
	return append([]byte{}, line...)
}

// cutRun is a run and what is known behind it.
type cutRun struct {
	text   []byte
	count  int
	offset int64
}

func runsOf(l *lines) (all []cutRun, err error) {
	buf := make([]byte, 0, runBytes)
	for {
		text, err := l.next(buf)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, cutRun{bytes.Clone(text), l.count, l.offset})
	}
}
