package event_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/residualdb/residual/event"
	"github.com/residualdb/residual/internal/workload"
)

// body is a body to decode and the rows that it holds.
type body struct {
	text []byte
	rows []event.Event
}

// bodyShapes are the layouts that tests and benchmarks of speed run over.
func bodyShapes() map[string]func(t testing.TB, rows int64) body {
	generated := func(shape workload.Shape, waiting float64) func(testing.TB, int64) body {
		return func(t testing.TB, rows int64) body {
			t.Helper()
			return generate(t, workload.Options{Seed: 1, Rows: rows, Shape: shape, LateShare: 0.02, WaitingShare: waiting})
		}
	}
	steady := generated(workload.Steady, 0)
	derived := func(derive func(testing.TB, body) body) func(testing.TB, int64) body {
		return func(t testing.TB, rows int64) body {
			t.Helper()
			return derive(t, steady(t, rows))
		}
	}
	return map[string]func(testing.TB, int64) body{
		"steady":     steady,
		"waiting":    generated(workload.Steady, 0.3),
		"manymodels": generated(workload.ManyModels, 0),
		"uuid":       generated(workload.UUID, 0),
		"precise":    derived(precise),
		"compact":    derived(compacted),
		"shuffled":   derived(shuffled),
	}
}

// generate returns a workload as a body and, from a second run, as its rows.
func generate(t testing.TB, opts workload.Options) body {
	t.Helper()
	var b body
	g := workload.New(opts)
	for ok := true; ok; {
		b.text, ok = g.AppendNDJSON(b.text)
	}
	g = workload.New(opts)
	for e := (event.Event{}); g.Next(&e); {
		b.rows = append(b.rows, e)
	}
	return b
}

// precise is a body whose numbers have all the digits that a float64 can have.
func precise(t testing.TB, b body) body {
	t.Helper()
	out := body{rows: b.rows}
	i := 0
	for line := range bytes.Lines(b.text) {
		e := &out.rows[i]
		i++
		before, numbers, _ := bytes.Cut(line, []byte(`"predicted_value": `))
		_, rest, ok := bytes.Cut(numbers, []byte(`, "model_version"`))
		require.True(t, ok)
		e.PredictedValue, e.ActualValue = e.PredictedValue/3, e.ActualValue/7e3
		out.text = append(append(out.text, before...), `"predicted_value": `...)
		out.text = strconv.AppendFloat(out.text, e.PredictedValue, 'g', -1, 64)
		out.text = strconv.AppendFloat(append(out.text, `, "actual_value": `...), e.ActualValue, 'g', -1, 64)
		out.text = append(append(out.text, `, "model_version"`...), rest...)
	}
	return out
}

// compacted is a body without the white space between tokens.
func compacted(t testing.TB, b body) body {
	t.Helper()
	var out bytes.Buffer
	for line := range bytes.Lines(b.text) {
		require.NoError(t, json.Compact(&out, bytes.TrimSpace(line)))
		out.WriteByte('\n')
	}
	return body{text: out.Bytes(), rows: b.rows}
}

// shuffled is a body with the keys of each line in an order of its own, odd
// white space and needless escapes.
func shuffled(t testing.TB, b body) body {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 0))
	spaces := []string{"", "", "", " ", "  ", "\t", " \t"}
	space := func() string { return spaces[r.IntN(len(spaces))] }
	out := make([]byte, 0, len(b.text)*5/4)
	for line := range bytes.Lines(b.text) {
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(line, &members))
		keys := make([]string, 0, len(members))
		for _, c := range []string{
			"timestamp", "model_id", "prediction_id", "features", "predicted_value", "actual_value", "model_version", "environment",
		} {
			if members[c] != nil {
				keys = append(keys, c)
			}
		}
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		for i, key := range keys {
			out = append(out, "{,,,,,,,,"[i])
			out = append(out, space()...)
			out = strconv.AppendQuote(out, key)
			out = append(out, space()...)
			out = append(out, ':')
			out = append(out, space()...)
			out = appendEscaped(out, members[key], r)
			out = append(out, space()...)
		}
		out = append(out, '}')
		out = append(out, space()...)
		out = append(out, '\n')
	}
	return body{text: out, rows: b.rows}
}

// appendEscaped appends a value in which, now and then, a letter is written as an
// escape sequence.
func appendEscaped(out []byte, value json.RawMessage, r *rand.Rand) []byte {
	quoted := value[0] == '"'
	at := 1 + r.IntN(4*len(value))
	for i, c := range value {
		if quoted && i == at && ('a' <= c && c <= 'z') && value[i-1] != '\\' {
			out = append(out, `\u00`...)
			out = strconv.AppendUint(out, uint64(c), 16)
			continue
		}
		out = append(out, c)
	}
	return out
}
