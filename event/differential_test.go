package event_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/testing/race"
	"github.com/residualdb/residual/internal/workload"
)

var (
	linesFlag = flag.Int("event.lines", 20_000, "lines of TestDifferential") // fewer would miss a code at times
	seedFlag  = flag.Uint64("event.seed", 0, "seed of the randomised tests; 0 draws one")
)

// seeded returns a source of randomness whose seed is in the log.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("replay with -event.seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestDifferential holds the decoder against verdictRef over generated lines: of
// few senders, of many, with odd values and with broken bytes. One decoder that
// has seen all the lines before and one that has seen none must agree with it on
// acceptance, values, column and code, and with each other on the reason too.
func TestDifferential(t *testing.T) {
	r := seeded(t)
	g := newLines(r)
	warm := event.NewDecoder()
	counts := map[event.Code]int{}
	var b event.Batch
	for done := 0; done < *linesFlag; {
		rules := event.Rules{}
		if r.IntN(4) == 0 {
			rules = event.Rules{Oldest: 1735689600000, Newest: 1740000000000}
		}
		// The first line keeps a body of several from being taken for one event.
		lines := [][]byte{[]byte(line("timestamp", `"2025-01-10 00:00:00"`))}
		for range 1 + r.IntN(200) {
			lines = append(lines, g.next())
		}
		done += len(lines)
		body := bytes.Join(lines, []byte("\n"))
		b.Reset()
		require.NoError(t, warm.Decode(&b, body, event.NDJSON, rules))
		requireVerdicts(t, &b, lines, rules, counts)
	}
	t.Logf("%v", counts)
	for code := event.CodeSyntax; code <= event.CodeFeatures; code++ {
		require.NotZero(t, counts[code], "no line with the code %s", code)
	}
	require.Greater(t, counts[event.CodeNone], *linesFlag/4)
}

// TestEveryByte breaks lines of known layouts in every place: a byte changed, left
// out or the rest cut off.
func TestEveryByte(t *testing.T) {
	const changes = "\"\\{}[],: \t\x00\x7F\xC3\xFF0e-x"
	for _, text := range []string{
		line("", ""),
		strings.ReplaceAll(line("features", `"{\"a\":-1.5e-7,\"b\":[\"é\",true,null,{}]}"`), `,"`, `, "`),
		` {"a_key_that_is_longer_than_any_column_of_the_data_source":[1,{"x":"y"}],` + line("timestamp", `"2025-01-10T00:00:00Z"`)[1:] + "\t",
		line("features", `"{\"a_feature_whose_name_is_longer_than_three_words\":1.5,\"\u0062\":12345678901234567890}"`),
		strings.Replace(line("actual_value", "null"), `"model_id":"model_5"`, `"model\u005fid" : "a model of more than two words"`, 1),
	} {
		d := event.NewDecoder()
		var b event.Batch
		require.NoError(t, d.Decode(&b, []byte(text+"\n"+text), event.NDJSON, event.Rules{}))
		require.Empty(t, b.Rejects)
		broken := [][]byte{[]byte(text)}
		for i := 0; i < len(text); i += race.Share {
			broken = append(broken, []byte(text[:i]), []byte(text[:i]+text[i+1:]))
			for j := range len(changes) {
				broken = append(broken, []byte(text[:i]+changes[j:j+1]+text[i+1:]))
			}
		}
		b.Reset()
		require.NoError(t, d.Decode(&b, bytes.Join(broken, []byte("\n")), event.NDJSON, event.Rules{}))
		requireVerdicts(t, &b, broken, event.Rules{}, map[event.Code]int{})
	}
}

