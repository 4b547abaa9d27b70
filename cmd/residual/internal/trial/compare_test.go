package trial

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDifference(t *testing.T) {
	f := func(expected, got, want string) {
		t.Helper()
		require.Equal(t, want, difference(expected, got))
	}
	f("", "", "")
	f("\n", "", "")
	f(`{"a":1,"b":"x"}`, `{"b":"x","a":1.0}`+"\n", "")
	f("{\"a\":1}\n\n{\"a\":2}", "{\"a\":1}\n{\"a\":2}\n", "")
	f(`{"a":1}`, `{"a":2}`, "- {\"a\":1}\n+ {\"a\":2}\n")
	f(`{"a":1}`, `{"a":1,"b":null}`, "- {\"a\":1}\n+ {\"a\":1,\"b\":null}\n")
	f(`{"a":1}`, `{"a":"1"}`, "- {\"a\":1}\n+ {\"a\":\"1\"}\n")
	f(`{"a":1}`, "", "- {\"a\":1}\n")
	f("", `{"a":1}`, "+ {\"a\":1}\n")
	f("{\"a\":1}\n{\"a\":2}", "{\"a\":2}\n{\"a\":1}", "- {\"a\":1}\n+ {\"a\":2}\n- {\"a\":2}\n+ {\"a\":1}\n")
	f("{\"a\":1}\n{\"a\":2}", "{\"a\":1}", "  {\"a\":1}\n- {\"a\":2}\n")
	f("no such thing", "no such thing", "")
	f("no such thing", "another", "- no such thing\n+ another\n")
	f("null", "{}", "- null\n+ {}\n")
}
