package event_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// decodeLine decodes one line, alone and behind one of the usual layout, requires
// that it is accepted alike, and returns its batch and row.
func decodeLine(t *testing.T, text string) (*event.Batch, int) {
	t.Helper()
	alone := decode(t, text, event.NDJSON, event.Rules{})
	require.Empty(t, alone.Rejects)
	require.Equal(t, 1, alone.Len())
	b := decode(t, line("", "")+"\n"+text, event.NDJSON, event.Rules{})
	require.Empty(t, b.Rejects)
	require.Equal(t, alone.Event(0), b.Event(1))
	return b, 1
}

func TestTimestamps(t *testing.T) {
	f := func(text string, want int64) {
		t.Helper()
		b, row := decodeLine(t, line("timestamp", `"`+text+`"`))
		require.Equal(t, want, b.Timestamps[row], text)
	}
	f("1970-01-01 00:00:00", 0)
	f("2026-08-01 12:34:56", 1785587696000)
	f("2026-08-01 12:34:56.7", 1785587696700)
	f("2026-08-01 12:34:56.78", 1785587696780)
	f("2026-08-01 12:34:56.789", 1785587696789)
	f("2026-08-01 12:34:56.789999999", 1785587696789)
	f("2026-08-01T12:34:56", 1785587696000)
	f("2026-08-01T12:34:56Z", 1785587696000)
	f("2026-08-01 12:34:56Z", 1785587696000)
	f("2026-08-01T12:34:56.789Z", 1785587696789)
	f("2026-08-01T12:34:56.789012Z", 1785587696789)
	f("2026-08-01T14:34:56+02:00", 1785587696000)
	f("2026-08-01 14:34:56.789+02:00", 1785587696789)
	f("2026-08-01T12:34:56-00:00", 1785587696000)
	f("2026-07-31T13:04:56-23:30", 1785587696000)
	f("2026-08-01T12:34:56.000+00:00", 1785587696000)
	f("1970-01-01T01:00:00+01:00", 0)
	f("1999-12-31 23:59:59.999", 946684799999)
	f("2000-02-29 00:00:00", 951782400000)
	f("2100-03-01 00:00:00", 4107542400000)
	f("2106-02-07 06:28:15.999", 4294967295999)
	f(`2026-08-01\u002012:34:56`, 1785587696000)
}

// A timestamp on a bound of the rules is accepted, one beside it is not.
func TestRules(t *testing.T) {
	rules := event.Rules{Oldest: 1785587696000, Newest: 1785587697000}
	f := func(text string, code event.Code) {
		t.Helper()
		for _, body := range []string{line("timestamp", text), strings.Repeat(line("timestamp", text)+"\n", 3)} {
			b := decode(t, body, event.NDJSON, rules)
			if code == event.CodeNone {
				require.Empty(t, b.Rejects)
				continue
			}
			require.Zero(t, b.Len())
			require.Equal(t, "timestamp", b.Rejects[0].Column)
			require.Equal(t, code, b.Rejects[0].Code)
		}
	}
	f(`"2026-08-01 12:34:55.999"`, event.CodeTooOld)
	f(`"2026-08-01 12:34:56"`, event.CodeNone)
	f(`"2026-08-01 12:34:57"`, event.CodeNone)
	f(`"2026-08-01 12:34:57.001"`, event.CodeTooNew)

	// Rules cannot widen the range of a DateTime.
	rules = event.Rules{Oldest: math.MinInt64, Newest: math.MaxInt64}
	f(`"1969-12-31 23:59:59"`, event.CodeTooOld)
	f(`"2106-02-07 06:28:16"`, event.CodeTooNew)
	f(`"1970-01-01 00:00:00"`, event.CodeNone)
	f(`"2106-02-07 06:28:15"`, event.CodeNone)
}

func TestNumbers(t *testing.T) {
	f := func(text string, want float64) {
		t.Helper()
		b, row := decodeLine(t, line("predicted_value", text))
		require.Equal(t, math.Float64bits(want), math.Float64bits(b.Predicted[row]), text)
	}
	f("0", 0)
	f("-0", math.Copysign(0, -1))
	f("-0.0e5", math.Copysign(0, -1))
	f("5e-324", math.SmallestNonzeroFloat64)
	f("2e-324", 0)
	f("-2e-324", math.Copysign(0, -1))
	f("1.7976931348623157e308", math.MaxFloat64)
	f("1e3", 1000)
	f("1E+3", 1000)
	f("1.0", 1)
	f("9223372036854775808", 1<<63)
	f("17456627040", 17456627040)
	f("0.1", 0.1)
	f("0.30000000000000004", 0.30000000000000004)
}

func TestActualIsOptional(t *testing.T) {
	for _, value := range []string{"", "null"} {
		b, row := decodeLine(t, line("actual_value", value))
		require.False(t, b.Known.Get(row))
		require.Zero(t, b.Actual[row])
		require.False(t, b.Event(row).HasActual)
	}
}