func requireVerdicts(t *testing.T, b *event.Batch, lines [][]byte, rules event.Rules, counts map[event.Code]int) {
	t.Helper()
	row, reject := 0, 0
	for i, sent := range lines {
		text := bytes.TrimSuffix(sent, []byte("\r"))
		if len(bytes.Trim(text, " \t\r")) == 0 {
			continue
		}
		want := verdictRef(text, rules)
		counts[want.code]++
		cold := decodeCold(t, sent, rules)
		if want.code == event.CodeNone {
			if cold.Len() != 1 || !same(cold.Event(0), want.event) {
				t.Fatalf("a new decoder differs\nline %s\ngot  %+v\nwant %+v", text, cold, want.event)
			}
			if row >= b.Len() || reject < len(b.Rejects) && b.Rejects[reject].Line == i+1 || !same(b.Event(row), want.event) {
				t.Fatalf("an experienced decoder differs\nline %s\nwant %+v\nrejects %+v", text, want.event, faults(b))
			}
			row++
			continue
		}
		if len(cold.Rejects) != 1 || !want.matches(cold.Rejects[0]) {
			t.Fatalf("a new decoder differs\nline %q\ngot  %v\nwant column %q, code %s", text, faults(cold), want.column, want.code)
		}
		cold.Rejects[0].Line = i + 1
		if reject >= len(b.Rejects) || !reflect.DeepEqual(b.Rejects[reject], cold.Rejects[0]) {
			t.Fatalf("an experienced decoder differs\nline %q\nwant %+v", text, cold.Rejects[0])
		}
		reject++
	}
	require.Equal(t, row, b.Len())
	require.Len(t, b.Rejects, reject)
	requireSound(t, b)
}

// decodeCold decodes a line on the general path.
func decodeCold(t *testing.T, text []byte, rules event.Rules) *event.Batch {
	t.Helper()
	var b event.Batch
	require.NoError(t, event.NewDecoder().Decode(&b, text, event.NDJSON, rules))
	return &b
}

// same tells whether two events are the same to the bit.
func same(a, b event.Event) bool {
	bits := func(e event.Event) [2]uint64 {
		return [2]uint64{math.Float64bits(e.PredictedValue), math.Float64bits(e.ActualValue)}
	}
	return a == b && bits(a) == bits(b)
}

// lines generates lines that are sound, nearly sound or broken.
type lines struct {
	r       *rand.Rand
	sources []*workload.Generator
	before  []byte
}

func newLines(r *rand.Rand) *lines {
	g := &lines{r: r, before: []byte("{}")}
	for _, shape := range []workload.Shape{workload.Steady, workload.ManyModels, workload.UUID} {
		g.sources = append(g.sources, workload.New(workload.Options{
			Seed: r.Uint64(), Rows: math.MaxInt32, Shape: shape, LateShare: 0.1, WaitingShare: 0.2,
		}))
	}
	return g
}

// next returns a line without its newline.
func (g *lines) next() []byte {
	return g.spoil(func(sound []byte) []byte { return sound })
}

// spoil returns a line that is sound as prepare makes it, or may be no more.
func (g *lines) spoil(prepare func(sound []byte) []byte) []byte {
	text, _ := g.sources[g.r.IntN(len(g.sources))].AppendNDJSON(nil)
	text = prepare(bytes.TrimSuffix(text, []byte("\n")))
	switch g.r.IntN(10) {
	case 0, 1, 2:
	case 3, 4, 5:
		text = g.members(text)
	case 6, 7:
		text = g.value(text)
	default:
		text = g.bytes(text)
		if g.r.IntN(4) == 0 {
			text = g.bytes(g.members(text))
		}
	}
	text = bytes.ReplaceAll(text, []byte("\n"), []byte("\x0B"))
	g.before = text
	return text
}

