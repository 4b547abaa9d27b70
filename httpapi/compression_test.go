package httpapi_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/httpapi"
	"github.com/residualdb/residual/internal/workload"
)

func gzipped(t *testing.T, write func(io.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	write(w)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func zstded(t *testing.T, write func(io.Writer), opts ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, opts...)
	require.NoError(t, err)
	write(w)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func text(s string) func(io.Writer) {
	return func(w io.Writer) { _, _ = io.WriteString(w, s) }
}

func zeros(n int64) func(io.Writer) {
	return func(w io.Writer) { _, _ = io.CopyN(w, endless('\n'), n) }
}

// endless is a reader of one byte forever.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func TestCompressedBodies(t *testing.T) {
	server := start(t, httpapi.Options{})
	f := func(name, encoding string, body []byte, status int) string {
		t.Helper()
		resp, answer := server.do(t, "POST", events, bytes.NewReader(body), "Content-Encoding", encoding)
		require.Equal(t, status, resp.StatusCode, "%s: %s", name, answer)
		return answer
	}
	for range 2 { // the second time with pooled decompressors
		require.Equal(t, "{\"successful_rows\":2,\"quarantined_rows\":0}\n", f("gzip", "gzip", gzipped(t, text(workload.TutorialLines)), 202))
		require.Equal(t, "{\"successful_rows\":2,\"quarantined_rows\":0}\n", f("zstd", "ZSTD ", zstded(t, text(workload.TutorialLines)), 202))
		two := append(gzipped(t, text(goodLine+"\n")), gzipped(t, text(goodLine+"\n"))...)
		require.Equal(t, "{\"successful_rows\":2,\"quarantined_rows\":0}\n", f("two gzip members", "gzip", two, 202))
		f("identity", "identity", []byte(workload.TutorialLines), 202)

		whole := gzipped(t, text(strings.Repeat(workload.TutorialLines, 1000)))
		require.Equal(t, "the compressed body is broken or cut short", errorText(t, f("cut gzip", "gzip", whole[:len(whole)-9], 400)))
		f("cut zstd", "zstd", zstded(t, text(strings.Repeat(workload.TutorialLines, 1000)))[:200], 400)
		damaged := bytes.Clone(whole)
		damaged[len(damaged)-6] ^= 1
		f("gzip with a wrong checksum", "gzip", damaged, 400)
		f("gzip and more", "gzip", append(bytes.Clone(whole), "more"...), 400)
		f("empty gzip", "gzip", nil, 400)
		f("snappy", "snappy", nil, 415)
	}
	rows := 0
	for i := range server.store.batches {
		rows += server.store.batches[i].Len()
	}
	require.Equal(t, 2*(2+2+2+2), rows, "a body that is refused has stored nothing")
}

// TestBombs sends a little that stands for a lot: it is refused before it costs much.
func TestBombs(t *testing.T) {
	server := start(t, httpapi.Options{})
	// A gibibyte each, as many members or frames of the same 16 MiB.
	const members, size = 64, 16 << 20
	for _, c := range []struct {
		name, encoding, text string
		body                 []byte
	}{
		{"gzip", "gzip", "times its size", bytes.Repeat(gzipped(t, zeros(size)), members)},
		{"zstd", "zstd", "times its size", bytes.Repeat(zstded(t, zeros(size), zstd.WithSingleSegment(false)), members)},
		{"zstd in a large window", "zstd", "the zstd window is larger", zstded(t, zeros(size+1), zstd.WithWindowSize(size))},
		{"zstd that claims a terabyte", "zstd", "the zstd window is larger", zstdClaim(1 << 40)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			resp, body := server.do(t, "POST", events, bytes.NewReader(c.body), "Content-Encoding", c.encoding)
			runtime.ReadMemStats(&after)
			require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode, body)
			require.Contains(t, errorText(t, body), c.text)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(48<<20))
		})
	}
}

// zstdClaim is the start of a zstd frame of one segment that says how long it is.
func zstdClaim(size uint64) []byte {
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0b1110_0000}
	frame = binary.LittleEndian.AppendUint64(frame, size)
	// One RLE block of a byte.
	return append(frame, 0x03|1<<3, 0, 0, '\n')
}

func TestBodyOverTheLimitAfterDecompression(t *testing.T) {
	server := start(t, httpapi.Options{Limits: httpapi.Limits{BodyBytesMax: 1 << 20}})
	f := func(encoding string, body []byte, status int) {
		t.Helper()
		resp, answer := server.do(t, "POST", events, bytes.NewReader(body), "Content-Encoding", encoding)
		require.Equal(t, status, resp.StatusCode, answer)
		if status != http.StatusAccepted {
			require.Contains(t, errorText(t, answer), "decompresses to more than the allowed 1048576 bytes")
		}
	}
	// Digits that compress to about half.
	var digits strings.Builder
	for random := rand.New(rand.NewPCG(1, 2)); digits.Len() < 1<<20; {
		fmt.Fprintln(&digits, random.Uint64())
	}
	fits := digits.String()[:1<<20]
	f("gzip", gzipped(t, text(fits)), 202)
	f("gzip", gzipped(t, text(fits+"1")), 413)
	f("zstd", zstded(t, text(fits)), 202)
	f("zstd", zstded(t, text(fits+"1")), 413)
}

// TestExpansion lets a body of NDJSON through that compresses very well, and stops what no NDJSON does.
func TestExpansion(t *testing.T) {
	server := start(t, httpapi.Options{})
	resp, body := server.do(t, "POST", events, bytes.NewReader(gzipped(t, text(strings.Repeat(goodLine+"\n", 20_000)))), "Content-Encoding", "gzip")
	require.Equal(t, http.StatusAccepted, resp.StatusCode, body)
	resp, body = server.do(t, "POST", events, bytes.NewReader(gzipped(t, zeros(8<<20))), "Content-Encoding", "gzip")
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode, body)
	require.Equal(t, "the body decompresses to more than 200 times its size", errorText(t, body))
}
