package client

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestElements holds the lines of arrays to what encoding/json makes of these, however they are laid out and read.
func TestElements(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	texts := []string{"", "a", `"`, `\`, `\"`, "]", "[", "},{", ",", "é\n\r\t", "\u2028", `\\`}
	for range 300 {
		var events []map[string]any
		for range random.IntN(6) {
			text := func() string { return texts[random.IntN(len(texts))] + texts[random.IntN(len(texts))] }
			events = append(events, map[string]any{text(): text(), "n": 1.5, "o": map[string]any{text(): []any{text(), nil, true, []any{}}}})
		}
		array, err := json.Marshal(events)
		require.NoError(t, err)
		if events == nil {
			array = []byte("[]")
		}
		if random.IntN(2) == 0 {
			var indented bytes.Buffer
			require.NoError(t, json.Indent(&indented, array, "\r", "\t"))
			array = append([]byte("\xEF\xBB\xBF \n"), append(indented.Bytes(), " \n"...)...)
		}
		var from io.Reader = bytes.NewReader(array)
		if random.IntN(2) == 0 {
			from = iotest.OneByteReader(from)
		}
		lines, err := io.ReadAll(Elements(from))
		require.NoError(t, err)
		var got []map[string]any
		for line := range bytes.Lines(lines) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			var e map[string]any
			require.NoError(t, json.Unmarshal(line, &e), "%s of %s", line, array)
			got = append(got, e)
		}
		require.Equal(t, events, got, "%s", array)
	}
	for _, broken := range []string{"", "[", `[{"a":1}`, `[{"a":1},`, `[{"a":"]}`, `[] x`, `{"a":1}`, `x`, `[{}][{}]`} {
		_, err := io.ReadAll(Elements(strings.NewReader(broken)))
		require.ErrorIs(t, err, errArray, broken)
	}
}

// TestRecordsAreCutWhole cuts CSV into small batches and reads them, each with its header, as one.
func TestRecordsAreCutWhole(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	fields := []string{"", "a", "a,b", `say "x"`, "two\nlines", "\"\n\"", "\r\n", "é", "\n\n\n"}
	for range 200 {
		var records [][]string
		for i := range random.IntN(30) {
			records = append(records, []string{strconv.Itoa(i), fields[random.IntN(len(fields))], fields[random.IntN(len(fields))]})
		}
		header := []string{"prediction_id", "model_id", "features"}
		var file bytes.Buffer
		w := csv.NewWriter(&file)
		w.UseCRLF = random.IntN(2) == 0
		named := random.IntN(2) == 0
		if named {
			require.NoError(t, w.Write(header))
		}
		require.NoError(t, w.WriteAll(records))
		s := &recordSplitter{lines: &splitter{stream: &file, size: 60 + random.IntN(100)}}
		var got [][]string
		for count := 0; ; count++ {
			b, err := s.next(nil)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			read, err := csv.NewReader(bytes.NewReader(append(bytes.Clone(b.head), b.body...))).ReadAll()
			require.NoError(t, err, "%q", b.body)
			if named {
				require.Equal(t, header, read[0])
				read = read[1:]
			}
			got = append(got, read...)
		}
		require.Len(t, got, len(records))
		for i := range records {
			for j := range records[i] {
				require.Equal(t, strings.ReplaceAll(records[i][j], "\r\n", "\n"), got[i][j])
			}
		}
	}
}

func TestIsHeader(t *testing.T) {
	require.True(t, IsHeader("x, MODEL_ID ,y", ','))
	require.True(t, IsHeader("\xEF\xBB\xBF\"timestamp\"\tz", '\t'))
	require.False(t, IsHeader("x;model_id;y", ','))
	require.True(t, IsHeader("x;model_id;y", ';'))
	require.False(t, IsHeader("2026-01-01,m,p", ','))
	require.False(t, IsHeader("", ','))
}