// oddValues are values worth putting in place of any other.
var oddValues = []string{
	`null`, `true`, `false`, `""`, `"x"`, `0`, `-0`, `-0.0`, `1`, `-1`, `01`, `-01`, `+1`, `.5`, `5.`, `1.e3`, `1e5`, `1E-5`, `1e400`, `-1e400`,
	`1e-400`, `5e-324`, `0x10`, `NaN`, `Infinity`, `-Infinity`, `nan`, `nul`, `1_000`, `"1"`, `"1.5e3"`, `"-1"`, `--1`, `1e`, `1e+`, `-`,
	`123456789012345678901234567890`, `0.1234567890123456789012345`, `1.7976931348623157e308`, `1.7976931348623159e308`, `9007199254740993`,
	`{}`, `[]`, `{"a":1}`, `{"a":1,"a":2}`, `{"a":{"b":[1,2,{"c":null}]}}`, `[1,2`, `{"a":}`, `{"a" :1 , "b": "x\u0041" }`,
	`"{}"`, `"{"`, `"[]"`, `"{\"a\":1}"`, `"{\"a\":1,\"a\":2}"`, `"{\"a\":1,\"\\u0061\":2}"`, `"{\"a\":01}"`, `"{\"a\":1e999}"`, `"{\"a\":1.5E+3,\"b\":-0}"`,
	`"{\"a\":\"\\ud800\"}"`, `"{\"a\":\"\\ud83d\\ude00\"}"`, `"{\"a\":\"\\n\"}"`, `"{\"a\":\"\n\"}"`, `"{\"a\":\"\u00e9\\u00e9é\"}"`, `" {\"a\" : [ 1 , true ] } "`,
	`"\t{\"a\":1}\n"`, `"{\"a\":1}x"`, `"{\"a\":1}{}"`, `"{\u0022a\u0022:1}"`, `"{\"a\":nul}"`, `"\"x\""`, `"1"`, `"{'a':1}"`,
	`"2025-01-10 00:00:00"`, `"2025-01-10T00:00:00Z"`, `"2025-01-10T00:00:00.123456789+05:30"`, `"2025-02-29 00:00:00"`, `"2025-01-10 24:00:00"`,
	`"2025-01-10 00:00:00.1234567890"`, `"2025-01-10 00:00:00."`, `"2025-01-10 00:00:00+0100"`, `"2025-01-10 00:00:00 "`, `"1969-12-31 23:59:59"`,
	`"2106-02-07 06:28:16"`, `"2024-12-31 23:59:59.999"`, `"2025-01-01 00:00:00"`, `"0000-01-01 00:00:00"`, `"9999-12-31T23:59:59-23:59"`, `"2025-1-1 0:0:0"`,
	`1736467200`, `1736467200000`, `"1736467200"`, `"\u0032025-01-10 00:00:00"`, `"2025-01-10\t00:00:00"`,
	`"é"`, `"\u00e9"`, `"\ud83d\ude00"`, `"\ud800"`, `"\udc00"`, `"\ud800\ud800"`, `"\ud800x"`, `"\u12"`, `"\x"`, `"\u0000"`, `"\u001f"`, `"\u007f"`, `"\u0085"`, `"\n"`,
	"\"\x01\"", "\"\x7F\"", "\"\xFF\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xE2\x80\"", "\"\u0085\"", "\"\u2028\"", `"a\/b\\c\"d"`,
}

// odd returns an odd value, now and then one near a limit.
func (g *lines) odd() string {
	n := g.r.IntN(4)
	switch g.r.IntN(40) {
	case 0:
		return quote(strings.Repeat("n", event.NameBytesMax-2+n))
	case 1:
		return nest(event.DepthMax - 3 + n)
	case 2:
		return quote(nest(event.DepthMax - 2 + n))
	case 3:
		return quote(`"` + strings.Repeat("f", event.FeaturesBytesMax-4+n) + `"`)
	case 4:
		return `{"x":` + nest(event.DepthMax-4+n) + `}`
	case 5:
		return strconv.FormatFloat(math.Float64frombits(g.r.Uint64()), 'g', -1, 64)
	case 6:
		return strconv.FormatFloat(g.r.NormFloat64(), 'f', g.r.IntN(25), 64)
	case 7:
		return strconv.FormatUint(g.r.Uint64(), 10) + "." + strconv.FormatUint(g.r.Uint64(), 10)
	}
	return oddValues[g.r.IntN(len(oddValues))]
}