func TestNames(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		b, row := decodeLine(t, line("model_id", text))
		require.Equal(t, want, b.Event(row).ModelID)
		b, row = decodeLine(t, line("prediction_id", text))
		require.Equal(t, want, b.Event(row).PredictionID)
	}
	f(`"x"`, "x")
	f(`" "`, " ")
	f(`"../x"`, "../x")
	f(`"CON"`, "CON")
	f(`"\u0061\/\"\\"`, `a/"\`)
	f(`"Málaga"`, "Málaga")
	f(`"\ud83d\ude00"`, "😀")
	f(`"😀"`, "😀")
	f("\"\u00A0\"", "\u00A0")
	for _, n := range []int{7, 8, 9, 15, 16, 17, 255, 256} {
		f(quote(strings.Repeat("x", n)), strings.Repeat("x", n))
	}
	f(quote(strings.Repeat("é", 128)), strings.Repeat("é", 128))
}

// Names that are equal in some normal form or case are distinct.
func TestNamesAreBytes(t *testing.T) {
	b := decode(t, line("model_id", `"é"`)+"\n"+line("model_id", `"e\u0301"`)+"\n"+line("model_id", `"É"`), event.NDJSON, event.Rules{})
	require.Len(t, b.Series, 3)
}

func TestFeatures(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		b, row := decodeLine(t, line("features", text))
		require.Equal(t, want, b.Event(row).Features)
	}
	// A string is kept as it stands.
	f(`"{}"`, `{}`)
	f(`" {\"a\" : 1 , \"b\":[ ] } "`, ` {"a" : 1 , "b":[ ] } `)
	f(`"{\n\t\"a\":1\r\n}"`, "{\n\t\"a\":1\r\n}")
	f(`"{\"a\":\"x\\\"y\\\\z\\u00e9\"}"`, `{"a":"x\"y\\z\u00e9"}`)
	f(`"{\"\u0061\":\"Malag\u0061\"}"`, `{"a":"Malaga"}`)
	f(`"{\u0022a\u0022:1}"`, `{"a":1}`)
	f(`"{\"place\":\"東京\",\"n\":-1.5e-07,\"ok\":true,\"no\":null}"`, `{"place":"東京","n":-1.5e-07,"ok":true,"no":null}`)
	f(`"1e999"`, `1e999`)
	f(`"\"text\""`, `"text"`)
	f(`"[1,{\"a\":1},{\"a\":1}]"`, `[1,{"a":1},{"a":1}]`)
	f(quote(nest(32)), nest(32))
	f(quote(`"`+strings.Repeat("x", 64<<10-2)+`"`), `"`+strings.Repeat("x", 64<<10-2)+`"`)
	f(quote(`"`+strings.Repeat("é", 32<<10-1)+`"`), `"`+strings.Repeat("é", 32<<10-1)+`"`)

	// An object is kept without white space, and otherwise byte by byte.
	f(`{}`, `{}`)
	f("{ \"b\" : 1.0 ,\t\"a\" : [ 1 , \"x y\\u0061\" ] }", `{"b":1.0,"a":[1,"x y\u0061"]}`)
	f(`{"x":`+nest(30)+`}`, `{"x":`+nest(30)+`}`)
	f(`{"a":"`+strings.Repeat("x", 64<<10-8)+`"}`, `{"a":"`+strings.Repeat("x", 64<<10-8)+`"}`)
}

// Objects with many keys change from a walk to a table.
func TestManyKeys(t *testing.T) {
	keys := func(n int) string {
		var sb strings.Builder
		for i := range n {
			sb.WriteString(`,"k`)
			sb.WriteString(strings.Repeat("x", i%7))
			sb.WriteString(strings.Repeat("y", i/7))
			sb.WriteString(`":{"a":1,"b":2}`)
		}
		return sb.String()[1:]
	}
	for _, n := range []int{1, 31, 32, 33, 34, 64, 65, 129, 500} {
		text := "{" + keys(n) + "}"
		b, row := decodeLine(t, line("features", text))
		require.Equal(t, text, b.Event(row).Features)
		decodeLine(t, line("features", quote(text)))
		decodeLine(t, strings.TrimSuffix(line("", ""), "}")+`,"other":`+text+"}")

		// The first key again, at the end.
		twice := "{" + keys(n) + `,"\u006b":1}`
		for _, l := range []string{line("features", twice), line("features", quote(twice)), "{" + keys(n) + `,"\u006b":1}`} {
			b := decode(t, l, event.NDJSON, event.Rules{})
			require.Zero(t, b.Len())
			require.Contains(t, b.Rejects[0].Reason, "duplicate key")
		}
	}
}

func TestUnknownKeys(t *testing.T) {
	plain := decode(t, line("", ""), event.NDJSON, event.Rules{}).Event(0)
	for _, extra := range []string{
		`"x":1`, `"":null`, `"model_i":"a"`, `"MODEL_ID":[{"y":"\ud83d\ude00"}]`,
		`"features` + strings.Repeat(`\u0000`, 8) + `":true`, `"a_key_that_is_longer_than_any_column_of_the_data_source":"x"`,
	} {
		b, row := decodeLine(t, strings.TrimSuffix(line("", ""), "}")+","+extra+"}")
		require.Equal(t, plain, b.Event(row))
		b, row = decodeLine(t, "{"+extra+","+line("", "")[1:])
		require.Equal(t, plain, b.Event(row))
	}
}

func TestLineLength(t *testing.T) {
	pad := func(n int) string {
		l := line("", "")
		return l + strings.Repeat(" ", n-len(l))
	}
	b := decode(t, pad(event.LineBytesMax)+"\r\n"+pad(event.LineBytesMax+1)+"\n"+line("", ""), event.NDJSON, event.Rules{})
	require.Equal(t, 2, b.Len())
	require.Len(t, b.Rejects, 1)
	require.Equal(t, 2, b.Rejects[0].Line)
	require.Equal(t, event.CodeLineTooLong, b.Rejects[0].Code)
	require.Len(t, b.Rejects[0].Raw, event.RawBytesMax+len(event.RawMarker))
}
