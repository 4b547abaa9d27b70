package rowfile_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/rowfile"
)

// TestJSONArray holds the lines of arrays to what encoding/json makes of these, however they are laid out and read.
func TestJSONArray(t *testing.T) {
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
		lines, err := io.ReadAll(rowfile.JSONArray(from))
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
		_, err := io.ReadAll(rowfile.JSONArray(strings.NewReader(broken)))
		var e *rowfile.Error
		require.ErrorAs(t, err, &e, broken)
	}
}
