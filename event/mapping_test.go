package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/internal/testing/random"
)

// all are rules that let every time pass.
var all = Rules{Newest: 1<<63 - 1}

func mappedColumn(name, path string) MappedColumn {
	return MappedColumn{Name: name, Path: strings.FieldsFunc(path, func(r rune) bool { return r == '.' })}
}

// nested is a mapping with everything that mappings have.
func nested() *Mapping {
	m := &Mapping{Columns: []MappedColumn{
		mappedColumn("timestamp", "ts"), mappedColumn("model_id", "model.name"), mappedColumn("model_version", "model.version"),
		mappedColumn("prediction_id", "id"), mappedColumn("predicted_value", "out.score"), mappedColumn("actual_value", "truth.value"),
		mappedColumn("features", "in"), mappedColumn("environment", "in.env"),
	}}
	m.Column("timestamp").Unit = time.Millisecond
	m.Column("prediction_id").Integer = true
	m.Column("environment").Default, m.Column("environment").HasDefault = "production", true
	return m
}

func TestMapping(t *testing.T) {
	const rest = `"model":{"name":"m","version":"v1","kind":[1,{}]},"out":{"label":"x","score":2.5},"more":null}`
	for _, c := range []struct {
		line   string
		want   Event
		reject string
	}{
		{line: `{"ts":1700000000123,"id":"a","in":{"env":"e", "x":1},"truth":{"value":3},` + rest, want: Event{Features: `{"env":"e","x":1}`, Environment: "e", ActualValue: 3, HasActual: true}},
		{line: `{"ts":"2023-11-14 22:13:20.123","id":12345678901234567890,"in":"{\"env\": 1}",` + rest, want: Event{PredictionID: "12345678901234567890", Features: `{"env": 1}`, Environment: "production"}},
		{line: `{"ts":1700000000123.9,"id":"a","in":{},"truth":null,` + rest, want: Event{Features: "{}", Environment: "production"}},
		{line: `{"ts":1700000000123,"id":"a","in":{"env":null},"truth":{},` + rest, want: Event{Features: `{"env":null}`, Environment: "production"}},
		{line: `{"\u0074s":1700000000123,"id":"a","in":{"\u0065nv":"e"},` + rest, want: Event{Features: `{"\u0065nv":"e"}`, Environment: "e"}},
		{line: `{"ts":1.7e12,"id":"a","in":{},` + rest, reject: "timestamp: an epoch must be a decimal number without an exponent"},
		{line: `{"ts":-1,"id":"a","in":{},` + rest, reject: "timestamp: "},
		{line: `{"ts":"1700000000123","id":"a","in":{},` + rest, reject: "timestamp: an epoch is not accepted"},
		{line: `{"ts":1700000000123,"id":1.5,"in":{},` + rest, reject: "prediction_id: must be a string or an integer"},
		{line: `{"ts":1700000000123,"id":"a","in":{"env":"e","env":"e"},` + rest, reject: "duplicate key"},
		{line: `{"ts":1700000000123,"id":"a","in":{"env":3},` + rest, reject: "environment: must be a string"},
		{line: `{"ts":1700000000123,"id":"a","in":{},"truth":{"value":"3"},` + rest, reject: "actual_value: must be a number, not a string"},
		{line: `{"ts":1700000000123,"id":"a","in":{},"model":"m","out":{"score":1}}`, reject: "model_id: missing"},
		{line: `{"ts":1700000000123,"id":"a","in":{},"truth":{"value":1]},` + rest, reject: "unexpected character"},
		{line: `{"ts":1700000000123,"id":"a","in":{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `},` + rest, reject: "nested deeper than 32 levels"},
	} {
		d, err := NewMappedDecoder(nested())
		require.NoError(t, err)
		var b Batch
		require.NoError(t, d.Decode(&b, []byte(c.line+"\n"+c.line), NDJSON, all))
		if c.reject != "" {
			require.Zero(t, b.Len(), c.line)
			require.Contains(t, strings.TrimPrefix(b.Rejects[0].Error(), "event: "), c.reject, c.line)
			require.Equal(t, c.line, string(b.Rejects[0].Raw))
			continue
		}
		require.Empty(t, b.Rejects, c.line)
		c.want.Timestamp, c.want.ModelID, c.want.ModelVersion, c.want.PredictedValue = time.UnixMilli(1700000000123).UTC(), "m", "v1", 2.5
		if c.want.PredictionID == "" {
			c.want.PredictionID = "a"
		}
		require.Equal(t, c.want, b.Event(0), c.line)
		require.Equal(t, c.want, b.Event(1), c.line)
	}
}

// TestMappingWhole has the whole message for features, whatever layouts are known.
func TestMappingWhole(t *testing.T) {
	m := &Mapping{}
	for _, name := range []string{"timestamp", "model_id", "prediction_id", "model_version", "environment", "predicted_value", "actual_value"} {
		m.Columns = append(m.Columns, mappedColumn(name, name))
	}
	m.Columns = append(m.Columns, MappedColumn{Name: "features"})
	d, err := NewMappedDecoder(m)
	require.NoError(t, err)
	var b Batch
	var body strings.Builder
	for i := range 100 {
		fmt.Fprintf(&body, ` {"timestamp": "2026-11-01 00:00:00", "model_id":"m","prediction_id":"%d","model_version":"v","environment":"e","predicted_value":%d, "x": [%d, 2]}`+"\n", i, i, i)
	}
	require.NoError(t, d.Decode(&b, []byte(body.String()), NDJSON, all))
	require.Equal(t, 100, b.Len())
	i := 0
	for line := range strings.Lines(body.String()) {
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, []byte(line)))
		require.Equal(t, compact.String(), b.Event(i).Features)
		i++
	}
	long := `{"timestamp":"2026-11-01 00:00:00","model_id":"m","prediction_id":"1","model_version":"v","environment":"e","predicted_value":1,"x":"` + strings.Repeat("x", FeaturesBytesMax) + `"}`
	b.Reset()
	require.NoError(t, d.Decode(&b, []byte(long), NDJSON, all))
	require.Equal(t, "features", b.Rejects[0].Column)
}

func TestMappingActuals(t *testing.T) {
	m := &Mapping{Actuals: true, Columns: []MappedColumn{mappedColumn("model_id", "m"), mappedColumn("prediction_id", "p.id"), mappedColumn("actual_value", "v"), mappedColumn("timestamp", "t")}}
	m.Column("timestamp").Unit = time.Second
	d, err := NewMappedDecoder(m)
	require.NoError(t, err)
	var a Actuals
	body := `{"m":"m","p":{"id":"1"},"v":2,"t":1700000000.5}` + "\n" + `{"m":"m","p":{"id":"1"},"v":null}` + "\n" + `{"m":"m","p":{"id":"1"}}`
	require.NoError(t, d.DecodeActuals(&a, []byte(body), NDJSON, all))
	require.Equal(t, 2, a.Len())
	require.Equal(t, Actual{ModelID: "m", PredictionID: "1", Value: 2, Observed: time.UnixMilli(1700000000500).UTC()}, a.Actual(0))
	require.True(t, a.Actual(1).Withdrawn)
	require.Equal(t, "actual_value", a.Rejects[0].Column)
}

func TestMappingErrors(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(m *Mapping)
	}{
		{`column "model_id": it is missing`, func(m *Mapping) { m.Columns = append(m.Columns[:1:1], m.Columns[2:]...) }},
		{"there is no such column", func(m *Mapping) { m.Columns[0].Name = "time" }},
		{"it is there twice", func(m *Mapping) { m.Columns[3].Name = "model_id" }},
		{"it has the path of", func(m *Mapping) { m.Columns[0].Path = []string{"id"} }},
		{"its path leads through that of timestamp", func(m *Mapping) { m.Columns[3].Path = []string{"ts", "id"} }},
		{"its path leads to that of other columns", func(m *Mapping) { m.Columns[3].Path = []string{"model"} }},
		{"it cannot be the whole message", func(m *Mapping) { m.Columns[0].Path = nil }},
		{"its path is deeper than 32", func(m *Mapping) { m.Columns[0].Path = make([]string, 33) }},
		{"a unit is of a timestamp", func(m *Mapping) { m.Column("prediction_id").Unit = time.Second }},
		{"a unit is of a timestamp", func(m *Mapping) { m.Column("timestamp").Unit = time.Minute }},
		{"it is no text", func(m *Mapping) { m.Column("predicted_value").Integer = true }},
		{"it has no default", func(m *Mapping) { m.Column("prediction_id").HasDefault = true }},
		{"it has no default", func(m *Mapping) { m.Column("timestamp").HasDefault = true }},
		{"the default is not a number", func(m *Mapping) { m.Column("predicted_value").HasDefault = true }},
		{"the default: ", func(m *Mapping) { m.Column("environment").Default = "a\n" }},
		{"the default: ", func(m *Mapping) { m.Column("features").Default, m.Column("features").HasDefault = "{", true }},
		{"the default has 65 bytes; 64 are allowed", func(m *Mapping) {
			m.Column("features").Default, m.Column("features").HasDefault = `"`+strings.Repeat("x", 63)+`"`, true
		}},
	} {
		m := nested()
		c.change(m)
		_, err := NewMappedDecoder(m)
		require.ErrorIs(t, err, ErrMapping, c.want)
		require.ErrorContains(t, err, c.want)
	}
}

// TestMappingOracle decodes random messages of random shapes, and holds what comes out to what encoding/json finds at the paths.
// Each message is decoded by a decoder that has seen those before it, and by a fresh one: layouts must not show.
func TestMappingOracle(t *testing.T) {
	rng := random.Rand(t)
	for range random.Cases(300) {
		m := randomMapping(rng)
		learned, err := NewMappedDecoder(m)
		require.NoError(t, err)
		for range 40 {
			message := randomMessage(rng, m)
			fresh, err := NewMappedDecoder(m)
			require.NoError(t, err)
			var a, b Batch
			require.NoError(t, learned.Decode(&a, message, NDJSON, all))
			require.NoError(t, fresh.Decode(&b, message, NDJSON, all))
			want, ok := mappedByHand(t, m, message)
			require.Equal(t, ok, b.Len() == 1, "%s: %v", message, b.Rejects)
			require.Equal(t, b.Rejects, a.Rejects, "%s", message)
			if ok {
				require.Equal(t, want, b.Event(0), "%s", message)
				require.Equal(t, want, a.Event(0), "%s", message)
			}
		}
	}
}

// randomMapping has columns at one to three levels, some of them in the objects of others.
func randomMapping(rng *rand.Rand) *Mapping {
	m := &Mapping{}
	for i, name := range columnNames[:colNone] {
		path := []string{"k" + strconv.Itoa(i)}
		for range rng.IntN(3) {
			path = append([]string{"o" + strconv.Itoa(rng.IntN(2))}, path...)
		}
		c := MappedColumn{Name: name, Path: path}
		switch name {
		case "timestamp":
			c.Unit = [...]time.Duration{time.Second, 100 * time.Millisecond, time.Millisecond, time.Microsecond, time.Nanosecond}[rng.IntN(5)]
		case "prediction_id":
			c.Integer = rng.IntN(2) == 0
		case "environment", "model_version", "model_id":
			c.Default, c.HasDefault, c.Integer = "default "+name, rng.IntN(2) == 0, rng.IntN(4) == 0
		case "actual_value", "predicted_value":
			c.Default, c.HasDefault = "-2.5", rng.IntN(4) == 0
		case "features":
			if rng.IntN(4) == 0 {
				c.Path = []string{"o1"} // which other columns may be in
			}
		}
		m.Columns = append(m.Columns, c)
	}
	return m
}

// randomMessage has a value at each path but for some, among members that are in no column.
func randomMessage(rng *rand.Rand, m *Mapping) []byte {
	root := map[string]any{}
	for i := range m.Columns {
		c := &m.Columns[i]
		if rng.IntN(12) == 0 {
			continue
		}
		at := root
		for _, name := range c.Path[:len(c.Path)-1] {
			next, ok := at[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[name] = next
			}
			at = next
		}
		last := c.Path[len(c.Path)-1]
		if at[last] == nil {
			at[last] = randomValue(rng, c)
		}
	}
	for range rng.IntN(3) {
		root["x"+strconv.Itoa(rng.IntN(3))] = []any{1, "{", map[string]any{"k1": nil}}
	}
	if rng.IntN(6) == 0 {
		root["o"+strconv.Itoa(rng.IntN(2))] = [...]any{nil, 1, "s", []any{}}[rng.IntN(4)]
	}
	text, err := json.Marshal(root)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return text
}

func randomValue(rng *rand.Rand, c *MappedColumn) any {
	if rng.IntN(15) == 0 {
		return [...]any{nil, true, "", json.Number("1e3"), []any{}}[rng.IntN(5)]
	}
	switch c.Name {
	case "timestamp":
		if rng.IntN(3) == 0 {
			return "2026-11-01 00:00:00." + strconv.Itoa(rng.IntN(1000))
		}
		seconds := strconv.Itoa(1 + rng.IntN(2_000_000_000))
		if c.Unit == time.Nanosecond {
			seconds += "123456789"
		}
		return json.Number(seconds + [...]string{"", ".5", ".999999999", ".0000000001"}[rng.IntN(4)])
	case "predicted_value", "actual_value":
		return json.Number(strconv.FormatFloat(rng.NormFloat64(), 'g', -1, 64))
	case "features":
		return map[string]any{"f": rng.IntN(10)}
	}
	if rng.IntN(3) == 0 {
		return json.Number(strconv.Itoa(rng.IntN(1000)))
	}
	return "n" + strconv.Itoa(rng.IntN(5)) + [...]string{"", "é", `"\`}[rng.IntN(3)]
}

// mappedByHand is what a mapping makes of a message, by encoding/json and big numbers.
func mappedByHand(t *testing.T, m *Mapping, message []byte) (e Event, ok bool) {
	t.Helper()
	for i := range m.Columns {
		c := &m.Columns[i]
		raw, there := valueAt(message, c.Path)
		if !there || string(raw) == "null" {
			number := c.Name == "actual_value" || c.Name == "predicted_value"
			switch {
			case c.HasDefault && number:
				raw = []byte(c.Default)
			case c.HasDefault:
				raw, _ = json.Marshal(c.Default)
			case c.Name == "actual_value":
				continue
			default:
				return e, false
			}
		}
		if !setByHand(&e, c, raw) {
			return e, false
		}
	}
	return e, true
}

func valueAt(message []byte, path []string) (json.RawMessage, bool) {
	raw := json.RawMessage(message)
	for _, name := range path {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil || object[name] == nil {
			return nil, false
		}
		raw = object[name]
	}
	return raw, true
}

func setByHand(e *Event, c *MappedColumn, raw json.RawMessage) bool {
	var text string
	isText := json.Unmarshal(raw, &text) == nil
	isNumber := strings.ContainsAny(string(raw[:1]), "-0123456789")
	switch c.Name {
	case "timestamp":
		if isNumber {
			n, ok := new(big.Rat).SetString(string(raw))
			if !ok || strings.ContainsAny(string(raw), "eE") {
				return false
			}
			n.Mul(n, big.NewRat(int64(c.Unit), int64(time.Millisecond)))
			e.Timestamp = time.UnixMilli(new(big.Int).Quo(n.Num(), n.Denom()).Int64()).UTC()
			return true
		}
		at, err := time.Parse("2006-01-02 15:04:05.999", text)
		e.Timestamp = at
		return isText && err == nil
	case "predicted_value", "actual_value":
		value, err := strconv.ParseFloat(string(raw), 64)
		if err != nil || !isNumber {
			return false
		}
		if c.Name == "predicted_value" {
			e.PredictedValue = value
		} else {
			e.ActualValue, e.HasActual = value, true
		}
		return true
	case "features":
		if isText {
			e.Features = text
			return json.Valid([]byte(text))
		}
		e.Features = string(raw)
		return raw[0] == '{'
	}
	if isNumber && c.Integer && !strings.ContainsAny(string(raw), ".eE") {
		text, isText = string(raw), true
	}
	*map[string]*string{
		"model_id": &e.ModelID, "prediction_id": &e.PredictionID, "model_version": &e.ModelVersion, "environment": &e.Environment,
	}[c.Name] = text
	return isText && text != ""
}

// TestMappingModelOf tells the model of a line by where the mapping has it, never by what else the line may have.
func TestMappingModelOf(t *testing.T) {
	m := nested()
	for line, want := range map[string]string{
		`{"model":{"name":"a"}}`: "a",
		`{"ts":"wrong","model_id":"b","model":{"version":1,"name":"a"},"x":[{"name":"c"}]}`: "a",
		`{"model_id":"b"}`:                      "",
		`{"model":"a"}`:                         "",
		`{"model":{"name":1}}`:                  "",
		`{"model":{"name":"a","name":"a"}}`:     "",
		`{"model":{"name":"a"},"model":{}}`:     "",
		`{"model":{},"model":{"name":"a"}}`:     "",
		`{"model":{"name":""}}`:                 "",
		`{"model":{"name":"a"}`:                 "",
		`{"model":{"name":"a"}} {"model_id":1}`: "",
		`{"model":[{"name":"a"}]}`:              "",
		` {"\u006dodel" : {"n\u0061me" : "a"}}`: "a",
	} {
		model, ok := m.ModelOf([]byte(line))
		require.Equal(t, want, model, line)
		require.Equal(t, want != "", ok, line)
	}
	m.Column("model_id").Integer = true
	model, ok := m.ModelOf([]byte(`{"model":{"name":17}}`))
	require.True(t, ok)
	require.Equal(t, "17", model)
	_, ok = m.ModelOf([]byte(`{"model":{"name":1.5}}`))
	require.False(t, ok)
}
