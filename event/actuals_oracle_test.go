package event_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
)

// TestActualsDifferential is TestDifferential for the lines of ml_model_actuals.
func TestActualsDifferential(t *testing.T) {
	r := seeded(t)
	g := newLines(r)
	warm := event.NewDecoder()
	counts := map[event.Code]int{}
	scopes := map[event.Scope]bool{}
	withdrawn := 0
	var a event.Actuals
	for done := 0; done < *linesFlag; {
		rules := event.Rules{}
		if r.IntN(4) == 0 {
			rules = event.Rules{Oldest: 1735689600000, Newest: 1740000000000}
		}
		// The first line keeps a body of several from being taken for one event.
		lines := [][]byte{[]byte(line("timestamp", "null"))}
		for range 1 + r.IntN(200) {
			lines = append(lines, g.nextActual())
		}
		done += len(lines)
		a.Reset()
		require.NoError(t, warm.DecodeActuals(&a, bytes.Join(lines, []byte("\n")), event.NDJSON, rules))
		requireActualVerdicts(t, &a, lines, rules, counts)
		for i := range a.Len() {
			if a.Actual(i).Withdrawn {
				withdrawn++
			}
		}
		for _, s := range a.Scopes {
			scopes[event.Scope{Version: presence(s.Version), Environment: presence(s.Environment)}] = true
		}
	}
	t.Logf("%v, %d withdrawn", counts, withdrawn)
	for code := event.CodeSyntax; code < event.CodeFeatures; code++ {
		require.NotZero(t, counts[code], "no line with the code %s", code)
	}
	require.Greater(t, counts[event.CodeNone], *linesFlag/4)
	require.Greater(t, withdrawn, *linesFlag/100)
	require.Len(t, scopes, 4, "every form of a scope")
}

// presence tells a name from none.
func presence(name string) string {
	if name == "" {
		return ""
	}
	return "given"
}

// nextActual is next with columns left out that an actual may be without, or should not.
func (g *lines) nextActual() []byte {
	return g.spoil(func(text []byte) []byte {
		var kept []byte
		for _, p := range splitMembers(text) {
			drop := map[string]int{"features": 2, "predicted_value": 2, "timestamp": 5, "model_version": 2, "environment": 2}[p[0]]
			if drop == 0 || g.r.IntN(drop) != 0 {
				kept = fmt.Appendf(kept, `, "%s": %s`, p[0], p[1])
			}
		}
		return append(append([]byte{'{'}, kept[len(", "):]...), '}')
	})
}

func requireActualVerdicts(t *testing.T, a *event.Actuals, lines [][]byte, rules event.Rules, counts map[event.Code]int) {
	t.Helper()
	row, reject := 0, 0
	for i, sent := range lines {
		text := bytes.TrimSuffix(sent, []byte("\r"))
		if len(bytes.Trim(text, " \t\r")) == 0 {
			continue
		}
		want := judge(text, rules, &actualsRef)
		counts[want.code]++
		var cold event.Actuals
		require.NoError(t, event.NewDecoder().DecodeActuals(&cold, sent, event.NDJSON, rules))
		if want.code == event.CodeNone {
			if cold.Len() != 1 || !sameActual(cold.Actual(0), want.actual) {
				t.Fatalf("a new decoder differs\nline %s\ngot  %+v\nwant %+v", text, cold, want.actual)
			}
			if row >= a.Len() || !sameActual(a.Actual(row), want.actual) {
				t.Fatalf("an experienced decoder differs\nline %s\nwant %+v", text, want.actual)
			}
			row++
			continue
		}
		if len(cold.Rejects) != 1 || !want.matches(cold.Rejects[0]) {
			t.Fatalf("a new decoder differs\nline %q\ngot  %+v\nwant column %q, code %s", text, cold.Rejects, want.column, want.code)
		}
		cold.Rejects[0].Line = i + 1
		if reject >= len(a.Rejects) || !reflect.DeepEqual(a.Rejects[reject], cold.Rejects[0]) {
			t.Fatalf("an experienced decoder differs\nline %q\nwant %+v", text, cold.Rejects[0])
		}
		reject++
	}
	require.Equal(t, row, a.Len())
	require.Len(t, a.Rejects, reject)
	requireSoundActuals(t, a)
}

