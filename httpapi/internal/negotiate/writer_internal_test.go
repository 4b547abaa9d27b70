package negotiate

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWriterBytes holds what a writer makes for itself to what it is said to take.
func TestWriterBytes(t *testing.T) {
	text := bytes.Repeat([]byte("0.123456,0.654321,0.5,"), 50_000)
	for c := Gzip; c < codings; c++ {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := coders[c].New().(coder)
		w.Reset(io.Discard)
		_, err := w.Write(text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		runtime.ReadMemStats(&after)
		taken := after.TotalAlloc - before.TotalAlloc
		t.Logf("%v: %d bytes", c, taken)
		require.LessOrEqual(t, taken, uint64(WriterBytes))
		require.Greater(t, taken, uint64(WriterBytes/4))
	}
}
