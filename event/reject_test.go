package event_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// nest returns a value of so many nested arrays.
func nest(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// quote returns a JSON string of text; text holds nothing that needs escaping
// but quotes and backslashes.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

type rejection struct {
	name, line, column string
	code               event.Code
	reason             string
}

// rejections holds at least one line for every reason.
func rejections() []rejection {
	const format = "must be YYYY-MM-DD hh:mm:ss[.fff] or RFC 3339"
	const epoch = "an epoch is not accepted: " + format
	const (
		wantTime  = "must be a string in one of the timestamp formats"
		wantEpoch = "an epoch is not accepted: must be a string, YYYY-MM-DD hh:mm:ss[.fff] or RFC 3339"
	)
	const wantFeatures = "must be a string holding JSON, or a JSON object"
	return []rejection{
		{"text", `hello`, "", event.CodeType, "not a JSON object"},
		{"scalar", `42`, "", event.CodeType, "not a JSON object"},
		{"null line", `null`, "", event.CodeType, "not a JSON object"},
		{"array line", `[` + line("", "") + `]`, "", event.CodeType, "a JSON array is not an event (arrays are accepted with format=json)"},
		{"open object", `{`, "", event.CodeSyntax, "the JSON ends too early"},
		{"torn key", `{"timesta`, "", event.CodeSyntax, "the JSON ends too early"},
		{"torn value", `{"model_id":"a`, "model_id", event.CodeSyntax, "the JSON ends too early"},
		{"torn escape", `{"model_id":"a\`, "model_id", event.CodeSyntax, "the JSON ends too early"},
		{"torn literal", `{"x":tru`, "", event.CodeSyntax, "the JSON ends too early"},
		{"key without quotes", `{model_id:"a"}`, "", event.CodeSyntax, "unexpected character"},
		{"no colon", `{"model_id" "a"}`, "", event.CodeSyntax, "unexpected character"},
		{"no comma", `{"model_id":"a" "x":1}`, "", event.CodeSyntax, "unexpected character"},
		{"trailing comma", strings.TrimSuffix(line("", ""), "}") + ",}", "", event.CodeSyntax, "unexpected character"},
		{"wrong bracket", `{"x":[1}`, "", event.CodeSyntax, "unexpected character"},
		{"misspelled literal", `{"x":nul}`, "", event.CodeSyntax, "unexpected character"},
		{"comment", `{"x":/**/1}`, "", event.CodeSyntax, "unexpected character"},
		{"NUL", "{\"x\":\x00}", "", event.CodeSyntax, "unexpected character"},
		{"two objects", line("", "") + line("", ""), "", event.CodeSyntax, "data after the JSON object"},
		{"escape", line("model_id", `"\x41"`), "model_id", event.CodeSyntax, "invalid escape sequence"},
		{"short unicode escape", line("model_id", `"\u12"`), "model_id", event.CodeSyntax, "invalid escape sequence"},

		{"invalid UTF-8", line("model_id", "\"a\xFF\""), "model_id", event.CodeUTF8, "invalid UTF-8"},
		{"overlong UTF-8", line("model_id", "\"\xC0\xAF\""), "model_id", event.CodeUTF8, "invalid UTF-8"},
		{"surrogate in UTF-8", line("model_id", "\"\xED\xA0\x80\""), "model_id", event.CodeUTF8, "invalid UTF-8"},
		{"invalid UTF-8 in a key", "{\"\xFF\":1}", "", event.CodeUTF8, "invalid UTF-8"},
		{"invalid UTF-8 in an unknown value", "{\"x\":\"\xFF\"}", "", event.CodeUTF8, "invalid UTF-8"},
		{"lone high surrogate", line("model_id", `"\ud800"`), "model_id", event.CodeUTF8, "lone surrogate"},
		{"lone low surrogate", line("model_id", `"\udc00\ud800"`), "model_id", event.CodeUTF8, "lone surrogate"},
		{"two high surrogates", line("model_id", `"\ud800\ud800"`), "model_id", event.CodeUTF8, "lone surrogate"},
		{"raw control", line("model_id", "\"a\x01\""), "model_id", event.CodeControl, "raw control character in a string"},
		{"NULs for a date", line("timestamp", "\""+strings.Repeat("\x00", 10)+" 12:00:00\""), "timestamp", event.CodeControl, "raw control character in a string"},
		{"raw tab", line("features", "\"{\t}\""), "features", event.CodeControl, "raw control character in a string"},

		{"33 levels in an unknown key", `{"x":` + nest(32) + `}`, "", event.CodeDepth, "nested deeper than 32 levels"},
		{"20,000 levels", `{"x":` + nest(20_000) + `}`, "", event.CodeDepth, "nested deeper than 32 levels"},
		{"33 levels in a features object", line("features", `{"x":`+nest(31)+`}`), "features", event.CodeDepth, "nested deeper than 32 levels"},

		{"column twice", `{"model_id":"a","model_id":"a"}`, "model_id", event.CodeDuplicate, "duplicate key"},
		{"column twice by escape", `{"model_id":"a","model_\u0069d":"a"}`, "model_id", event.CodeDuplicate, "duplicate key"},
		{"unknown key twice", `{"x":1,"y":2,"x":3}`, "", event.CodeDuplicate, "duplicate key"},
		{"unknown key twice by escape", `{"\u0078":1,"x":3}`, "", event.CodeDuplicate, "duplicate key"},
		{"nested key twice", `{"x":{"y":1,"y":2}}`, "", event.CodeDuplicate, "duplicate key"},
		{"key twice in a features object", line("features", `{"y":1,"y":2}`), "features", event.CodeDuplicate, "duplicate key"},
		{"null column twice", `{"actual_value":null,"actual_value":null}`, "actual_value", event.CodeDuplicate, "duplicate key"},

		{"number for a name", line("model_id", `5`), "model_id", event.CodeType, "must be a string"},
		{"true for a name", line("environment", `true`), "environment", event.CodeType, "must be a string"},
		{"object for a name", line("model_version", `{}`), "model_version", event.CodeType, "must be a string"},
		{"array for a number", line("predicted_value", `[1]`), "predicted_value", event.CodeType, "must be a number"},
		{"false for a number", line("actual_value", `false`), "actual_value", event.CodeType, "must be a number"},
		{"number in quotes", line("predicted_value", `"1.5"`), "predicted_value", event.CodeType, "must be a number, not a string"},
		{"array for features", line("features", `[1]`), "features", event.CodeType, wantFeatures},
		{"number for features", line("features", `1`), "features", event.CodeType, wantFeatures},
		{"epoch number", line("timestamp", `1785587696`), "timestamp", event.CodeType, wantEpoch},
		{"epoch in milliseconds", line("timestamp", `1785587696123.5`), "timestamp", event.CodeType, wantEpoch},
		{"negative epoch", line("timestamp", `-1`), "timestamp", event.CodeType, wantEpoch},
		{"zero timestamp", line("timestamp", `0`), "timestamp", event.CodeType, wantEpoch},
		{"boolean timestamp", line("timestamp", `true`), "timestamp", event.CodeType, wantTime},
		{"epoch string", line("timestamp", `"1785587696"`), "timestamp", event.CodeTimestamp, epoch},
		{"epoch string in ns", line("timestamp", `"1785587696000000000"`), "timestamp", event.CodeTimestamp, epoch},
		{"negative epoch string", line("timestamp", `"-1.5"`), "timestamp", event.CodeTimestamp, epoch},

		{"missing", line("model_id", ``), "model_id", event.CodeMissing, "missing"},
		{"empty object", `{}`, "timestamp", event.CodeMissing, "missing"},
		{"null", line("model_id", `null`), "model_id", event.CodeMissing, "null"},
		{"null features", line("features", `null`), "features", event.CodeMissing, "null"},

		{"NaN", line("predicted_value", `NaN`), "predicted_value", event.CodeNumber, "NaN and infinities are no JSON numbers; an actual that is not known is null"},
		{"Infinity", line("predicted_value", `Infinity`), "predicted_value", event.CodeNumber, "NaN and infinities are no JSON numbers; an actual that is not known is null"},
		{"-Infinity", line("predicted_value", `-Infinity`), "predicted_value", event.CodeNumber, "NaN and infinities are no JSON numbers; an actual that is not known is null"},
		{"+NaN", line("actual_value", `+NaN`), "actual_value", event.CodeNumber, "NaN and infinities are no JSON numbers; an actual that is not known is null"},
		{"None", line("actual_value", `None`), "actual_value", event.CodeNumber, "not a JSON number"},
		{"01", line("predicted_value", `01`), "predicted_value", event.CodeNumber, "not a JSON number"},
		{"-01", line("predicted_value", `-01`), "predicted_value", event.CodeNumber, "not a JSON number"},
		{"+1", line("predicted_value", `+1`), "predicted_value", event.CodeNumber, "not a JSON number"},
		{".5", line("predicted_value", `.5`), "predicted_value", event.CodeNumber, "not a JSON number"},
		{"1.", line("predicted_value", `1.`), "predicted_value", event.CodeNumber, "not a JSON number"},
		{"1.e5", line("predicted_value", `1.e5`), "predicted_value", event.CodeNumber, "not a JSON number"},
		{"1e", line("predicted_value", `1e`), "predicted_value", event.CodeNumber, "not a JSON number"},
		{"1e+", line("predicted_value", `1e+`), "predicted_value", event.CodeNumber, "not a JSON number"},
		{"0x10", line("predicted_value", `0x10`), "predicted_value", event.CodeNumber, "not a JSON number"},
		{"1_000", line("predicted_value", `1_000`), "predicted_value", event.CodeNumber, "not a JSON number"},
		{"--1", line("predicted_value", `--1`), "predicted_value", event.CodeNumber, "not a JSON number"},
		{"01 in an unknown key", `{"x":01}`, "", event.CodeNumber, "not a JSON number"},
		{"1e999", line("predicted_value", `1e999`), "predicted_value", event.CodeNumber, "beyond the range of a 64-bit float"},
		{"-1e309", line("actual_value", `-1e309`), "actual_value", event.CodeNumber, "beyond the range of a 64-bit float"},

		{"empty timestamp", line("timestamp", `""`), "timestamp", event.CodeTimestamp, format},
		{"date alone", line("timestamp", `"2026-08-01"`), "timestamp", event.CodeTimestamp, format},
		{"no seconds", line("timestamp", `"2026-08-01 12:34"`), "timestamp", event.CodeTimestamp, format},
		{"hour 24", line("timestamp", `"2026-08-01 24:00:00"`), "timestamp", event.CodeTimestamp, format},
		{"second 60", line("timestamp", `"2026-08-01 12:59:60"`), "timestamp", event.CodeTimestamp, format},
		{"month 13", line("timestamp", `"2026-13-01 12:00:00"`), "timestamp", event.CodeTimestamp, format},
		{"month 0", line("timestamp", `"2026-00-01 12:00:00"`), "timestamp", event.CodeTimestamp, format},
		{"day 0", line("timestamp", `"2026-08-00 12:00:00"`), "timestamp", event.CodeTimestamp, format},
		{"February 29", line("timestamp", `"2026-02-29 12:00:00"`), "timestamp", event.CodeTimestamp, format},
		{"slashes", line("timestamp", `"2026/08/01 12:00:00"`), "timestamp", event.CodeTimestamp, format},
		{"empty fraction", line("timestamp", `"2026-08-01 12:00:00."`), "timestamp", event.CodeTimestamp, format},
		{"ten digits of fraction", line("timestamp", `"2026-08-01 12:00:00.0123456789"`), "timestamp", event.CodeTimestamp, format},
		{"small z", line("timestamp", `"2026-08-01T12:00:00z"`), "timestamp", event.CodeTimestamp, format},
		{"offset without colon", line("timestamp", `"2026-08-01T12:00:00+0200"`), "timestamp", event.CodeTimestamp, format},
		{"offset of 24 h", line("timestamp", `"2026-08-01T12:00:00+24:00"`), "timestamp", event.CodeTimestamp, format},
		{"space behind", line("timestamp", `"2026-08-01 12:00:00 "`), "timestamp", event.CodeTimestamp, format},
		{"before 1970", line("timestamp", `"1970-01-01T00:59:59.999+01:00"`), "timestamp", event.CodeTooOld, "older than the retention"},
		{"past 2106", line("timestamp", `"2106-02-07 06:28:16"`), "timestamp", event.CodeTooNew, "too far in the future"},
		{"year 9999", line("timestamp", `"9999-12-31 23:59:59"`), "timestamp", event.CodeTooNew, "too far in the future"},

		{"empty name", line("environment", `""`), "environment", event.CodeName, "empty"},
		{"257 bytes", line("prediction_id", quote(strings.Repeat("x", 257))), "prediction_id", event.CodeName, "longer than 256 bytes"},
		{"129 runes of 2 bytes", line("prediction_id", quote(strings.Repeat("é", 129))), "prediction_id", event.CodeName, "longer than 256 bytes"},
		{"escaped NUL", line("model_id", `"a\u0000"`), "model_id", event.CodeName, "holds a control character"},
		{"escaped newline", line("model_id", `"a\n"`), "model_id", event.CodeName, "holds a control character"},
		{"DEL", line("model_id", "\"a\x7F\""), "model_id", event.CodeName, "holds a control character"},
		{"C1 control", line("model_id", "\"a\u0085\""), "model_id", event.CodeName, "holds a control character"},

		{"empty features", line("features", `""`), "features", event.CodeFeatures, "not a JSON text"},
		{"features no JSON", line("features", `"{feature1:10}"`), "features", event.CodeFeatures, "not a JSON text"},
		{"features torn", line("features", `"{\"feature1\":10"`), "features", event.CodeFeatures, "not a JSON text"},
		{"features trailing comma", line("features", `"{\"a\":1,}"`), "features", event.CodeFeatures, "not a JSON text"},
		{"features two values", line("features", `"{} {}"`), "features", event.CodeFeatures, "not a JSON text"},
		{"features bad number", line("features", `"{\"a\":01}"`), "features", event.CodeFeatures, "not a JSON text"},
		{"features bad inner escape", line("features", `"{\"a\":\"\\x\"}"`), "features", event.CodeFeatures, "not a JSON text"},
		{"features inner control", line("features", `"{\"a\":\"\n\"}"`), "features", event.CodeFeatures, "not a JSON text"},
		{"features inner lone surrogate", line("features", `"{\"a\":\"\\ud800\"}"`), "features", event.CodeFeatures, "not a JSON text"},
		{"features 33 levels", line("features", quote(nest(33))), "features", event.CodeFeatures, "JSON text nested deeper than 32 levels"},
		{"features 33 objects", line("features", quote(strings.Repeat(`{"a":`, 33)+"1"+strings.Repeat("}", 33))), "features", event.CodeFeatures, "JSON text nested deeper than 32 levels"},
		{"features key twice", line("features", `"{\"a\":1,\"\\u0061\":1}"`), "features", event.CodeFeatures, "JSON text with a duplicate key"},
		{"features too long", line("features", quote(`"`+strings.Repeat("x", 64<<10-1)+`"`)), "features", event.CodeFeatures, "longer than 64 KiB"},
		{"features object too long", line("features", `{"a":"`+strings.Repeat("x", 64<<10-7)+`"}`), "features", event.CodeFeatures, "longer than 64 KiB"},

		{"line too long", line("model_id", `"a`+strings.Repeat("x", 1<<20)+`"`), "", event.CodeLineTooLong, "longer than 1 MiB"},
	}
}

// A bad line is rejected alike at any position, and costs no other line its row.
func TestRejections(t *testing.T) {
	good := line("", "")
	for _, r := range rejections() {
		t.Run(r.name, func(t *testing.T) {
			want := event.Reject{Column: r.column, Code: r.code, Reason: r.reason, Raw: []byte(r.line)}
			if len(r.line) > event.RawBytesMax {
				want.Raw = []byte(r.line[:event.RawBytesMax] + event.RawMarker)
			}
			for at := range 4 {
				lines := []string{good, good, good}
				lines = append(lines[:at], append([]string{r.line}, lines[at:]...)...)
				b := decode(t, strings.Join(lines, "\n"), event.NDJSON, event.Rules{})
				require.Equal(t, 3, b.Len())
				want.Line = at + 1
				require.Equal(t, []event.Reject{want}, b.Rejects)
				require.Equal(t, 1, b.Rejected[r.code])
				require.Equal(t, 1, b.Rejected.Total())
			}
		})
	}
}

func TestRejectIsAnError(t *testing.T) {
	require.EqualError(t, &event.Reject{Column: "model_id", Reason: "missing"}, "event: model_id: missing")
	require.EqualError(t, &event.Reject{Reason: "duplicate key"}, "event: duplicate key")
}

func TestCodeNames(t *testing.T) {
	require.Equal(t, "line_too_long", event.CodeLineTooLong.String())
	require.Equal(t, "code(200)", event.Code(200).String())
}

// Rejects beyond the kept ones are counted.
func TestRejectsAreBounded(t *testing.T) {
	b := decode(t, strings.Repeat("x\n", event.RejectsMax+5), event.NDJSON, event.Rules{})
	require.Len(t, b.Rejects, event.RejectsMax)
	require.Equal(t, event.RejectsMax+5, b.Rejected.Total())
	require.Equal(t, event.RejectsMax+5, b.Rejected[event.CodeType])
}

// TestCodesAreStored holds the numbers of the codes, which are on disk.
func TestCodesAreStored(t *testing.T) {
	for code, number := range map[event.Code]uint8{
		event.CodeNone: 0, event.CodeSyntax: 1, event.CodeUTF8: 2, event.CodeControl: 3, event.CodeDepth: 4, event.CodeDuplicate: 5,
		event.CodeType: 6, event.CodeMissing: 7, event.CodeNumber: 8, event.CodeTimestamp: 9, event.CodeTooOld: 10, event.CodeTooNew: 11,
		event.CodeName: 12, event.CodeFeatures: 13, event.CodeLineTooLong: 14, event.CodeOrphan: 15, event.CodeTooManyModels: 16,
		event.CodeTooManySeries: 17, event.CodeTooManyMonths: 18,
	} {
		require.Equal(t, number, uint8(code), code.String())
	}
}