// sameActual tells whether two actuals are the same to the bit. An actual seen at the beginning of time was not told.
func sameActual(a, b event.Actual) bool {
	if b.Observed.UnixMilli() == 0 {
		b.Observed = a.Observed
	}
	return a == b && math.Float64bits(a.Value) == math.Float64bits(b.Value)
}

func requireSoundActuals(t *testing.T, a *event.Actuals) {
	t.Helper()
	n := a.Len()
	require.Equal(t, []int{n, n, n, n}, []int{len(a.ModelOf), len(a.ScopeOf), len(a.Observed), a.IDs.Len()})
	require.Len(t, a.Known, (n+63)/64)
	requireInOrder(t, a.Models, a.ModelOf)
	requireInOrder(t, a.Scopes, a.ScopeOf)
	for i, v := range a.Values {
		require.True(t, a.Known.Get(i) || math.Float64bits(v) == 0)
	}
	for i := n; i < 64*len(a.Known); i++ {
		require.False(t, a.Known.Get(i))
	}
}

// requireInOrder requires that values are distinct and in the order of their first row.
func requireInOrder[T comparable](t *testing.T, values []T, of []uint32) {
	t.Helper()
	next := uint32(0)
	for _, i := range of {
		require.LessOrEqual(t, i, next)
		next = max(next, i+1)
	}
	require.Len(t, values, int(next))
	seen := map[T]bool{}
	for _, v := range values {
		require.False(t, seen[v], "twice: %v", v)
		seen[v] = true
	}
}

// FuzzDecodeActuals is FuzzDecode for ml_model_actuals.
func FuzzDecodeActuals(f *testing.F) {
	for _, text := range oddValues {
		f.Add([]byte(line("actual_value", text)))
		f.Add([]byte(line("environment", text)))
		f.Add([]byte(line("timestamp", text)))
	}
	g := newLines(rand.New(rand.NewPCG(1, 0)))
	for range 50 {
		f.Add(g.nextActual())
	}
	usual := []byte(line("", "") + "\n" + line("actual_value", "null") + "\n" +
		`{"model_id":"m","prediction_id":"p","actual_value":1}` + "\n" + `{"model_id":"m","prediction_id":"p","actual_value":null,"environment":"e"}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, format := range []event.Format{event.NDJSON, event.JSON} {
			warm := event.NewDecoder()
			var got, want event.Actuals
			require.NoError(t, warm.DecodeActuals(&got, usual, event.NDJSON, event.Rules{}))
			got.Reset()
			err := warm.DecodeActuals(&got, body, format, event.Rules{})
			require.Equal(t, err, event.NewDecoder().DecodeActuals(&want, body, format, event.Rules{}))
			require.Equal(t, want.Rejects, got.Rejects)
			require.Equal(t, want.Rejected, got.Rejected)
			require.Equal(t, want.Len(), got.Len())
			requireSoundActuals(t, &got)
			if err != nil {
				require.ErrorIs(t, err, event.ErrMalformed)
				require.Zero(t, got.Len()+got.Rejected.Total())
			}
			if text := bytes.TrimSuffix(body, []byte("\r")); format == event.NDJSON && !bytes.Contains(body, []byte("\n")) &&
				len(bytes.Trim(text, " \t\r")) > 0 && !bytes.HasPrefix(body, []byte("\xEF\xBB\xBF")) {
				requireActualVerdicts(t, &got, [][]byte{body}, event.Rules{}, map[event.Code]int{})
			}
			var again event.Actuals
			for i := range want.Len() {
				require.True(t, sameActual(got.Actual(i), want.Actual(i)))
				require.NoError(t, again.Add(got.Actual(i), event.Rules{}))
				require.True(t, sameActual(again.Actual(i), want.Actual(i)))
			}
			require.Len(t, again.Scopes, len(want.Scopes))
		}
	})
}
