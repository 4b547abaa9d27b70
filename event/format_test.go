package event_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// good is an accepted line; pretty is the same laid out over lines.
func good() string { return line("", "") }

func pretty() string {
	return strings.NewReplacer(`,"`, ",\n  \"", `{"timestamp`, "{\n  \"timestamp", `"production"}`, "\"production\"\n}").Replace(good())
}

// outcome is the rows of a body and the lines of its rejects.
type outcome struct {
	rows    int
	rejects []int
}

func requireOutcome(t *testing.T, body string, format event.Format, want outcome) {
	t.Helper()
	b := decode(t, body, format, event.Rules{})
	got := outcome{rows: b.Len()}
	for _, r := range b.Rejects {
		got.rejects = append(got.rejects, r.Line)
	}
	require.Equal(t, want, got, "%q", body)
	for i := range b.Len() {
		require.Equal(t, decode(t, good(), event.NDJSON, event.Rules{}).Event(0), b.Event(i))
	}
}

func TestNDJSON(t *testing.T) {
	const bom = "\xEF\xBB\xBF"
	f := func(body string, rows int, rejects ...int) {
		t.Helper()
		requireOutcome(t, body, event.NDJSON, outcome{rows: rows, rejects: rejects})
	}
	f("", 0)
	f("\n\n \t\r\n", 0)
	f(good(), 1)
	f(good()+"\n", 1)
	f(good()+"\r\n"+good()+"\r\n", 2)
	f("\n\n"+good()+"\n\n\nx\n"+good(), 2, 6)
	f("  "+good()+"  \n\t"+good()+"\t", 2)
	f(strings.Repeat("\n", 10_000_000)+"x", 0, 10_000_001)

	// A byte order mark counts once, and only at the beginning.
	f(bom+good(), 1)
	f(bom, 0)
	f(bom+bom+good(), 0, 1)
	f(good()+"\n"+bom+good(), 1, 2)

	// An array is no line.
	f("["+good()+"]", 0, 1)
	f(good()+"\n["+good()+"]\n"+good(), 2, 2)
	f(good()+"\n"+good()+good()+"\n"+good(), 2, 2)
	f(good()+","+"\n"+good(), 1, 1)
}

// One object laid out over lines is one event.
func TestOneObject(t *testing.T) {
	f := func(body string, rows int, rejects ...int) {
		t.Helper()
		requireOutcome(t, body, event.NDJSON, outcome{rows: rows, rejects: rejects})
	}
	require.Greater(t, strings.Count(pretty(), "\n"), 8)
	f(pretty(), 1)
	f(pretty()+"\n", 1)
	f("\n \n"+pretty()+"\r\n\r\n", 1)
	f(strings.ReplaceAll(pretty(), "\n", "\r\n"), 1)
	f("{\n"+good()[1:], 1)

	// At fault, it is one reject, where it begins.
	f("\n\n"+strings.Replace(pretty(), "17456.27", "01", 1), 0, 3)
	f(strings.Replace(pretty(), "17456.27,", "17456.27,,", 1), 0, 1)
	f(strings.Replace(pretty(), "model_5", "model\n5", 1), 0, 1)
	f(strings.Replace(pretty(), "model_id", "timestamp", 1), 0, 1)

	// Lines are lines, even if together they have the outline of one object.
	f("{\"a\":\n"+good()+"\n}", 0, 1) // one object with an event for a value
	f("{\"a\":1\n"+good()+"\n}", 1, 1, 3)
	f("{\n"+good()+"\n", 1, 1)
	f("{\"a\":\"\n"+good()+"\n"+good(), 2, 1)

	// More than one object over lines cannot be told from torn lines.
	two := decode(t, pretty()+"\n"+pretty(), event.NDJSON, event.Rules{})
	require.Zero(t, two.Len())
	require.Equal(t, 2*(1+strings.Count(pretty(), "\n")), two.Rejected.Total())
}

func TestFormatJSON(t *testing.T) {
	f := func(body string, rows int, rejects ...int) {
		t.Helper()
		requireOutcome(t, body, event.JSON, outcome{rows: rows, rejects: rejects})
	}
	f(good(), 1)
	f(pretty(), 1)
	f(" \n"+pretty()+" \n", 1)
	f("\xEF\xBB\xBF"+good(), 1)
	f("[]", 0)
	f(" [ ] ", 0)
	f("["+good()+"]", 1)
	f("[\n"+pretty()+" ,\n "+good()+"\n]\n", 2)

	// A bad element costs its own row.
	bad := []string{
		`1`, `"x"`, `null`, `[]`, `{}`, `[` + good() + `]`, line("model_id", "1"), line("predicted_value", "01"),
		line("predicted_value", "NaN"), line("model_id", "\"a\nb\""), line("model_id", "\"\xFF\""), `{"a" 1}`, `{"a":1,}`,
		`{"x":` + nest(40) + `}`, `tru`, `"\x"`, `{"]":"["}`,
	}
	for _, element := range bad {
		f("["+element+"]", 0, 1)
		f("["+good()+","+element+","+good()+"]", 2, 2)
		f("["+good()+"\n,"+element+" ]", 1, 2)
	}
	f(`{"a":01}`, 0, 1)
	f(`{}`, 0, 1)
}

// A body that is no JSON as a whole gives an error and leaves the batch alone.
func TestFormatJSONMalformed(t *testing.T) {
	bodies := []string{
		``, ` `, "\xEF\xBB\xBF", `1`, `"x"`, `null`, `x`, `{`, `}`, `[`, `]`, `[{]`, `{"a":"}`, `[,]`, `[1,]`, `[1 2]`,
		`{} {}`, `[] []`, `[1]x`, "[" + good(), "[" + good() + ",", "[" + good() + ",]", "[" + good() + good() + "]",
		good() + "\n" + good(), `["a]`,
	}
	for _, body := range bodies {
		d := event.NewDecoder()
		var b event.Batch
		require.NoError(t, d.Decode(&b, []byte(good()+"\nx"), event.NDJSON, event.Rules{}))
		before := b.Event(0)
		require.ErrorIs(t, d.Decode(&b, []byte(body), event.JSON, event.Rules{}), event.ErrMalformed, "%q", body)
		require.Equal(t, 1, b.Len())
		require.Equal(t, before, b.Event(0))
		require.Len(t, b.Rejects, 1)
		require.Equal(t, 1, b.Rejected.Total())
	}
}

func TestFormatNames(t *testing.T) {
	require.Equal(t, "ndjson", event.NDJSON.String())
	require.Equal(t, "json", event.JSON.String())
	require.Equal(t, "format(9)", event.Format(9).String())
}
