package event

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sender writes events in a layout of its own: an order of keys, white space,
// and perhaps keys that are no columns.
type sender struct {
	order []int
	space string
	extra string
}

func newSender(r *rand.Rand) sender {
	s := sender{order: r.Perm(8), space: []string{"", " ", "\t"}[r.IntN(3)]}
	if r.IntN(2) == 0 {
		s.extra = fmt.Sprintf("%q:%s[1,2],", "k"+strings.Repeat("x", r.IntN(40)), s.space)
	}
	return s
}

func (s sender) line(r *rand.Rand) string {
	members := [8][2]string{
		{"timestamp", `"2026-08-01 12:34:56"`},
		{"model_id", fmt.Sprintf(`"model_%d"`, r.IntN(100))},
		{"prediction_id", fmt.Sprintf(`"pred_%d"`, r.IntN(1e6))},
		{"features", fmt.Sprintf(`"{\"a\":%d,\"b\":%v}"`, r.IntN(100), r.Float64())},
		{"predicted_value", fmt.Sprint(r.NormFloat64())},
		{"actual_value", []string{"null", "1.5"}[r.IntN(2)]},
		{"model_version", `"v1"`},
		{"environment", `"production"`},
	}
	var sb strings.Builder
	sb.WriteString("{" + s.extra)
	for n, i := range s.order {
		if n > 0 {
			sb.WriteString("," + s.space)
		}
		fmt.Fprintf(&sb, "%q:%s%s", members[i][0], s.space, members[i][1])
	}
	return sb.String() + "}"
}

// decodeAll requires that every line is accepted, and returns how many had no
// known layout.
func decodeAll(t *testing.T, d *Decoder, lines []string) int {
	t.Helper()
	before := d.predictions.layouts.misses
	var b, want Batch
	require.NoError(t, d.Decode(&b, []byte(strings.Join(lines, "\n")), NDJSON, Rules{}))
	require.Empty(t, b.Rejects)
	for i, text := range lines {
		want.Reset()
		require.NoError(t, NewDecoder().Decode(&want, []byte(text), NDJSON, Rules{}))
		require.Equal(t, want.Event(0), b.Event(i))
	}
	return d.predictions.layouts.misses - before
}

func linesOf(r *rand.Rand, n int, senders ...sender) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = senders[r.IntN(len(senders))].line(r)
	}
	return lines
}

// A decoder learns each sender once, goes quiet where no two lines are alike, and
// comes back when a sender repeats itself again.
func TestLayoutsAreLearned(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	d := NewDecoder()
	one := newSender(r)
	require.Equal(t, 1, decodeAll(t, d, linesOf(r, 100, one)))
	require.Zero(t, decodeAll(t, d, linesOf(r, 100, one)))

	few := []sender{one}
	for range layoutsMax - 1 {
		few = append(few, newSender(r))
	}
	decodeAll(t, d, linesOf(r, 500, few...))
	require.Zero(t, decodeAll(t, d, linesOf(r, 200, few...)))

	for range 10 {
		odd := make([]string, 100)
		for i := range odd {
			odd[i] = newSender(r).line(r)
		}
		require.Greater(t, decodeAll(t, d, odd), 90)
	}
	require.Equal(t, distrustMax, d.predictions.layouts.distrust)
	require.LessOrEqual(t, decodeAll(t, d, linesOf(r, 200, one)), relearnEvery+1)
	require.Zero(t, decodeAll(t, d, linesOf(r, 200, one)))
}

// What is beyond the bounds of a layout is accepted all the same.
func TestLayoutBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	keys := func(n int) string {
		var sb strings.Builder
		for i := range n {
			fmt.Fprintf(&sb, `"k%d":%d,`, i, i)
		}
		return sb.String()
	}
	long := func(n int) string { return fmt.Sprintf("%q:1,", strings.Repeat("k", n)) }
	for _, c := range []struct {
		extra   string
		learned bool
	}{
		{keys(layoutStepsMax - 9), true},
		{keys(layoutStepsMax - 8), false},
		{long(literalMax - len(`{"":`)), true},
		{long(literalMax - len(`{"":`) + 1), false},
		{long(24 - len(`{"":`)), true},
		{long(25 - len(`{"":`)), true},
	} {
		s := newSender(r)
		s.extra = c.extra
		d := NewDecoder()
		misses := decodeAll(t, d, linesOf(r, 20, s))
		require.Equal(t, c.learned, misses == 1, "%d misses", misses)
	}
}

// Only a layout that a text has to its end is that text's.
func TestLayoutIsWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	s := newSender(r)
	d := NewDecoder()
	decodeAll(t, d, linesOf(r, 5, s))
	require.Equal(t, 1, decodeAll(t, d, []string{s.line(r) + " "}))
	require.Zero(t, decodeAll(t, d, []string{s.line(r) + " ", s.line(r)}))
}

// Two layouts that differ late in a long key have nothing in common from there:
// a line cannot begin as the one and end as the other.
func TestLayoutsDoNotMix(t *testing.T) {
	const a, b = `"a_key_that_goes_on_for_long_1":1`, `"a_key_that_goes_on_for_long_2":1`
	columns := sender{order: []int{0, 1, 2, 3, 4, 5, 6, 7}}.line(rand.New(rand.NewPCG(4, 0)))
	columns = columns[1 : len(columns)-1]
	line := func(first, last string) string { return "{" + first + "," + columns + "," + last + "}" }
	d := NewDecoder()
	decodeAll(t, d, []string{line(a, `"z":1`), line(b, a), line(a, `"z":1`)})
	var batch Batch
	require.NoError(t, d.Decode(&batch, []byte(line(a, a)), NDJSON, Rules{}))
	require.Zero(t, batch.Len())
	require.Equal(t, CodeDuplicate, batch.Rejects[0].Code)
}
