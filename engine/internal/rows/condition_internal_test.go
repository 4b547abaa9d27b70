package rows

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/jsontext"
)

// FuzzLookup looks for a key in any text: what is found of a JSON text is what encoding/json finds, and nothing breaks on any other.
func FuzzLookup(f *testing.F) {
	for _, text := range []string{
		`{"a":1}`, ` { "a" : [1,{"b":"]"}] , "b" : "x\"y" } `, `{"\u0061":{"b.c":null}}`, `{"a.b":1,"a":{"b":2}}`, `[]`, `"a"`, `{`, `{"a"`, `{"a":`,
		`{"a":"`, `{"a":[}`, `{"a":1,,}`, `{"":-1.5e-7}`,
	} {
		f.Add(text, "a")
		f.Add(text, "a.b")
		f.Add(text, "")
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		for op := range comparators {
			c := NewCondition(key, op, "1")
			c.Holds([]byte(text))
		}
		found, ok := lookup([]byte(text), key)
		var members map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &members) != nil || !utf8.ValidString(text) || duplicates(text) {
			return
		}
		if want, there := members[key]; there {
			require.True(t, ok)
			require.JSONEq(t, string(want), string(found))
		} else if ok {
			require.Contains(t, key, ".")
		}
	})
}

// duplicates tells whether an object somewhere in a JSON text has two members of one name, which the decoder of events lets no text have.
func duplicates(text string) bool {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return true
	}
	again, err := json.Marshal(v)
	if err != nil {
		return true
	}
	return countColons([]byte(text)) != countColons(again)
}

// countColons counts the colons of a JSON text that are in no string: its members.
func countColons(text []byte) (n int) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			end, ok := jsontext.SkipString(text, i)
			if !ok {
				return n
			}
			i = end - 1
		case ':':
			n++
		}
	}
	return n
}

// TestCompare compares values with texts: numbers to the last digit, strings and words byte by byte.
func TestCompare(t *testing.T) {
	f := func(value, text string, want int, ordered bool) {
		t.Helper()
		c := NewCondition("a", Equal, text)
		order, ok := c.compare([]byte(value))
		require.Equal(t, ordered, ok)
		if ok {
			require.Equal(t, want, order)
		}
		kind := ok && (value[0] == '"' && !isNumber(text) || isNumber(value) && isNumber(text)) // of which one is less than another
		for op, holds := range map[Comparator]bool{
			Equal: ok && want == 0, NotEqual: !ok || want != 0, Less: kind && want < 0, LessOrEqual: ok && want == 0 || kind && want < 0,
			Greater: kind && want > 0, GreaterOrEqual: ok && want == 0 || kind && want > 0,
		} {
			c := NewCondition("a", op, text)
			require.Equal(t, holds, c.Holds([]byte(`{"b":0,"a":`+value+`}`)), "%s %s %s", value, op, text)
		}
	}
	f("1", "1", 0, true)
	f("1", "1.0", 0, true)
	f("-0", "0", 0, true)
	f("10", "9", 1, true)
	f("1e3", "1000", 0, true)
	f("0.1", "0.10", 0, true)
	f("123456789012345.5", "123456789012345.5", 0, true)
	f("9007199254740993", "9007199254740992", 1, true)
	f("-9007199254740993", "-9007199254740992", -1, true)
	f("9007199254740993", "9007199254740993", 0, true)
	f("100000000000000000000", "99999999999999999999", 1, true)
	f("1e999", "1", 1, true)
	f("-1e999", "1", -1, true)
	f("1", "one", 0, false)
	f("1", "", 0, false)
	f("1", "+1", 0, false)
	f("1", "01", 0, false)
	f("1", "0x1", 0, false)
	f("1", "Inf", 0, false)
	f(`"1"`, "1", 0, true)
	f(`"10"`, "9", -1, true)
	f(`"\u00e9\n"`, "é\n", 0, true)
	f(`""`, "", 0, true)
	f("true", "true", 0, true)
	f("null", "null", 0, true)
	f("false", "true", -1, true)
	f("null", "100", 1, true)
	f("true", "abc", 1, true)
	f(`"one"`, "100", 1, true)
	f("[1]", "[1]", 0, false)
	f("{}", "{}", 0, false)
}
