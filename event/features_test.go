package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lineWith is a line whose features are what stands in a JSON string.
func lineWith(inString string) string {
	return `{"timestamp":"2026-08-01 12:34:56","model_id":"m","prediction_id":"p","predicted_value":1,` +
		`"model_version":"v","environment":"e","features":"` + inString + `"}`
}

// quoted is a text as encoding/json writes it inside a string.
func quoted(t *testing.T, text string) string {
	t.Helper()
	var sb strings.Builder
	e := json.NewEncoder(&sb)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(text))
	return strings.TrimSuffix(strings.TrimPrefix(sb.String(), `"`), "\"\n")
}

// Features whose layout was met once are read by it, whatever their strings, numbers and literals are.
func TestFeaturesLayoutsAreLearned(t *testing.T) {
	for _, layout := range []string{
		`{"a":%s}`, `{"a": %s, "b": [%s, {"c": %s}]}`, `[%s]`, ` [ %s ] `, `{"a\"b\\":%s}`, `{"é":%s,"日本":[]}`, `{"` + strings.Repeat("k", 100) + `":%s}`,
	} {
		fill := func(value string) string { return strings.ReplaceAll(layout, "%s", value) }
		d := NewDecoder()
		for i, value := range []string{`1`, `-2.5e3`, `"text"`, `"é"`, `""`, `true`, `false`, `null`, `12345678`, `0.1`} {
			var b Batch
			text := fill(value)
			require.NoError(t, d.Decode(&b, []byte(lineWith(quoted(t, text))), JSON, Rules{}))
			require.Empty(t, b.Rejects, text)
			require.Equal(t, text, string(b.Features.At(0)))
			require.Equal(t, 1, d.features.misses, "%s, value %d", text, i)
		}
	}
}

// A decoder that knows the layout of features takes and rejects what one does that knows none.
func TestFeaturesLayoutsChangeNothing(t *testing.T) {
	known := []string{`{"a":1,"b":"x"}`, `{"a\"b":1}`, `{"a\\b":1}`, "{\"a\tb\":1}", "{\n\t\"a\":1}", `{"a\u0001":1}`, `{"é":1}`, `["x"]`, `1`, `""`, `{}`, `[[],{}]`}
	var lines []string
	for _, text := range known {
		in := quoted(t, text)
		lines = append(lines, in, in+" ", " "+in, text, strings.ReplaceAll(text, `"`, `\"`), strings.ReplaceAll(in, `\"`, `\u0022`),
			strings.ReplaceAll(in, `\n`, "\n"), strings.ReplaceAll(in, `\t`, "\t"), strings.ReplaceAll(in, `a`, `\u0061`), in[:len(in)-1], in+in)
		for _, value := range []string{
			`01`, `1.`, `1e`, `-`, `+1`, `.5`, `1e400`, `nul`, `NaN`, `\"`, `\"\\\"\"`, `\"\\\"`, `\"\\u00e9\"`, `\"\u00e9\"`, `\"\u0022\"`, `\"\ud800\"`, "\"\t\"", "\\\"\t\\\"",
			`\"\t\"`, "\\\"\xff\\\"", `x`, `[1]`, `{\"a\":1,\"a\":1}`, `"`, `\`, ``, ` 1`, `1 `, `1\n`, `12345678901234567890`,
		} {
			lines = append(lines, strings.ReplaceAll(in, `1`, value), strings.ReplaceAll(in, `\"x\"`, value))
		}
	}
	for _, in := range lines {
		warm := NewDecoder() // anew: one that met too much that is unlike goes quiet
		for _, text := range known {
			require.NoError(t, warm.Decode(new(Batch), []byte(lineWith(quoted(t, text))), JSON, Rules{}))
		}
		require.Less(t, warm.features.distrust, distrustMax)
		text := lineWith(in)
		for _, body := range []string{text, text[:len(text)-1], fmt.Sprintf("[%s]", text)} {
			var got, want Batch
			gotErr, wantErr := warm.Decode(&got, []byte(body), JSON, Rules{}), NewDecoder().Decode(&want, []byte(body), JSON, Rules{})
			require.Equal(t, wantErr, gotErr, "%q", body)
			require.Equal(t, want.Rejects, got.Rejects, "%q", body)
			require.Equal(t, want.Features, got.Features, "%q", body)
		}
	}
}