// members takes a line apart and puts it together again in another layout: of a
// few that recur, or of its own.
func (g *lines) members(text []byte) []byte {
	parts := splitMembers(text)
	layout := g.r
	if g.r.IntN(2) == 0 {
		layout = rand.New(rand.NewPCG(g.r.Uint64N(6), 0))
	}
	layout.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	if layout.IntN(4) == 0 {
		extra := [2]string{[]string{"x", "extra", "a much longer key than any of the columns has", "", "é"}[layout.IntN(5)], g.odd()}
		parts = append(parts[:layout.IntN(len(parts)+1)], append([][2]string{extra}, parts...)...)
	}
	if g.r.IntN(20) == 0 {
		parts = append(parts, parts[g.r.IntN(len(parts))])
	}
	if g.r.IntN(20) == 0 {
		parts = parts[1:]
	}
	if layout.IntN(6) == 0 {
		for i := range parts {
			parts[i][1] = strings.Replace(parts[i][1], `\"feature`, `\"\u0066eat\u00e9`, layout.IntN(3))
		}
	}
	space := func() string { return []string{"", "", "", " ", "  ", "\t", "\r ", "          "}[layout.IntN(8)] }
	var sb strings.Builder
	sb.WriteString(space() + "{")
	for i, p := range parts {
		if i > 0 {
			sb.WriteString("," + space())
		}
		key := strconv.Quote(p[0])
		if layout.IntN(10) == 0 && len(p[0]) > 2 {
			key = `"` + p[0][:1] + fmt.Sprintf(`\u%04x`, p[0][1]) + p[0][2:] + `"`
		}
		sb.WriteString(key + space() + ":" + space() + p[1] + space())
	}
	sb.WriteString("}" + space())
	return []byte(sb.String())
}

// splitMembers takes a generated line apart.
func splitMembers(text []byte) [][2]string {
	var parts [][2]string
	for m := range bytes.SplitSeq(bytes.Trim(text, "{}"), []byte(`, "`)) {
		key, value, ok := strings.Cut(strings.TrimPrefix(string(m), `"`), `": `)
		if !ok {
			return [][2]string{{"x", string(text)}}
		}
		parts = append(parts, [2]string{key, value})
	}
	return parts
}

// value puts an odd value in place of one of the line's.
func (g *lines) value(text []byte) []byte {
	parts := splitMembers(text)
	parts[g.r.IntN(len(parts))][1] = g.odd()
	var sb strings.Builder
	for _, p := range parts {
		sb.WriteString(`, "` + p[0] + `": ` + p[1])
	}
	return []byte("{" + sb.String()[2:] + "}")
}

// bytes breaks a line in one to three places.
func (g *lines) bytes(text []byte) []byte {
	const telling = "\"\"\"\\\\{}[],:  \t\r\x00\x01\x1F\x7F\x80\xC2\xE2\xFF0019eE+-.ntfuN/Z"
	for range 1 + g.r.IntN(3) {
		if len(text) == 0 {
			break
		}
		at := g.r.IntN(len(text))
		end := min(at+1+g.r.IntN(8), len(text))
		c := telling[g.r.IntN(len(telling))]
		switch g.r.IntN(8) {
		case 0:
			text[at] = c
		case 1:
			text[at] ^= 1 << g.r.IntN(8)
		case 2:
			text = append(text[:at], text[at+1:]...)
		case 3:
			text = append(text[:at], append([]byte{c}, text[at:]...)...)
		case 4:
			text = append(text[:end:end], text[at:]...)
		case 5:
			text = text[:at]
		case 6:
			odd := g.odd()
			text = append(text[:at:at], append([]byte(odd[:min(len(odd), 40)]), text[end:]...)...)
		case 7:
			from := g.r.IntN(len(g.before) + 1)
			text = append(text[:at:at], g.before[from:]...)
		}
	}
	return text
}

// faults are the rejects of a batch without their lines, for messages.
func faults(b *event.Batch) []string {
	var texts []string
	for _, r := range b.Rejects {
		texts = append(texts, fmt.Sprintf("line %d: %s (%s)", r.Line, r.Error(), r.Code))
	}
	return texts
}
